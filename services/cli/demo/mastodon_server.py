"""A Mastodon instance as far as a client of its public timeline sees it: REST pages by id, and server-sent events."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

import orjson
from aiohttp import web

PAGE_LIMIT = 40
DEFAULT_LIMIT = 20
HEARTBEAT_S = 15.0


class MastodonServer:
    """Keeps statuses in the order of their ids and tells every open stream what happens."""

    def __init__(self) -> None:
        self.statuses: dict[int, dict[str, Any]] = {}
        self._streams: set[asyncio.Queue[bytes]] = set()
        self._newest = 0

    def dump(self) -> dict[str, Any]:
        """Return what a restart needs."""
        return {str(native): status for native, status in self.statuses.items()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from what `dump` returned."""
        self.statuses = {int(native): status for native, status in state.items()}
        self._newest = max(self.statuses, default=0)

    def add(
        self, *, author: str, content: str, language: str, tags: tuple[str, ...], created_ms: int, visibility: str = "public"
    ) -> str:
        """Publish a status; return its id."""
        # As in the real one, ids grow with the time: milliseconds and a counter.
        self._newest = max(self._newest + 1, created_ms << 16)
        native = str(self._newest)
        status = {
            "id": native,
            "uri": f"https://social.example/users/{author}/statuses/{native}",
            "url": f"https://social.example/@{author}/{native}",
            "created_at": _iso(created_ms),
            "edited_at": None,
            "content": f"<p>{content}</p>",
            "language": language,
            "visibility": visibility,
            "spoiler_text": "",
            "sensitive": False,
            "in_reply_to_id": None,
            "reblog": None,
            "media_attachments": [],
            "mentions": [],
            "tags": [{"name": tag, "url": f"https://social.example/tags/{tag}"} for tag in tags],
            "account": {
                "id": str(crc32(author.encode())),
                "username": author,
                "acct": author,
                "display_name": author.capitalize(),
                "url": f"https://social.example/@{author}",
                "uri": f"https://social.example/users/{author}",
                "avatar": "",
            },
        }
        self.statuses[self._newest] = status
        self._tell("update", orjson.dumps(status))
        return native

    def edit(self, native: str, content: str, edited_ms: int) -> None:
        """Change a status's content."""
        status = self.statuses[int(native)]
        status.update(content=f"<p>{content}</p>", edited_at=_iso(edited_ms))
        self._tell("status.update", orjson.dumps(status))

    def delete(self, native: str) -> None:
        """Take a status back."""
        del self.statuses[int(native)]
        self._tell("delete", native.encode())

    def routes(self, prefix: str) -> list[web.RouteDef]:
        """Return the routes under prefix."""
        return [
            web.get(f"{prefix}/api/v1/timelines/public", self._timeline),
            web.get(f"{prefix}/api/v1/statuses/{{id}}", self._status),
            web.get(f"{prefix}/api/v1/streaming/public", self._stream),
            web.get(f"{prefix}/api/v1/streaming/public/local", self._stream),
        ]

    def _tell(self, event: str, payload: bytes) -> None:
        for stream in self._streams:
            stream.put_nowait(b"event: " + event.encode() + b"\ndata: " + payload + b"\n\n")

    async def _timeline(self, request: web.Request) -> web.Response:
        limit = min(int(request.query.get("limit", DEFAULT_LIMIT)), PAGE_LIMIT)
        above = int(request.query.get("min_id") or request.query.get("since_id") or 0)
        below = int(request.query.get("max_id") or 2**63)
        ids = [native for native in self.statuses if above < native < below]
        # min_id pages upwards from the id; everything else is the newest first.
        page = ids[:limit] if "min_id" in request.query else ids[-limit:]
        page.reverse()
        links = []
        if page:
            base = request.url.with_query({"limit": str(limit)})
            links = [f'<{base.update_query(max_id=page[-1])}>; rel="next"', f'<{base.update_query(min_id=page[0])}>; rel="prev"']
        return web.Response(
            body=orjson.dumps([self.statuses[native] for native in page]),
            content_type="application/json",
            headers={"Link": ", ".join(links)} if links else {},
        )

    async def _status(self, request: web.Request) -> web.Response:
        key = request.match_info["id"]
        status = self.statuses.get(int(key)) if key.isdigit() else None
        if status is None:
            return web.Response(status=404, body=b'{"error":"Record not found"}', content_type="application/json")
        return web.Response(body=orjson.dumps(status), content_type="application/json")

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._streams.add(queue)
        try:
            await response.write(b":)\n")
            while True:
                try:
                    chunk = await asyncio.wait_for(queue.get(), HEARTBEAT_S)
                except TimeoutError:
                    chunk = b":thump\n"
                await response.write(chunk)
        except ConnectionError:
            return response  # the client went away, as clients do
        finally:
            self._streams.discard(queue)


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
