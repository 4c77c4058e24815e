"""The port to ingest: where a user's own activities are accepted, by the rules that hold for everybody who publishes."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from services.contracts.activity import Activity


class Publication(NamedTuple):
    """An activity as its author hands it in. native_id: what makes repeating it harmless."""

    activity: Activity
    native_id: str


class Publishing(Protocol):
    """What the feeds ask of ingest."""

    async def publish(self, publications: Sequence[Publication], authorization: str) -> None:
        """Return when all are kept. authorization: the author's own, as it came: ingest lets her do what she may, and no more.

        Raises ServiceUnavailable, and what ingest says of the first that it doesn't take; the others are kept then. Repeatable.
        """
