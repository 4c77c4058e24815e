"""The sources file: TOML, one `[[sources]]` table a source.

    [[sources]]
    id = "engineering-blog"                  # unique; people follow channel:engineering-blog
    kind = "rss"                             # rss, mastodon, hcl-connections, activitystreams
    url = "https://blog.example/feed.xml"    # where it fetches from; none for kinds that only receive
    audience = "public"                      # public, internal, {groups = ["group:…"]} or {recipients = ["person:…"]}
    instance = "blog.example"                # default: the URL's host, else the id
    company_ids = false                      # its person ids are the company directory's
    interval_s = 60
    secret_file = "secrets/blog"             # or secret_env = "BLOG_TOKEN"; never the secret itself
    [sources.options]                        # the connector's own

audience has no default: whether a channel is inside or outside must be said by a person.
"""

import math
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from services.contracts.activity import Audience, Scope
from services.ingest.cleaning import unfit_for_name
from services.ingest.registry import KINDS
from services.ingest.source import SourceConfig

_TYPES: dict[str, type | tuple[type, ...]] = {
    "id": str,
    "kind": str,
    "url": str,
    "instance": str,
    "audience": (str, dict),
    "company_ids": bool,
    "interval_s": (int, float),
    "secret_env": str,
    "secret_file": str,
    "options": dict,
}
_MAX_ID = 200
_MIN_INTERVAL_S = 0.1


class SourcesInvalid(ValueError):
    """The sources file can't be used. The text names the source and the key and never shows a secret."""


def load_sources(path: Path, environ: Mapping[str, str]) -> tuple[SourceConfig, ...]:
    """Read the sources file. Secret files are relative to it. Raises SourcesInvalid."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SourcesInvalid(f"{path} can't be read: {type(error).__name__}") from None
    except tomllib.TOMLDecodeError as error:
        raise SourcesInvalid(f"{path} is not TOML: {error}") from None
    tables = document.get("sources", [])
    if set(document) - {"sources"} or not isinstance(tables, list):
        raise SourcesInvalid(f"{path} holds [[sources]] tables and nothing else")
    sources = tuple(_source(table, place, path.parent, environ) for place, table in enumerate(tables, start=1))
    _check_unique(sources)
    return sources


def _check_unique(sources: Iterable[SourceConfig]) -> None:
    seen: set[str] = set()
    for source in sources:
        if source.id in seen:
            raise SourcesInvalid(f"two sources have the id {source.id!r}")
        seen.add(source.id)


def _source(table: Any, place: int, folder: Path, environ: Mapping[str, str]) -> SourceConfig:
    if not isinstance(table, dict):
        raise SourcesInvalid(f"source {place} is not a table")
    label = f"source {place} ({table.get('id', 'without id')})"
    _check_keys(table, label)
    source_id, url = table["id"], table.get("url", "")
    return SourceConfig(
        id=source_id,
        kind=table["kind"],
        url=url,
        instance=table.get("instance") or _host(url, label) or source_id,
        audience=_audience(table["audience"], label),
        company_ids=table.get("company_ids", False),
        interval_s=float(table.get("interval_s", 60.0)),
        secret=_secret(table, label, folder, environ),
        options=table.get("options", {}),
    )


def _check_keys(table: Mapping[str, Any], label: str) -> None:
    for key, value in table.items():
        if key == "secret":
            raise SourcesInvalid(f"{label}: a secret doesn't belong in this file; use secret_file or secret_env")
        if key not in _TYPES:
            raise SourcesInvalid(f"{label}: unknown key {key!r}; there are {', '.join(_TYPES)}")
        if not isinstance(value, _TYPES[key]):
            raise SourcesInvalid(f"{label}: {key} has the wrong type")
    for key in ("id", "kind", "audience"):
        if not table.get(key):
            raise SourcesInvalid(f"{label}: {key} is missing")
    if len(table["id"]) > _MAX_ID or unfit_for_name(table["id"]) or "/" in table["id"]:
        raise SourcesInvalid(f"{label}: id has at most {_MAX_ID} characters, no / and no control characters")
    if table["kind"] not in KINDS:
        raise SourcesInvalid(f"{label}: unknown kind {table['kind']!r}; there are {', '.join(KINDS)}")
    interval = float(table.get("interval_s", 60.0))
    if not math.isfinite(interval) or interval < _MIN_INTERVAL_S:
        raise SourcesInvalid(f"{label}: interval_s is at least {_MIN_INTERVAL_S}")


def _host(url: str, label: str) -> str:
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise SourcesInvalid(f"{label}: url is http(s)://host…")
    if parts.username or parts.password:
        raise SourcesInvalid(f"{label}: url must carry no credentials; use secret_file or secret_env")
    return host


def _audience(value: Any, label: str) -> Audience:
    match value:
        case "public" | "internal":
            return Audience(Scope[value.upper()])
        case {"groups": [_, *_] as names, **rest} if not rest and _all_named(names, "group:"):
            return Audience(Scope.GROUP, groups=tuple(names))
        case {"recipients": [_, *_] as names, **rest} if not rest and _all_named(names, "person:"):
            return Audience(Scope.DIRECT, recipients=tuple(names))
    raise SourcesInvalid(f'{label}: audience is "public", "internal", {{groups = ["group:…"]}} or {{recipients = ["person:…"]}}')


def _all_named(names: Iterable[Any], kind: str) -> bool:
    return all(isinstance(name, str) and name.startswith(kind) and len(name) > len(kind) for name in names)


def _secret(table: Mapping[str, Any], label: str, folder: Path, environ: Mapping[str, str]) -> str:
    if "secret_env" in table and "secret_file" in table:
        raise SourcesInvalid(f"{label}: secret_env and secret_file are both set; give one of them")
    if "secret_env" in table:
        secret = environ.get(table["secret_env"], "")
    elif "secret_file" in table:
        try:
            secret = (folder / table["secret_file"]).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SourcesInvalid(f"{label}: secret_file can't be read: {type(error).__name__}") from None
    else:
        return ""
    if not secret:
        raise SourcesInvalid(f"{label}: the secret it names is empty")
    return secret
