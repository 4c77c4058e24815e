"""The connector of kind `activitystreams`: a channel that posts to us."""

from collections.abc import Mapping
from itertools import islice

import orjson

from services.contracts.activity import Activity
from services.ingest.json_payload import parse_json
from services.ingest.source import Mapped, Rejection, SourceConfig
from services.ingest.sources.activitystreams.acts import activities_of, described_link
from services.ingest.sources.activitystreams.documents import unfold
from services.ingest.sources.activitystreams.json_ld import plain
from services.ingest.sources.activitystreams.standard_webhooks import secrets_of, verify_signature

MAX_ITEMS = 10_000


class ActivityStreams:
    """Maps Activity Streams 1.0 and 2.0; verifies Standard Webhooks."""

    kind = "activitystreams"

    def map_payload(self, payload: bytes, config: SourceConfig, *, content_type: str = "") -> Mapped:
        """Map a document: an act, a thing, a list or a collection of them. Pure.

        Raises MalformedPayload for what is no JSON within bounds. Items that are neither an object nor an address, or that say
        nothing, become rejections, the others are mapped all the same.
        """
        del content_type  # 1.0 and 2.0 are told apart by what they say: senders label both application/json
        items = unfold(plain(parse_json(payload)))
        activities: list[Activity] = []
        rejections: list[Rejection] = []
        for item in islice(items, MAX_ITEMS):
            found = _map_item(item, config)
            if isinstance(found, Rejection):
                rejections.append(found)
            else:
                activities.extend(found)
        if next(items, None) is not None:
            rejections.append(Rejection("too-many-items", f"only the first {MAX_ITEMS} items of a document are read"))
        return Mapped(tuple(activities), tuple(rejections))

    def verify(self, headers: Mapping[str, str], body: bytes, config: SourceConfig, *, now_s: float) -> None:
        """Check the Standard Webhooks signature. config.secret: one or more `whsec_…`. Raises SignatureInvalid."""
        verify_signature(headers, body, secrets_of(config.secret), now_s=now_s)


def _map_item(item: object, config: SourceConfig) -> list[Activity] | Rejection:
    if isinstance(item, str) and item.strip():
        item = described_link(item.strip())
    if not isinstance(item, dict):
        return Rejection("item-not-an-object", "an item is neither an object nor an address", payload=orjson.dumps(item))
    activities = activities_of(item, config)
    if activities:
        return activities
    return Rejection("item-empty", "an item names neither a thing nor what was done to which", payload=orjson.dumps(item))


CONNECTOR = ActivityStreams()
