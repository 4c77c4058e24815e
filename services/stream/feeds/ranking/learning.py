"""A reader's interest, from what the worker has of her, learnt anew at most twice a minute."""

from collections import OrderedDict
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from services.contracts.activity import Verb
from services.contracts.matching import Facts, may_read
from services.contracts.relations import PersonRelations
from services.stream.feeds.engine import FeedEngine
from services.stream.feeds.likes import likes
from services.stream.feeds.places import TOP
from services.stream.feeds.ranking.interest import NO_INTEREST, Interest, Reacted, Reaction, learnt
from services.stream.feeds.relation_state import RelationState

_KEPT_MS: Final = 30_000
_MOST_KEPT: Final = 10_000
# Of more marks than these only those in the timeline are looked at.
_MOST_MARKS: Final = 5_000
_WRITTEN: Final = {Verb.COMMENT: Reaction.COMMENT, Verb.SHARE: Reaction.SHARE}


class _Kept(NamedTuple):
    interest: Interest
    since_ms: int
    at_ms: int


class Learning:
    """Interests of the users whose relations are here. Raises KeyError for others."""

    def __init__(self, engine: FeedEngine, state: RelationState) -> None:
        self._engine = engine
        self._state = state
        self._kept: OrderedDict[tuple[str, bool], _Kept] = OrderedDict()

    def interest(self, relations: PersonRelations, since_ms: int, now_ms: int) -> Interest:
        """Return the interest of an active reader, up to half a minute old; none where she has no timeline.

        since_ms: only reactions to what was published then or later count.
        """
        user = relations.user, relations.employee
        kept = self._kept.get(user)
        if kept is None or kept.since_ms != since_ms or not 0 <= now_ms - kept.at_ms < _KEPT_MS:
            kept = _Kept(self.learn(relations, since_ms, now_ms), since_ms, now_ms)
            self._kept[user] = kept
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return kept.interest

    def learn(self, relations: PersonRelations, since_ms: int, now_ms: int) -> Interest:
        """Return the interest as it is now. O(likes, marks and timeline of the reader)."""
        reader = self._engine.readers.get(relations.user)
        if reader is None:
            return NO_INTEREST
        own = relations.accounts | {relations.user}
        timeline = [self._engine.table.facts_at(slot) for slot in self._engine.slots_below(reader, TOP).tolist()]

        def counts(facts: Facts) -> bool:
            is_open = may_read(relations.user, employee=relations.employee, groups=relations.groups, audience=facts.audience)
            return is_open and not facts.deleted and facts.sort_time_ms >= since_ms and facts.actor not in own

        reacted = (*self._marked(relations, timeline), *self._written(own, timeline))
        return learnt((one for one in reacted if counts(one.to)), own, now_ms)

    def _marked(self, relations: PersonRelations, timeline: list[Facts]) -> Iterator[Reacted]:
        liked, marks = self._engine.likes.of(relations.user), self._state.marks(relations.user)
        in_timeline = {facts.id for facts in timeline}
        standing = [activity_id for activity_id in liked if likes(relations, liked, activity_id)]
        kinds: tuple[tuple[Reaction, Collection[str]], ...] = (
            (Reaction.LIKE, standing),
            (Reaction.SAVE, marks.saved),
            (Reaction.READ, marks.read),
        )
        for reaction, ids in kinds:
            for activity_id in ids if len(ids) <= _MOST_MARKS else in_timeline.intersection(ids):
                if facts := self._known(activity_id):
                    yield Reacted(reaction, facts)

    def _written(self, own: Collection[str], timeline: list[Facts]) -> Iterator[Reacted]:
        for facts in timeline:
            if facts.actor in own and (reaction := _WRITTEN.get(facts.verb)):
                to = self._known(facts.object_activity_id or facts.in_reply_to)
                if to is not None and not facts.deleted:
                    yield Reacted(reaction, to)

    def _known(self, activity_id: str) -> Facts | None:
        slot = self._engine.table.slot_of(activity_id)
        return None if slot is None else self._engine.table.facts_at(slot)
