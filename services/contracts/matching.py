"""What is in a feed: one pure function decides, for live delivery, reading, rebuilds and history alike."""

from collections.abc import Collection
from dataclasses import dataclass

from services.contracts.activity import Activity, Audience, Scope, Verb
from services.contracts.relations import PersonRelations

# What tells a reader something new. Likes, follows, joins and leaves are counted and notified, they don't fill a home feed.
HOME_VERBS = frozenset({Verb.POST, Verb.COMMENT, Verb.SHARE, Verb.UPDATE, Verb.ADD})


@dataclass(frozen=True, slots=True)
class Facts:
    """What matching needs of an activity, kept in memory for every entry of a timeline. targets: entity names."""

    id: str
    sort_time_ms: int
    verb: Verb
    actor: str
    targets: tuple[str, ...]
    audience: Audience
    deleted: bool = False
    object_activity_id: str = ""


def targets_of(activity: Activity) -> tuple[str, ...]:
    """Return the entity names whose followers an activity is for, sorted: actor, target, group audience, tags and channel."""
    if activity.deleted:
        return ()
    names = {f"tag:{tag}" for tag in activity.tags}
    names.update(activity.audience.groups if activity.audience.scope == Scope.GROUP else ())
    if activity.actor:
        names.add(activity.actor.name)
    if activity.target:
        names.add(activity.target.name)
    if activity.source.channel:
        names.add(activity.source.channel)
    return tuple(sorted(names))


def facts_of(activity: Activity) -> Facts:
    """Reduce an activity to what matching needs."""
    return Facts(
        id=activity.id,
        sort_time_ms=activity.sort_time_ms,
        verb=activity.verb,
        actor=activity.actor.name if activity.actor else "",
        targets=targets_of(activity),
        audience=activity.audience,
        deleted=activity.deleted,
        object_activity_id=activity.object.activity_id,
    )


def may_read(user: str, *, employee: bool, groups: Collection[str], audience: Audience) -> bool:
    """Return whether a principal is inside an audience. The one gate for feeds, search and everything else.

    groups: entity names of the groups that the user is a member of by the relations log. Anything unknown is closed.
    """
    match audience.scope:
        case Scope.PUBLIC:
            return True
        case Scope.INTERNAL:
            return employee
        case Scope.GROUP:
            return any(group in groups for group in audience.groups)
        case Scope.DIRECT:
            return user in audience.recipients
        case _:
            return False


def matches(relations: PersonRelations, facts: Facts) -> bool:
    """Return whether an activity belongs to the reader's home feed.

    It does when it isn't deleted, has a verb of the home feed, may be read by her, is her own or was done by or put to something
    that she follows or a group that she belongs to, and neither its actor nor any of its targets is muted or blocked either
    way. A DIRECT activity is a message: it needs no follow.
    """
    if facts.deleted or facts.verb not in HOME_VERBS:
        return False
    if not may_read(relations.user, employee=relations.employee, groups=relations.groups, audience=facts.audience):
        return False
    if facts.actor in relations.blocks or facts.actor in relations.blocked_by:
        return False
    if facts.actor == relations.user:
        return True
    if not relations.mutes.isdisjoint(facts.targets):
        return False
    if facts.audience.scope == Scope.DIRECT:
        return True
    return not (relations.follows.isdisjoint(facts.targets) and relations.groups.isdisjoint(facts.targets))


def delivery_names(relations: PersonRelations) -> frozenset[str]:
    """Return the entity names under which a home feed's candidates are found, among `delivered_to` of activities."""
    return relations.follows | relations.groups | {relations.user, f"inbox:{relations.user}"}


def likes_name(user: str) -> str:
    """Return the name under which a user's likes are found, among `delivered_to` of activities."""
    return f"likes:{user}"


def delivered_to(facts: Facts) -> tuple[str, ...]:
    """Return the names an activity is delivered to: its targets and, for a DIRECT one, the recipients' inboxes.

    A like goes to its actor's likes only: no feed shows it, but entries show who likes them. For every reader r and
    activity a: matches(r, a) implies that delivery_names(r) and delivered_to(a) meet.
    """
    if facts.deleted:
        return ()
    if facts.verb is Verb.LIKE:
        return (likes_name(facts.actor),) if facts.actor else ()
    if facts.verb not in HOME_VERBS:
        return ()
    if facts.audience.scope == Scope.DIRECT:
        return (*facts.targets, *(f"inbox:{name}" for name in facts.audience.recipients))
    return facts.targets
