"""Activities by their ids, wherever they are kept: in memory, else in the index."""

from collections.abc import Callable, Mapping, Sequence

from services.contracts.facts_codec import facts_from_bytes
from services.contracts.relations import PersonRelations
from services.stream.feeds.engine import Candidate, FeedEngine
from services.stream.feeds.history import History, HistoryAway

_MOST_BODIES = 200
_ATTEMPTS = 5


class ActivitiesById:
    """Looks activities up. Repeating it changes nothing."""

    def __init__(self, engine: FeedEngine, history: History) -> None:
        self._engine = engine
        self._history = history

    async def of(self, ids: Sequence[str], reader: Callable[[], PersonRelations]) -> dict[str, Candidate]:
        """Return activities with their bodies, by id; what is unknown, or what the index doesn't give this reader, is left out.

        What is in memory is given whoever reads: the caller applies the gate. reader: returns who she is at the moment. Raises
        HistoryAway, also when activities change faster than they are read.
        """
        found: dict[str, Candidate] = {}
        with self._engine.window.pinned():
            missing = self._missing(ids, found)
            for _ in range(_ATTEMPTS):
                if not missing:
                    return found
                before = {activity_id: self._engine.known(activity_id) for activity_id in missing}
                bodies: dict[str, bytes] = {}
                for first in range(0, len(missing), _MOST_BODIES):
                    bodies.update(await self._history.bodies(missing[first : first + _MOST_BODIES], reader()))
                missing = self._missing(self._changed(before, bodies, found), found)
        raise HistoryAway("activities change faster than they can be read")

    def _missing(self, ids: Sequence[str], found: dict[str, Candidate]) -> list[str]:
        """Take what is in memory; return the rest."""
        missing = []
        for activity_id in ids:
            known = self._engine.known(activity_id)
            if known is None or (known.body is None and not known.facts.deleted):
                missing.append(activity_id)
            elif known.body is not None:
                found[activity_id] = known
        return missing

    def _changed(
        self, before: Mapping[str, Candidate | None], bodies: Mapping[str, bytes], found: dict[str, Candidate]
    ) -> list[str]:
        """Take what the index said; return what changed meanwhile: its answer may be older."""
        changed = []
        for activity_id, was in before.items():
            now = self._engine.known(activity_id)
            if now is not None and (was is None or now.facts is not was.facts):
                changed.append(activity_id)
            elif (body := bodies.get(activity_id)) is not None:
                self._engine.table.restore(activity_id, body)
                found[activity_id] = Candidate(facts_from_bytes(body), body)
        return changed
