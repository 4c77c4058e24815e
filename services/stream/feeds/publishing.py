"""The port to ingest: where a user's own activities are accepted, by the rules that hold for everybody who publishes."""

from collections.abc import Sequence
from typing import Protocol

from services.contracts.activity import Activity


class Publishing(Protocol):
    """What the feeds ask of ingest."""

    async def publish(self, activities: Sequence[Activity], authorization: str) -> None:
        """Return when all are kept. activities: with their sources, which make repeating it harmless.

        authorization: the author's own, as it came: ingest lets her do what she may, and no more.

        Raises ServiceUnavailable, and what ingest says of the first that it doesn't take; the others are kept then. Repeatable.
        """
