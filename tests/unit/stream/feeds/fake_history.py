"""The index as the feeds see it: it knows the log up to where the indexer has come, which may be far behind."""

import asyncio

from services.contracts.activity import Activity
from services.contracts.codec import activity_to_bytes
from services.contracts.feed_filter import passes
from services.contracts.matching import delivered_to, facts_of, may_read
from services.stream.feeds.history import Found, HistoryAnswer, HistoryAway
from services.stream.feeds.places import place_of


class FakeHistory:
    """History over logs (one list of activities a partition), indexed[p] records of each.

    hold_at(n) lets time pass between the nth question from now and its answer, until release.
    """

    def __init__(self, logs: list[list[Activity]]) -> None:
        self.logs = logs
        self.indexed = [0] * len(logs)
        self.confessed = [0] * len(logs)
        self.away = False
        self.questions = 0
        self.held = asyncio.Event()
        self._hold_at = 0
        self._released = asyncio.Event()
        self._known: dict[tuple[int, int], tuple[Activity, Found]] = {}

    def hold_at(self, question: int) -> None:
        """Search for the answer to that question, counted from the next, which is 1, and keep it; held says when."""
        self._hold_at = self.questions + question
        self.held.clear()
        self._released.clear()

    def release(self) -> None:
        """Give the answer that was kept, and hold no more."""
        self._hold_at = 0
        self._released.set()

    async def newest(self, names, reader, *, below, limit, verbs=(), narrowed=None, above=None):
        """See the port. The answer is as old as the question."""
        question = self._ask()
        wanted = [entry for entry in self._documents() if place_of(entry.facts) < below]
        wanted = [entry for entry in wanted if set(delivered_to(entry.facts)) & set(names)]
        wanted = [entry for entry in wanted if not verbs or entry.facts.verb in verbs]
        wanted = [entry for entry in wanted if _open_to(reader, entry) and (narrowed is None or passes(narrowed, entry.facts))]
        wanted = [Found(entry.facts) for entry in wanted if above is None or place_of(entry.facts) > above]
        wanted.sort(key=lambda entry: place_of(entry.facts), reverse=True)
        answer = HistoryAnswer(wanted[:limit], len(wanted) <= limit, dict(enumerate(self.confessed)))
        await self._hold(question)
        return answer

    async def bodies(self, ids, reader):
        """Answer with what reader may read."""
        question = self._ask()
        found = {entry.facts.id: entry.body for entry in self._documents() if entry.facts.id in ids and _open_to(reader, entry)}
        await self._hold(question)
        return found

    def _ask(self) -> int:
        self.questions += 1
        if self.away:
            raise HistoryAway
        return self.questions

    async def _hold(self, question: int) -> None:
        # Others get the loop, as they do while a server is asked.
        await asyncio.sleep(0)
        if question == self._hold_at:
            self.held.set()
            await self._released.wait()

    def _documents(self) -> list[Found]:
        last: dict[str, tuple[int, int]] = {}
        for partition, (log, end) in enumerate(zip(self.logs, self.indexed, strict=True)):
            last.update((activity.id, (partition, offset)) for offset, activity in enumerate(log[:end]))
        return [self._found(*at) for at in last.values() if not self.logs[at[0]][at[1]].deleted]

    def _found(self, partition: int, offset: int) -> Found:
        """Return a document; making one is most of what a question costs."""
        activity, found = self.logs[partition][offset], self._known.get((partition, offset))
        if found is None or found[0] is not activity:
            found = self._known[partition, offset] = activity, Found(facts_of(activity), activity_to_bytes(activity))
        return found[1]


def _open_to(reader, entry) -> bool:
    return may_read(reader.user, employee=reader.employee, groups=reader.groups, audience=entry.facts.audience)
