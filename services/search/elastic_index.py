"""The index in Elasticsearch: the adapter of both ports."""

from base64 import b64decode
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from elastic_transport import TransportError
from elasticsearch import ApiError, AsyncElasticsearch

from services.contracts.indices import Index
from services.runtime import metrics
from services.runtime.elastic import reason_of
from services.search.documents import BODY, FACTS, Document, body_of
from services.search.ports import Checkpoint, CheckpointLost, Found, Hit, IndexAway, Outcome, RequestRefused

_CONFLICT = 409
_MAX_OK = 299
# What the request itself is to blame for; everything else may pass.
_REFUSALS = frozenset({400, 401, 403, 413})
_BULK_ANSWER = ["items.*.status", "items.*.error.type", "items.*._seq_no", "items.*._primary_term"]
_FACTS_ANSWER = ["timed_out", f"hits.hits.fields.{FACTS}"]
_BULK_SECONDS = 60.0
_SEARCH_SECONDS = 10.0


class ElasticIndex:
    """One index behind its two aliases. client: its own retries are switched off, whoever calls decides."""

    def __init__(self, client: AsyncElasticsearch, index: Index) -> None:
        self._index = index
        self._writing = client.options(request_timeout=_BULK_SECONDS, max_retries=0, retry_on_timeout=False)
        self._reading = client.options(request_timeout=_SEARCH_SECONDS, max_retries=1, retry_on_timeout=False)

    async def bulk(self, documents: Sequence[Document]) -> list[Outcome]:
        """See WritableIndex."""
        operations: list[bytes] = []
        for document in documents:
            action = {"_id": document.id, "version": document.version, "version_type": "external"}
            operations += (self._action("index", action), document.source)
        return [_outcome(item) for item in await self._bulk(operations)]

    async def refresh(self) -> None:
        """See WritableIndex."""
        with _errors("refresh"), metrics.INDEX_REFRESH_SECONDS.time():
            answer = await self._writing.indices.refresh(index=self._index.name)
        if answer["_shards"]["failed"]:
            raise IndexAway("refresh_incomplete")

    async def checkpoints(self, partitions: Collection[int]) -> dict[int, Checkpoint]:
        """See WritableIndex."""
        if not partitions:
            return {}
        numbers = sorted(partitions)
        ids = [_checkpoint_id(number) for number in numbers]
        with _errors("mget"):
            answer = await self._writing.mget(index=self._index.write_alias, ids=ids, source=["position"])
        found = zip(numbers, answer["docs"], strict=True)
        if any("error" in item for item in answer["docs"]):
            raise IndexAway("checkpoints_incomplete")
        return {
            number: Checkpoint(number, item["_source"]["position"], item["_seq_no"], item["_primary_term"])
            for number, item in found
            if item.get("found")
        }

    async def save_checkpoints(self, checkpoints: Sequence[Checkpoint]) -> dict[int, Checkpoint]:
        """See WritableIndex."""
        operations: list[bytes] = []
        for point in checkpoints:
            identity = _checkpoint_id(point.partition)
            if point.seq_no < 0:
                action = self._action("create", {"_id": identity})
            else:
                condition = {"if_seq_no": point.seq_no, "if_primary_term": point.primary_term}
                action = self._action("index", {"_id": identity} | condition)
            # Deleted: no reader ever finds it.
            fields = {"sort_time": 0, "deleted": True, "position": point.position}
            operations += (action, orjson.dumps(fields))
        items = await self._bulk(operations)
        if any(item["status"] == _CONFLICT for item in items):
            raise CheckpointLost
        if failed := [item for item in items if item["status"] > _MAX_OK]:
            raise IndexAway(_outcome(failed[0]).error)
        return {
            point.partition: Checkpoint(point.partition, point.position, item["_seq_no"], item["_primary_term"])
            for point, item in zip(checkpoints, items, strict=True)
        }

    async def search(self, body: Mapping[str, Any]) -> Found:
        """See ReadableIndex."""
        answer = await self._search(body)
        total = answer["hits"].get("total", {"value": -1, "relation": "eq"})
        return Found(tuple(map(_hit, answer["hits"]["hits"])), total["value"], total["relation"] == "eq")

    async def facts(self, body: Mapping[str, Any]) -> list[bytes]:
        """See ReadableIndex."""
        answer = await self._search(body, _FACTS_ANSWER)
        hits: list[dict[str, Any]] = answer.get("hits", {}).get("hits", [])
        return [b64decode(hit["fields"][FACTS][0]) for hit in hits]

    async def get_many(self, ids: Sequence[str]) -> list[bytes | None]:
        """See ReadableIndex."""
        if not ids:
            return []
        with _errors("mget"):
            answer = await self._reading.mget(index=self._index.name, ids=list(ids), source=[BODY])
        if any("error" in item for item in answer["docs"]):
            raise IndexAway("mget_incomplete")
        return [body_of(item["_source"]) if item.get("found") else None for item in answer["docs"]]

    async def problem(self) -> str:
        """Return why this index can't serve, empty when it can: for readiness."""
        try:
            with _errors("get_alias"):
                answer = await self._reading.indices.get_alias(index=self._index.name)
        except IndexAway as away:
            missing = str(away).endswith("index_not_found_exception")
            return f"{self._index.name} is missing: run `sluice index apply`" if missing else f"away: {away}"
        except RequestRefused as refusal:
            return str(refusal)
        aliases = answer[self._index.name]["aliases"]
        lacking = {self._index.alias, self._index.write_alias} - set(aliases)
        return f"without alias {', '.join(sorted(lacking))}: run `sluice index apply`" if lacking else ""

    async def _search(self, body: Mapping[str, Any], only: list[str] | None = None) -> dict[str, Any]:
        with _errors("search"), metrics.ELASTIC_SECONDS.labels("search").time():
            # Part of an answer would pass for all of it.
            answer = await self._reading.search(
                index=self._index.name, body=dict(body), allow_partial_search_results=False, filter_path=only
            )
        if answer["timed_out"]:
            raise IndexAway("search_timed_out")
        found: dict[str, Any] = answer.body
        return found

    def _action(self, kind: str, fields: Mapping[str, Any]) -> bytes:
        # Per item, not in the path: there the embedded server resolves the alias before it asks whether it is one.
        return orjson.dumps({kind: {"_index": self._index.write_alias, **fields}})

    async def _bulk(self, operations: list[Any]) -> list[dict[str, Any]]:
        if not operations:
            return []
        with _errors("bulk"):
            answer = await self._writing.bulk(operations=operations, require_alias=True, filter_path=_BULK_ANSWER)
        return [next(iter(item.values())) for item in answer["items"]]


def _checkpoint_id(partition: int) -> str:
    return f"checkpoint-{partition}"


def _outcome(item: Mapping[str, Any]) -> Outcome:
    return Outcome(item["status"], item.get("error", {}).get("type", ""))


def _hit(hit: Mapping[str, Any]) -> Hit:
    marked = tuple(hit.get("highlight", {}).get("text", ()))
    return Hit(hit["_id"], hit.get("_score") or 0.0, tuple(hit.get("sort", ())), hit.get("_source", {}), marked)


@contextmanager
def _errors(operation: str) -> Iterator[None]:
    """Turn the client's errors into those of the ports. Their texts stay behind: they may quote documents and queries."""
    try:
        yield
    except (ApiError, TransportError) as error:
        reason = reason_of(error)
        metrics.ELASTIC_FAILURES.labels(operation, reason).inc()
        if isinstance(error, ApiError) and error.status_code in _REFUSALS:
            raise RequestRefused(error.status_code) from None
        raise IndexAway(reason) from None
