"""Likes and shares of what a user sees: activities of her own, published where everything is, in force when the call returns."""

from collections.abc import Callable, Collection, Sequence
from enum import IntEnum

from sluice.activity.v1 import activity_pb2

from services.contracts.activity import Activity, Audience, Entity, Object, Scope, Source, Verb
from services.contracts.errors import NotFound, ServiceUnavailable
from services.contracts.matching import Facts
from services.contracts.principal import Principal
from services.contracts.relations import PersonRelations
from services.contracts.seeing import may_see
from services.stream.feeds.by_id import ActivitiesById
from services.stream.feeds.engine import FeedEngine
from services.stream.feeds.history import HistoryAway
from services.stream.feeds.positions import Positions
from services.stream.feeds.publishing import Publishing
from services.stream.feeds.relation_state import RelationState

_SOURCE_KIND = "sluice"
_SECONDS = 5.0


class ReactionKind(IntEnum):
    """The numbers are those of `sluice.feed.v1.ReactionKind`."""

    LIKE = 1
    SHARE = 2


_VERBS = {ReactionKind.LIKE: Verb.LIKE, ReactionKind.SHARE: Verb.SHARE}


class Reactions:
    """Reacts for users that are owned here. Repeating it changes nothing. Raises KeyError for others.

    Both raise ServiceUnavailable while ingest or search is away, and when it takes too long until the reaction is known here (it may
    then come into force later), and what ingest says of who may publish how much.
    """

    def __init__(
        self,
        engine: FeedEngine,
        state: RelationState,
        by_id: ActivitiesById,
        publishing: Publishing,
        applied: Positions[int],
        *,
        now_ms: Callable[[], int],
    ) -> None:
        """Take the parts. applied: of the broadcast. now_ms: ms since the epoch; a later reaction or taking back has a later one."""
        self._engine = engine
        self._state = state
        self._by_id = by_id
        self._publishing = publishing
        self._applied = applied
        self._now_ms = now_ms

    async def react(self, caller: Principal, kind: ReactionKind, activity_ids: Sequence[str], authorization: str) -> list[str]:
        """React to activities, to all or none; return the reactions' ids. Raises NotFound where one isn't hers to see."""
        ids = list(dict.fromkeys(activity_ids))
        try:
            found = await self._by_id.of(ids, lambda: self._relations(caller))
        except HistoryAway:
            raise ServiceUnavailable("what is reacted to can't be read at the moment") from None
        relations = self._relations(caller)
        is_seen = may_see(relations)
        seen: dict[str, Facts] = {}
        for activity_id in ids:
            known = self._engine.known(activity_id) or found.get(activity_id)
            if known is None or not is_seen(known.facts):
                raise NotFound("there is no such activity for you to react to", metadata={"activity_id": activity_id})
            seen[activity_id] = known.facts
        version = self._now_ms()
        made = [reaction(relations, caller, kind, facts, version) for facts in seen.values()]
        return await self._publish(made, version, authorization)

    async def unreact(self, caller: Principal, kind: ReactionKind, activity_ids: Sequence[str], authorization: str) -> None:
        """Take reactions back, whatever has become of their objects."""
        version = self._now_ms()
        ids = dict.fromkeys(activity_ids)
        gone = [Activity(source_of(caller, kind, each), version=version, deleted=True) for each in ids]
        self._relations(caller)
        await self._publish(gone, version, authorization)

    async def _publish(self, activities: Sequence[Activity], version: int, authorization: str) -> list[str]:
        ids = [activity.source.activity_id for activity in activities]
        await self._publishing.publish(activities, authorization)
        missing = set(ids)
        try:
            await self._applied.until(lambda: self._all_told(missing, version), _SECONDS)
        except TimeoutError:
            raise ServiceUnavailable("the reaction has not come back yet; it may still come into force") from None
        return ids

    def _all_told(self, missing: set[str], version: int) -> bool:
        """Say whether the broadcast has told of all, in that version or a later one; forget those that it has told of."""
        missing -= {activity_id for activity_id in missing if self._version(activity_id) >= version}
        return not missing

    def _version(self, activity_id: str) -> int:
        known = self._engine.known(activity_id)
        return activity_pb2.Activity.FromString(known.body).version if known is not None and known.body else -1

    def _relations(self, caller: Principal) -> PersonRelations:
        return self._state.reader(caller.user, employee=caller.employee)


def reaction(relations: PersonRelations, caller: Principal, kind: ReactionKind, facts: Facts, version: int) -> Activity:
    """Return the reaction to an activity that the caller sees, for no more readers than it has itself."""
    return Activity(
        source_of(caller, kind, facts.id),
        version=version,
        actor=Entity(caller.user),
        verb=_VERBS[kind],
        object=Object(activity_id=facts.id),
        audience=narrowed(facts.audience, relations.groups),
    )


def source_of(caller: Principal, kind: ReactionKind, activity_id: str) -> Source:
    """Return the source of a user's only reaction of a kind to an activity, as PublishService gives it to what she publishes."""
    return Source(_SOURCE_KIND, caller.subject, f"{kind.name.lower()}:{activity_id}")


def narrowed(audience: Audience, groups: Collection[str]) -> Audience:
    """Return an audience that an employee may publish for, and within the one given. groups: those that she belongs to.

    What is open to everybody outside is liked and shared inside only: nothing that an employee does leaves the house by itself.
    """
    if audience.scope is Scope.GROUP:
        return Audience(Scope.GROUP, groups=tuple(group for group in audience.groups if group in groups))
    if audience.scope in {Scope.PUBLIC, Scope.INTERNAL}:
        return Audience(Scope.INTERNAL)
    # Of a scope that this version doesn't know nobody is named, and ingest refuses it.
    return Audience(Scope.DIRECT, recipients=audience.recipients)
