"""An application that posts Activity Streams 2.0 to the inbox, signed as Standard Webhooks describes."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
from standardwebhooks.webhooks import Webhook


def note(
    *, native: str, author: str, content: str, language: str, tags: tuple[str, ...], to: tuple[str, ...], created_ms: int
) -> dict[str, Any]:
    """Return a Create of a Note. to: user ids, or empty for the configured audience."""
    time = datetime.fromtimestamp(created_ms / 1000, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body: dict[str, Any] = {
        "@context": "https://www.w3.org/ns/activitystreams",
        "type": "Create",
        "id": f"https://apps.example/acts/{native}",
        "published": time,
        "actor": {"type": "Person", "id": author, "name": author.capitalize()},
        "object": {
            "type": "Note",
            "id": f"https://apps.example/notes/{native}",
            "content": f"<p>{content}</p>",
            "contentMap": {language: f"<p>{content}</p>"},
            "tag": [{"type": "Hashtag", "name": f"#{tag}"} for tag in tags],
            "published": time,
        },
    }
    if to:
        body["to"] = list(to)
    return body


class WebhookSender:
    """Posts to one inbox and repeats until it is acknowledged, as Standard Webhooks asks senders to."""

    def __init__(self, url: str, secret: str) -> None:
        self.url = url
        self._webhook = Webhook(secret)
        self._client = httpx.AsyncClient(timeout=10.0)

    async def send(self, native: str, document: dict[str, Any], *, patience_s: float = 60.0) -> None:
        """Deliver one document; raise TimeoutError when the inbox hasn't acknowledged it within patience_s."""
        body = orjson.dumps(document)
        pause_s = 0.1
        async with asyncio.timeout(patience_s):
            while True:
                if await self._try(native, body):
                    return
                await asyncio.sleep(pause_s)
                pause_s = min(2.0, pause_s * 2)

    async def _try(self, native: str, body: bytes) -> bool:
        now = datetime.now(tz=UTC)
        headers = {
            "webhook-id": f"msg_{native}",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(f"msg_{native}", now, body.decode()),
            "content-type": "application/activity+json",
        }
        try:
            response = await self._client.post(self.url, content=body, headers=headers)
        except httpx.TransportError:
            return False
        if response.is_client_error and response.status_code != httpx.codes.TOO_MANY_REQUESTS:
            raise RuntimeError(f"the inbox refused a webhook with {response.status_code}")
        return response.is_success

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
