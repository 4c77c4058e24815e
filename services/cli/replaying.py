"""Another try for dead letters, the way they first came: nobody writes where only one writer may."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from services.cli.dead_letters import DeadLetter
from services.contracts.cloud_events import DLQ_ATTEMPTS
from services.contracts.indices import ACTIVITIES_ALIAS, activities_index
from services.contracts.partitions import key_partitioner
from services.contracts.topics import ACTIVITIES, ACTIVITIES_RAW
from services.ingest.acceptance import Accepted, accept
from services.ingest.publisher import KafkaPublisher
from services.ingest.registry import KINDS
from services.ingest.settings import SourcesInvalid, load_sources
from services.ingest.source import MalformedPayload, SourceConfig
from services.ingest.source_files import files_config
from services.runtime.elastic import build_client
from services.runtime.producer import AcknowledgedProducer
from services.runtime.records import Outgoing
from services.runtime.settings import Settings
from services.search.bulk_writer import BulkWriter
from services.search.documents import RecordRefused, document_at
from services.search.elastic_index import ElasticIndex

INDEX_PATIENCE_S = 20.0

Try = Callable[[DeadLetter], Awaitable[str]]


async def replay_letters(settings: Settings, letters: list[DeadLetter], *, dry_run: bool) -> list[str]:
    """Try letters again; return a sentence for each. dry_run: say what would be done."""
    if dry_run or not letters:
        return [f"{letter.place} ({letter.reason}): {_plan(letter)}" for letter in letters]
    async with _tries(settings) as tries:
        return [f"{letter.place} ({letter.reason}): {await tries[letter.service](letter)}" for letter in letters]


def _plan(letter: DeadLetter) -> str:
    plans = {
        "ingest": f"would be mapped again as source {letter.origin}",
        "refine": f"would go into {ACTIVITIES_RAW.name} again",
        "indexer": f"would be written to {ACTIVITIES_ALIAS} at the version of {letter.origin}",
    }
    return plans.get(letter.service, _of_feeds(letter))


def _of_feeds(letter: DeadLetter) -> str:
    topic = letter.origin.split("/", maxsplit=1)[0]
    return f"{topic} still has it; feeds reads it again at its next start"


@asynccontextmanager
async def _tries(settings: Settings) -> AsyncIterator[dict[str, Try]]:
    producer = AcknowledgedProducer(settings.kafka.security(), "sluice-dlq-replay", key_partitioner)
    elastic = build_client(settings.elasticsearch)
    await producer.start()

    async def again_raw(letter: DeadLetter) -> str:
        headers = [*letter.headers, (DLQ_ATTEMPTS, str(letter.attempts + 1).encode())]
        await producer.send_many([Outgoing(ACTIVITIES_RAW.name, letter.key, letter.value, headers)])
        return f"sent to {ACTIVITIES_RAW.name}"

    async def again_mapped(letter: DeadLetter) -> str:
        return await _map_again(settings, producer, letter)

    async def again_indexed(letter: DeadLetter) -> str:
        topic, _, offset = letter.origin.rsplit("/", 2)
        if topic != ACTIVITIES.name:
            return f"can't be indexed: it came from {topic}"
        try:
            document = document_at(letter.key, letter.value, int(offset))
        except RecordRefused as error:
            return f"refused again: {error.reason}"
        shape = settings.elasticsearch
        index = activities_index(shards=shape.shards, replicas=shape.replicas, core=shape.core_analysis)
        try:
            async with asyncio.timeout(INDEX_PATIENCE_S):
                refused = await BulkWriter(ElasticIndex(elastic, index)).write([document])
        except TimeoutError:
            return f"not indexed: Elasticsearch did not take it within {INDEX_PATIENCE_S:.0f} s"
        return f"refused again: {refused[0].reason}" if refused else "indexed, unless a newer version was there"

    async def again_at_start(letter: DeadLetter) -> str:
        return _of_feeds(letter)

    try:
        yield {"ingest": again_mapped, "refine": again_raw, "indexer": again_indexed, "feeds": again_at_start}
    finally:
        await producer.close()
        await elastic.close()


async def _map_again(settings: Settings, producer: AcknowledgedProducer, letter: DeadLetter) -> str:
    path = settings.sources_file or settings.data_dir / "sources.toml"
    try:
        sources = load_sources(path, os.environ)
    except SourcesInvalid as error:
        return f"can't be mapped: {error}"
    files = [files_config(kind) for kind in KINDS]
    config: SourceConfig | None = next((source for source in (*sources, *files) if source.id == letter.origin), None)
    if config is None:
        return f"can't be mapped: {path} has no source {letter.origin!r}"
    try:
        mapped = KINDS[config.kind].map_payload(letter.value or b"", config)
    except MalformedPayload as error:
        return f"refused again: {error.reason}"
    outcomes = [accept(activity, now_ms=int(time.time() * 1000)) for activity in mapped.activities]
    accepted = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
    await KafkaPublisher(producer).publish(accepted)
    return f"{len(accepted)} activities accepted, {len(outcomes) - len(accepted) + len(mapped.rejections)} refused again"
