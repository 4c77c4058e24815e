"""What is in a feed: one pure function decides, for live delivery, reading, rebuilds and history alike."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from services.contracts.activity import Activity, Audience, Scope, Verb
from services.contracts.relations import PersonRelations

# What tells a reader something new. Likes, follows, joins and leaves are counted and notified, they don't fill a home feed.
HOME_VERBS = frozenset({Verb.POST, Verb.COMMENT, Verb.SHARE, Verb.UPDATE, Verb.ADD})
# By the verb's number: asked for every entry of every page, and the hash of an enum's member is slow.
_IN_HOME = tuple(verb in HOME_VERBS for verb in Verb)
_PUBLIC, _INTERNAL, _GROUP, _DIRECT = Scope.PUBLIC, Scope.INTERNAL, Scope.GROUP, Scope.DIRECT


class Facts(NamedTuple):
    """What matching and filters need of an activity, kept in memory for every entry of a timeline.

    targets: entity names, each once, see targets_of. channel is among them. rollup: see rollup_of.
    """

    id: str
    sort_time_ms: int
    verb: Verb
    actor: str
    targets: tuple[str, ...]
    audience: Audience
    deleted: bool = False
    object_activity_id: str = ""
    source_kind: str = ""
    language: str = ""
    in_reply_to: str = ""
    cluster_id: str = ""
    rollup: str = ""


def targets_of(activity: Activity) -> tuple[str, ...]:
    """Return the entity names whose followers an activity is for, each once: actor, target, group audience, channel and tags.

    Those that are followed most often come first: reading looks for the first that the reader follows.
    """
    if activity.deleted:
        return ()
    names = [activity.actor.name if activity.actor else "", activity.target.name if activity.target else ""]
    names += activity.audience.groups if activity.audience.scope == Scope.GROUP else ()
    names += (activity.source.channel, *(f"tag:{tag}" for tag in activity.tags))
    return tuple(dict.fromkeys(filter(None, names)))


def facts_of(activity: Activity) -> Facts:
    """Reduce an activity to what matching needs. Of a deleted one only its place is left."""
    if activity.deleted:
        return hidden(activity.id, activity.sort_time_ms)
    return Facts(
        id=activity.id,
        sort_time_ms=activity.sort_time_ms,
        verb=activity.verb,
        actor=activity.actor.name if activity.actor else "",
        targets=targets_of(activity),
        audience=deciding(activity.audience),
        object_activity_id=activity.object.activity_id,
        source_kind=activity.source.kind,
        language=activity.language,
        in_reply_to=activity.in_reply_to,
        cluster_id=activity.cluster_id,
        rollup=rollup_of(activity.source.kind, activity.source.instance, activity.rollup_id),
    )


def rollup_of(kind: str, instance: str, rollup_id: str) -> str:
    """Return a source's own rollup under a name that no other source has; empty without one."""
    return f"{kind}/{instance}/{rollup_id}" if rollup_id else ""


def deciding(audience: Audience) -> Audience:
    """Return an audience without the names that its scope doesn't ask for."""
    groups = audience.groups if audience.scope is _GROUP else ()
    recipients = audience.recipients if audience.scope is _DIRECT else ()
    return Audience(audience.scope, groups, recipients)


def hidden(activity_id: str, sort_time_ms: int = 0) -> Facts:
    """Return the facts of an activity that nobody may read any more."""
    return Facts(activity_id, sort_time_ms, Verb.UNSPECIFIED, actor="", targets=(), audience=Audience(), deleted=True)


def may_read(user: str, *, employee: bool, groups: Collection[str], audience: Audience) -> bool:
    """Return whether a principal is inside an audience. The one gate for feeds, search and everything else.

    groups: entity names of the groups that the user is a member of by the relations log. Anything unknown is closed.
    """
    scope = audience.scope
    if scope is _PUBLIC:
        return True
    if scope is _INTERNAL:
        return employee
    if scope is _GROUP:
        return any(group in groups for group in audience.groups)
    return scope is _DIRECT and user in audience.recipients


def matches(relations: PersonRelations, facts: Facts) -> bool:
    """Return whether an activity belongs to the reader's home feed, but for muted words: see muted_words.

    It does when it isn't deleted, has a verb of the home feed, may be read by her, is her own or was done by or put to something
    that she follows or a group that she belongs to, and neither its actor nor any of its targets is muted or blocked either
    way. A DIRECT activity is a message: it needs no follow. Her own are those of all her accounts; a muted or blocked name
    doesn't hide what she did herself.
    """
    return matcher(relations)(facts)


def matcher(relations: PersonRelations) -> Callable[[Facts], bool]:
    """Return `matches` for one reader: a page asks it of every candidate, so what is hers is looked up once."""
    user, employee, groups, accounts = relations.user, relations.employee, relations.groups, relations.accounts
    blocks, blocked_by, has_blocks = relations.blocks, relations.blocked_by, bool(relations.blocks or relations.blocked_by)
    has_mutes, mutes_none = bool(relations.mutes), relations.mutes.isdisjoint
    follows_none, belongs_to_none = relations.follows.isdisjoint, groups.isdisjoint

    def is_match(facts: Facts) -> bool:
        (_, _, verb, actor, targets, audience, deleted, _, _, _, _, _, _) = facts
        if deleted or not _IN_HOME[verb]:
            return False
        scope = audience.scope
        is_open = scope is _PUBLIC or (employee and scope is _INTERNAL)
        if not is_open and not may_read(user, employee=employee, groups=groups, audience=audience):
            return False
        if actor == user or actor in accounts:
            return True
        if has_blocks and (actor in blocks or actor in blocked_by):
            return False
        if has_mutes and not mutes_none(targets):
            return False
        return scope is _DIRECT or not (follows_none(targets) and belongs_to_none(targets))

    return is_match


def delivery_names(relations: PersonRelations) -> frozenset[str]:
    """Return the entity names under which a home feed's candidates are found, among `delivered_to` of activities."""
    return relations.follows | relations.groups | relations.accounts | {relations.user, f"inbox:{relations.user}"}


def likes_name(user: str) -> str:
    """Return the name under which a user's likes are found, among `delivered_to` of activities."""
    return f"likes:{user}"


def replies_name(activity_id: str) -> str:
    """Return the name under which what answers an activity, or acts on it, is found, among `delivered_to` of activities."""
    return f"replies:{activity_id}"


def answered_by(facts: Facts) -> tuple[str, ...]:
    """Return the ids of the activities that an activity belongs below, the one it answers first; each once."""
    reply_to, about = facts.in_reply_to, facts.object_activity_id
    if not reply_to:
        return (about,) if about else ()
    return (reply_to, about) if about and about != reply_to else (reply_to,)


def delivered_to(facts: Facts) -> tuple[str, ...]:
    """Return the names an activity is delivered to: its targets, the replies of what it answers, and the inboxes of DIRECT ones.

    A like goes to its actor's likes only: no feed shows it, but entries show who likes them. For every reader r and
    activity a: matches(r, a) implies that delivery_names(r) and delivered_to(a) meet.
    """
    if facts.deleted:
        return ()
    if facts.verb is Verb.LIKE:
        return (likes_name(facts.actor),) if facts.actor else ()
    if not _IN_HOME[facts.verb]:
        return ()
    names = facts.targets
    if facts.in_reply_to or facts.object_activity_id:
        names = (*names, *map(replies_name, answered_by(facts)))
    if facts.audience.scope is _DIRECT:
        return (*names, *(f"inbox:{name}" for name in facts.audience.recipients))
    return names
