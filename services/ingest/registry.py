"""The kinds of channels there are. A connector's module is imported when its kind is first asked for."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TypeGuard

from services.ingest.source import Connector, FetchingConnector, ReceivingConnector

_MODULES = {
    "rss": "rss",
    "mastodon": "mastodon",
    "hcl-connections": "hcl_connections",
    "activitystreams": "activitystreams",
}


class _Kinds(Mapping[str, Connector]):
    """kind → connector."""

    def __getitem__(self, kind: str) -> Connector:
        module = import_module(f"services.ingest.sources.{_MODULES[kind]}")
        connector: Connector = module.CONNECTOR
        return connector

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)

    def __contains__(self, kind: object) -> bool:
        return kind in _MODULES


KINDS: Mapping[str, Connector] = _Kinds()


def fetches(connector: Connector) -> TypeGuard[FetchingConnector]:
    """Return whether the connector goes and gets."""
    return hasattr(connector, "run")


def receives(connector: Connector) -> TypeGuard[ReceivingConnector]:
    """Return whether the channel posts to us."""
    return hasattr(connector, "verify")
