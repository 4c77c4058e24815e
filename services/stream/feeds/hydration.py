"""Bodies for entries: those at hand, and what is missing from the index, in batches."""

from collections.abc import Callable, Iterable, Sequence

from services.contracts.facts_codec import facts_from_bytes
from services.contracts.matching import Facts
from services.contracts.relations import PersonRelations
from services.stream.feeds.engine import Candidate, FeedEngine
from services.stream.feeds.history import History, HistoryAway

_MOST_BODIES = 200
_ATTEMPTS = 5


class Hydration:
    """Fetches bodies and keeps them in the engine. Repeating it changes nothing."""

    def __init__(self, engine: FeedEngine, history: History) -> None:
        self._engine = engine
        self._history = history

    async def with_bodies(self, candidates: Sequence[Candidate], reader: Callable[[], PersonRelations]) -> list[Candidate]:
        """Return candidates with their bodies; what the index no longer gives this reader was deleted or closed since.

        reader: returns who she is at the moment. Raises HistoryAway, also when entries change faster than they are read.
        """
        bodies: dict[str, bytes] = {}
        missing = [candidate.facts for candidate in candidates if candidate.body is None]
        for _ in range(_ATTEMPTS):
            for first in range(0, len(missing), _MOST_BODIES):
                ids = [facts.id for facts in missing[first : first + _MOST_BODIES]]
                bodies.update(await self._history.bodies(ids, reader()))
            missing = self._outdated(missing, bodies)
            if not missing:
                break
        else:
            raise HistoryAway("entries change faster than they can be read")
        found = ((candidate, candidate.body or bodies.get(candidate.facts.id)) for candidate in candidates)
        return [
            candidate if candidate.body else Candidate(facts_from_bytes(body), body)
            for candidate, body in found
            if body is not None
        ]

    def _outdated(self, asked: Iterable[Facts], bodies: dict[str, bytes]) -> list[Facts]:
        """Keep bodies that were asked for; return what changed meanwhile and whose new body isn't at hand."""
        outdated = []
        for facts in asked:
            now = self._engine.present(facts)
            if now is None or now.facts is facts:
                if (body := bodies.get(facts.id)) is not None:
                    self._engine.table.restore(facts.id, body)
            elif now.body is not None:
                bodies[facts.id] = now.body
            else:
                # The index has the record by now, or its body would be here still.
                bodies.pop(facts.id, None)
                outdated.append(now.facts)
        return outdated
