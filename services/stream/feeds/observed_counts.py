"""What is told of likes, shares, comments, followers and following, and to whom."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from services.contracts.principal import PermissionRefused, Principal, Role
from services.contracts.relations import RelationKind
from services.stream.feeds.object_tally import Tally
from services.stream.feeds.relation_state import RelationState
from services.stream.feeds.tallies import Tallies

_COUNTED: Final = (RelationKind.FOLLOWS, RelationKind.BLOCKS)


class EntityTally(NamedTuple):
    """Edges of one entity: who follows it, whom it follows."""

    followers: int = 0
    following: int = 0


class ObservedCounts:
    """Counts for readers. Raises KeyError for names that aren't owned here."""

    def __init__(self, tallies: Tallies, state: RelationState) -> None:
        self._tallies = tallies
        self._state = state

    def of_activities(self, activity_ids: Iterable[str], user: str, *, employee: bool) -> list[Tally]:
        """Return what is on each activity, as far as the user, who is owned here, may read it."""
        return self._tallies.of(activity_ids, self._state.reader(user, employee=employee))

    def counted_entity(self, caller: Principal, entity: str) -> str:
        """Return whose edges are counted: the person of an account. Raises PermissionRefused, as listing followers does."""
        identities = self._state.identities
        counted = identities.person_of(entity)
        if not caller.employee and not caller.has(Role.ADMIN) and caller.user not in identities.names_of(counted):
            raise PermissionRefused("who isn't an employee may count for herself only")
        return counted

    def of_entity(self, caller: Principal, entity: str) -> EntityTally:
        """Return the counts of an entity that is owned here: what listing would show the caller, so nothing across a block."""
        (followers, blocking), (following, blocked) = self._state.counts(entity, _COUNTED)
        if caller.has(Role.ADMIN) or not (blocking or blocked):
            return EntityTally(followers, following)
        across = {*self._state.objects(entity, RelationKind.BLOCKS), *self._state.subjects(entity, RelationKind.BLOCKS)}
        names = self._state.identities.names_of(caller.user)
        if entity in names:
            listed = self._state.subjects(entity, RelationKind.FOLLOWS)
            return EntityTally(followers - sum(name in listed for name in across), following)
        return EntityTally() if not across.isdisjoint(names) else EntityTally(followers, following)
