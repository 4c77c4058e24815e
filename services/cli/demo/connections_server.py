"""HCL Connections as far as a client of its activity stream sees it: the `list` envelope, `updatedSince`, pages, basic auth."""

import base64
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

PAGE_LIMIT = 200
PERSON = "urn:lsid:lconn.ibm.com:profiles.person:"


class ConnectionsServer:
    """Keeps stories in the order of their update and serves the newest first."""

    def __init__(self, user: str, password: str) -> None:
        self.stories: list[dict[str, Any]] = []
        self._expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def dump(self) -> list[dict[str, Any]]:
        """Return what a restart needs."""
        return self.stories

    def load(self, state: list[dict[str, Any]]) -> None:
        """Go on from what `dump` returned."""
        self.stories = state

    def add(
        self,
        *,
        native: str,
        author: str,
        title: str,
        tags: tuple[str, ...],
        group: str,
        group_name: str,
        created_ms: int,
        verb: str = "post",
    ) -> None:
        """Publish a story; in a restricted community when group is given."""
        object_id = f"urn:lsid:lconn.ibm.com:blogs.entry:{native}"
        story: dict[str, Any] = {
            "id": f"urn:lsid:lconn.ibm.com:activitystreams.story:{native}",
            "published": _iso(created_ms),
            "updated": _iso(created_ms),
            "verb": verb,
            "title": title,
            "content": title,
            "url": f"https://connections.example/story/{native}",
            "actor": {"objectType": "person", "id": f"{PERSON}{author}", "displayName": author.capitalize()},
            "object": {
                "objectType": "note",
                "id": object_id,
                "displayName": title,
                "url": f"https://connections.example/entry/{native}",
                "tags": [{"objectType": "tag", "displayName": tag} for tag in tags],
            },
            "connections": {"rollupid": object_id, "isPublic": "false" if group else "true"},
        }
        if group:
            story["connections"] |= {
                "communityid": f"urn:lsid:lconn.ibm.com:communities.community:{group}",
                "containerName": group_name,
            }
            story["target"] = {
                "objectType": "community",
                "id": f"urn:lsid:lconn.ibm.com:communities.community:{group}",
                "displayName": group_name,
            }
        self.stories.append(story)

    def routes(self, prefix: str) -> list[web.RouteDef]:
        """Return the routes under prefix."""
        return [web.get(f"{prefix}/opensocial/basic/rest/activitystreams/{{who}}/{{group}}/{{app}}", self._page)]

    async def _page(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != self._expected:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="Connections"'})
        start = int(request.query.get("startIndex", 0))
        count = min(int(request.query.get("count", 20)), PAGE_LIMIT)
        since = request.query.get("updatedSince", "")
        floor = int(since) if since.isdigit() else _ms(since) if since else 0
        found = [story for story in reversed(self.stories) if _ms(story["updated"]) >= floor]
        page = found[start : start + count]
        body = {
            "startIndex": start,
            "itemsPerPage": len(page),
            "totalResults": len(found),
            "filtered": True,
            "sorted": True,
            "list": page,
        }
        return web.Response(body=orjson.dumps(body), content_type="application/json")


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)
