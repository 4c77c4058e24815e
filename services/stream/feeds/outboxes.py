"""The feed of one person, group, tag or channel, or of all of a kind that the reader follows: names to ask for, rules to show by."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from services.contracts.feed_filter import FeedFilter
from services.contracts.matching import Facts, matcher
from services.contracts.relations import PersonRelations
from services.contracts.seeing import may_see
from services.stream.feeds.identities import Identities
from services.stream.feeds.rules import Rules
from services.stream.feeds.user_marks import UserMarks

PERSON = "person"
#: After a kind: everything of that kind that the reader follows or belongs to.
EVERY = "*"
# As many as history takes in a filter; more are sorted out here.
_MOST_ACTORS = 1000


@dataclass(frozen=True, slots=True)
class Outbox:
    """Whose feed it is. names: entity names; a person's are all her accounts.

    by_actor: a person's feed is what she did, not what was put to her. followed: it is a part of the reader's home feed, so mutes
    and muted words count as they do there.
    """

    names: frozenset[str]
    by_actor: bool
    followed: bool

    def narrowed(self, wanted: FeedFilter) -> FeedFilter | None:
        """Return what history may leave out besides what a filter does, None when nothing can pass."""
        if not self.names:
            return None
        if not self.by_actor:
            return wanted
        actors = self.names & set(wanted.actors) if wanted.actors else self.names
        if not actors:
            return None
        return replace(wanted, actors=tuple(sorted(actors))) if len(actors) <= _MOST_ACTORS else wanted


def outbox_of(name: str, relations: PersonRelations, identities: Identities) -> Outbox:
    """Return the outbox that an entity name asks for, or a kind with `*`. relations: the reader's."""
    kind, _, rest = name.partition(":")
    if rest == EVERY:
        followed = relations.follows | relations.groups
        return Outbox(frozenset(each for each in followed if each.startswith(f"{kind}:")), kind == PERSON, followed=True)
    names = identities.names_of(name) if kind == PERSON else frozenset({name})
    return Outbox(names, kind == PERSON, followed=False)


class OutboxRules(Rules):
    """As Rules, for an outbox: who asks for somebody's feed sees all of it that she may, whatever she follows or mutes."""

    __slots__ = ("_outbox",)

    def __init__(self, outbox: Outbox, relations: PersonRelations, wanted: FeedFilter, marks: UserMarks) -> None:
        """See Rules."""
        super().__init__(relations, wanted, marks, _match(outbox, matcher(relations) if outbox.followed else may_see(relations)))
        self._outbox = outbox

    def silence(self, facts: Facts, body: bytes) -> bool:
        """See Rules: muted words count where mutes do."""
        return self._outbox.followed and super().silence(facts, body)


def _match(outbox: Outbox, sees: Callable[[Facts], bool]) -> Callable[[Facts], bool]:
    names, by_actor = outbox.names, outbox.by_actor

    def is_match(facts: Facts) -> bool:
        return (facts.actor in names if by_actor else not names.isdisjoint(facts.targets)) and sees(facts)

    return is_match
