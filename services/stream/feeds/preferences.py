"""How the users of the owned partitions want their feeds: the last record of each key of sluice.preferences.v1 wins. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from services.contracts.preferences import Preference, preference_from_bytes, preference_of_key
from services.runtime.records import Record
from services.stream.feeds.intake import Taken


class Preferences:
    """Few users say anything, so what they say is kept as it is. The same record again changes nothing."""

    def __init__(self) -> None:
        self._of: dict[int, dict[bytes, Preference]] = {}

    def of(self, partition: int, user: str, feed: str) -> Preference:
        """Return what a user wants; what holds for everybody while she has said nothing. Raises KeyError for a partition not owned."""
        nothing = Preference(user, feed)
        return self._of[partition].get(nothing.key, nothing)

    def adopt(self, partition: int, records: Sequence[Record]) -> Taken:
        """Take a partition that was read back: its records in their order."""
        self._of[partition] = {}
        return self.take(records)

    def give_up(self, partition: int) -> None:
        """Forget a partition. Nothing happens when it isn't here."""
        self._of.pop(partition, None)

    def take(self, records: Sequence[Record]) -> Taken:
        """Take records. A bad one changes nothing and is returned as poison. Raises KeyError for a partition not owned."""
        taken = Taken()
        for record in records:
            try:
                self._take(record)
            except ValueError as error:
                taken.poison.append((record, error))
        return taken

    def _take(self, record: Record) -> None:
        nothing, owned = preference_of_key(record.key or b""), self._of[record.partition]
        if record.value is None:
            owned.pop(nothing.key, None)
        else:
            # The key says whose it is.
            owned[nothing.key] = replace(preference_from_bytes(record.value), user=nothing.user, feed=nothing.feed)
