"""The index as the feeds see it: it knows the log up to where the indexer has come, which may be far behind."""

from collections.abc import Callable

from services.contracts.activity import Activity
from services.contracts.codec import activity_to_bytes
from services.contracts.feed_filter import passes
from services.contracts.matching import delivered_to, facts_of, may_read
from services.stream.feeds.history import Found, HistoryAnswer, HistoryAway
from services.stream.feeds.places import place_of


class FakeHistory:
    """History over logs (one list of activities a partition), indexed[p] records of each."""

    def __init__(self, logs: list[list[Activity]]) -> None:
        self.logs = logs
        self.indexed = [0] * len(logs)
        self.confessed = [0] * len(logs)
        self.away = False
        self.questions = 0
        self.meanwhile: Callable[[], None] | None = None
        self.happens_at = 0

    async def newest(self, names, reader, *, below, limit, verbs=(), narrowed=None, above=None):
        """Answer; meanwhile happens after the index was searched and before the answer to question happens_at arrives."""
        self._ask()
        wanted = [entry for entry in self._documents() if place_of(entry.facts) < below]
        wanted = [entry for entry in wanted if set(delivered_to(entry.facts)) & set(names)]
        wanted = [entry for entry in wanted if not verbs or entry.facts.verb in verbs]
        wanted = [entry for entry in wanted if _open_to(reader, entry) and (narrowed is None or passes(narrowed, entry.facts))]
        wanted = [Found(entry.facts) for entry in wanted if above is None or place_of(entry.facts) > above]
        wanted.sort(key=lambda entry: place_of(entry.facts), reverse=True)
        answer = HistoryAnswer(wanted[:limit], len(wanted) <= limit, dict(enumerate(self.confessed)))
        self._let_happen()
        return answer

    async def bodies(self, ids, reader):
        """Answer with what reader may read."""
        self._ask()
        found = {entry.facts.id: entry.body for entry in self._documents() if entry.facts.id in ids and _open_to(reader, entry)}
        self._let_happen()
        return found

    def _ask(self) -> None:
        self.questions += 1
        if self.away:
            raise HistoryAway

    def _let_happen(self) -> None:
        if self.meanwhile and self.questions == self.happens_at:
            self.meanwhile()

    def _documents(self) -> list[Found]:
        last = {record.id: record for log, end in zip(self.logs, self.indexed, strict=True) for record in log[:end]}
        return [Found(facts_of(activity), activity_to_bytes(activity)) for activity in last.values() if not activity.deleted]


def _open_to(reader, entry) -> bool:
    return may_read(reader.user, employee=reader.employee, groups=reader.groups, audience=entry.facts.audience)
