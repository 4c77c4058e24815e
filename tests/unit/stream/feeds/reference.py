"""What a feed is, said a second time and naively: the tests compare the engine with this. Shares no rule with the product."""

from services.contracts.activity import Activity, Scope, Verb


class Edges:
    """One user's relations as plain sets."""

    def __init__(self) -> None:
        self.follows: set[str] = set()
        self.groups: set[str] = set()
        self.mutes: set[str] = set()
        self.saved: set[str] = set()


def readable(activity: Activity, user: str, groups: set[str], *, employee: bool) -> bool:
    """Say who is inside an audience."""
    audience = activity.audience
    if audience.scope == Scope.PUBLIC:
        return True
    if audience.scope == Scope.INTERNAL:
        return employee
    if audience.scope == Scope.GROUP:
        return len(set(audience.groups) & groups) > 0
    return audience.scope == Scope.DIRECT and user in audience.recipients


def in_feed(activity: Activity, user: str, edges: Edges, *, employee: bool) -> bool:
    """Say whether an activity belongs to a home feed."""
    if activity.deleted or activity.verb not in (Verb.POST, Verb.COMMENT, Verb.SHARE, Verb.UPDATE, Verb.ADD):
        return False
    if not readable(activity, user, edges.groups, employee=employee):
        return False
    author = activity.actor.name
    if author == user:
        return True
    about = {author} | {"tag:" + tag for tag in activity.tags}
    if activity.target:
        about.add(activity.target.name)
    if activity.source.channel:
        about.add(activity.source.channel)
    if activity.audience.scope == Scope.GROUP:
        about |= set(activity.audience.groups)
    if about & edges.mutes:
        return False
    if activity.audience.scope == Scope.DIRECT:
        return True
    return bool(about & (edges.follows | edges.groups))


def feed(activities: list[Activity], user: str, edges: Edges, *, employee: bool) -> list[tuple[str, bool, bool, str]]:
    """Return the whole feed, newest first: id, liked, saved and text of every entry. activities: the last state of each."""
    liked = {
        activity.object.activity_id
        for activity in activities
        if activity.verb == Verb.LIKE
        and not activity.deleted
        and activity.actor.name == user
        and readable(activity, user, edges.groups, employee=employee)
    }
    shown = [activity for activity in activities if in_feed(activity, user, edges, employee=employee)]
    shown.sort(key=lambda activity: (activity.sort_time_ms, activity.id), reverse=True)
    return [(activity.id, activity.id in liked, activity.id in edges.saved, activity.text) for activity in shown]
