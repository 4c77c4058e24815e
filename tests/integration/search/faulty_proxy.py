"""A proxy before Elasticsearch that can be away and shed load."""

import orjson
from aiohttp import ClientSession, web

HOP_BY_HOP = {"content-length", "transfer-encoding", "content-encoding", "connection", "host"}


class FaultyProxy:
    """Passes requests on to target. away: drops connections; shed: that many bulks have every second item answered with 429."""

    def __init__(self, target: str) -> None:
        self.away = False
        self.shed = 0
        self.dropped = 0
        self.url = ""
        self._target = target

    async def start(self) -> None:
        """Listen on a free port."""
        self._session = ClientSession()
        app = web.Application(client_max_size=100 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Close everything."""
        await self._runner.cleanup()
        await self._session.close()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if self.away:
            self.dropped += 1
            request.transport.abort()
            return web.Response(status=500)
        if self.shed and request.path.endswith("_bulk") and b"checkpoint-" not in body:
            self.shed -= 1
            return await self._shed(request, body)
        status, headers, answer = await self._ask(request, body)
        return web.Response(status=status, headers=headers, body=answer)

    async def _shed(self, request, body):
        lines = body.rstrip(b"\n").split(b"\n")
        pairs = list(zip(lines[::2], lines[1::2], strict=True))
        kept = b"".join(b"\n".join(pair) + b"\n" for pair in pairs[::2])
        status, headers, answer = await self._ask(request, kept)
        items = iter(orjson.loads(answer)["items"])
        refused = {"index": {"status": 429, "error": {"type": "es_rejected_execution_exception"}}}
        merged = [refused if number % 2 else next(items) for number in range(len(pairs))]
        return web.Response(status=status, headers=headers, body=orjson.dumps({"items": merged}))

    async def _ask(self, request, body):
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        async with self._session.request(
            request.method, f"{self._target}{request.path_qs}", headers=headers, data=body
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
            return answer.status, kept, await answer.read()
