"""An instance that speaks as much of Mastodon's API as a client of its timelines uses, and misbehaves when asked to."""

import asyncio
import json

from aiohttp import web

BASE = 1_772_438_400_000 << 16  # ids are milliseconds and a counter, as in the real one


class MastodonInstance:
    """Statuses by id, notifications, open streams. refuse: path → response instead."""

    def __init__(self):
        self.statuses = {}
        self.notifications = []
        self.asked = []
        self.refuse = {}
        self.streams = []
        self.before_page = None
        self._changed = asyncio.Condition()

    def routes(self):
        return [web.get("/{path:.*}", self._answer)]

    def status(self, number, **fields):
        native = str(BASE + number)
        self.statuses[native] = {
            "id": native,
            "uri": f"https://social.example/{native}",
            "created_at": "2026-03-02T08:00:00.000Z",
            "edited_at": None,
            "content": f"<p>{number}</p>",
            "visibility": "public",
            "account": {"id": "1", "acct": "anna", "username": "anna"},
            **fields,
        }
        return self.statuses[native]

    def add(self, number, **fields):
        """Publish a status and tell every stream."""
        self.tell("update", json.dumps(self.status(number, **fields)))

    def edit(self, number):
        """Change a status without telling anybody."""
        self.statuses[str(BASE + number)] |= {"content": "<p>edited</p>", "edited_at": f"2026-03-02T09:00:{number:02}.000Z"}

    def delete(self, number):
        """Take a status back without telling anybody."""
        del self.statuses[str(BASE + number)]

    def tell(self, event, data):
        for stream in self.streams:
            stream.put_nowait(f"event: {event}\ndata: {data}\n\n".encode())

    def hang_up(self):
        """End all streams, as a server that restarts does."""
        for stream in self.streams:
            stream.put_nowait(None)
        self.streams.clear()

    async def until_streaming(self):
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: self.streams)

    async def _answer(self, request):
        self.asked.append((request.path, dict(request.query), request.headers.get("Authorization", "")))
        if request.path in self.refuse:
            return self.refuse[request.path]()
        if request.path.startswith("/api/v1/streaming/"):
            return await self._stream(request)
        if request.path.startswith("/api/v1/timelines/"):
            if self.before_page:
                self.before_page()
            return self._page(request, list(self.statuses.values()))
        if request.path == "/api/v1/notifications":
            return self._page(request, self.notifications)
        if request.path.startswith("/api/v1/statuses/"):
            found = self.statuses.get(request.path.rpartition("/")[2])
            return web.json_response(found) if found else web.json_response({"error": "Record not found"}, status=404)
        return web.json_response({"error": "not here"}, status=404)

    def _page(self, request, items):
        limit, query = int(request.query.get("limit", 20)), request.query
        items = sorted(items, key=lambda item: int(item["id"]))
        chosen = [item for item in items if int(query.get("min_id", 0)) < int(item["id"]) < int(query.get("max_id", 2**63))]
        page = chosen[:limit] if "min_id" in query else chosen[-limit:]
        links = {"Link": f'<https://elsewhere.example/?min_id={page[-1]["id"]}>; rel="prev"'} if page else {}
        return web.json_response(page[::-1], headers=links)

    async def _stream(self, request):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b":)\n")
        queue = asyncio.Queue()
        self.streams.append(queue)
        async with self._changed:
            self._changed.notify_all()
        while (chunk := await queue.get()) is not None:
            await response.write(chunk)
        return response
