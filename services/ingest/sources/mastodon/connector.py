"""Following one timeline: the stream first, then what was missed, then the stream again."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from services.ingest.json_payload import parse_json
from services.ingest.source import Cursor, Deliver, MalformedPayload, Mapped, SourceConfig
from services.ingest.sources.mastodon.catch_up import CatchUp
from services.ingest.sources.mastodon.cursor import TimelineCursor
from services.ingest.sources.mastodon.entities import joined, map_entity
from services.ingest.sources.mastodon.events import is_envelope, is_event_stream, map_envelope, map_event_stream
from services.ingest.sources.mastodon.follower import Follower
from services.ingest.sources.mastodon.live import LiveEvents
from services.ingest.sources.mastodon.options import MastodonOptions
from services.ingest.sources.mastodon.rest import Instance
from services.runtime.fetch_errors import UnexpectedStatus

# The server sends a heartbeat every 15 seconds.
_SILENCE_S = 60.0
# Many instances stream to nobody without a token and still show their public timeline.
_NO_STREAM = (401, 403, 404)


@dataclass(frozen=True, slots=True)
class MastodonConnector:
    """Mastodon and what speaks its API. now_s: Unix time."""

    now_s: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    kind: str = "mastodon"

    def map_payload(self, payload: bytes, config: SourceConfig, *, content_type: str = "") -> Mapped:
        """Map what the API returns or the stream sends: an entity, a page, an envelope or text of an event stream."""
        if content_type.startswith("text/event-stream") or is_event_stream(payload):
            return map_event_stream(payload, config)
        document = parse_json(payload)
        if is_envelope(document):
            return map_envelope(document, config)
        if isinstance(document, list) and any(map(is_envelope, document)):
            return joined([map_envelope(item, config) if is_envelope(item) else map_entity(item, config) for item in document])
        if not isinstance(document, dict | list):
            raise MalformedPayload("json-scalar", "neither an object nor a list")
        return map_entity(document, config)

    async def run(self, config: SourceConfig, cursor: Cursor, deliver: Deliver, http: Any) -> None:
        """Follow the timeline until the stream ends, which is an error like any other: started again, it catches up.

        The stream is opened before the catch-up begins, so nothing falls between the two; what both bring may be delivered twice.
        An instance that streams to nobody is polled every interval_s instead.
        Raises FetchError, AnswerUnreadable, OptionInvalid and what deliver raises.
        """
        options = MastodonOptions.of(config)
        instance = Instance(config, http, self.now_s)
        follower = Follower(CatchUp(instance, options), TimelineCursor.read(cursor), deliver, self.now_s)
        base = options.streaming_url.rstrip("/") or await instance.streaming_base()
        async with AsyncExitStack() as stack:
            try:
                stream = http.events(f"{base}{options.streaming()}", instance.headers, silence_s=_SILENCE_S)
                live = await stack.enter_async_context(LiveEvents(await stack.enter_async_context(stream)))
            except UnexpectedStatus as refused:
                if refused.status not in _NO_STREAM:
                    raise
                await self._poll(follower, config.interval_s)
            else:
                await follower.follow(live)

    async def _poll(self, follower: Follower, interval_s: float) -> None:
        while True:
            await follower.catch_up()
            await self.sleep(interval_s)
