"""Which worker owns a user: the assignment that Faust's leader gave to all members of the group."""

from collections.abc import Mapping
from typing import Any

from services.contracts.topics import RELATIONS

_SCHEME = "grpc://"


def canonical_url(address: str) -> str:
    """Return the URL under which Faust knows a worker. address: where its gRPC is reached, `host:port`."""
    return _SCHEME + address


class Ownership:
    """Addresses by partition. Faust's key_store knows changelog topics only, so the assignor's map is read directly."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def address_of(self, partition: int) -> str | None:
        """Return the address of a partition's owner, None while nobody is known."""
        return owner_in(self._app.assignor.external_topics_metadata(), partition)


def owner_in(distribution: Mapping[str, Mapping[str, list[int]]], partition: int) -> str | None:
    """Return who owns a partition of the relations. distribution: URL → topic → partitions."""
    for url, topics in distribution.items():
        if partition in topics.get(RELATIONS.name, ()):
            return str(url).removeprefix(_SCHEME)
    return None
