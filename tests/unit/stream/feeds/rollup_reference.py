"""What a rolled-up feed is, said a second time and naively. Shares no rule with the product."""

from collections.abc import Iterable

from services.contracts.activity import Activity, Verb


def in_common(one: Activity, other: Activity, by: Iterable[str]) -> bool:
    """Say whether two activities have something in common. by: names of what counts, in lower case."""
    kinds = {
        "act": one.verb == other.verb and one.object.activity_id == other.object.activity_id != "",
        "thread": bool(_thread(one) & _thread(other)) and bool(_above(one) | _above(other)),
        "source": (_source(one), one.rollup_id) == (_source(other), other.rollup_id) and other.rollup_id != "",
        "story": one.cluster_id == other.cluster_id != "",
    }
    return any(kinds[name] for name in by)


def _source(activity: Activity) -> tuple[str, str]:
    return activity.source.kind, activity.source.instance


def _above(activity: Activity) -> set[str]:
    return {activity.in_reply_to, activity.object.activity_id if activity.verb == Verb.COMMENT else ""} - {""}


def _thread(activity: Activity) -> set[str]:
    return {activity.id} | _above(activity)


def rolled_up(feed: Iterable[Activity], by: Iterable[str], hours: int) -> list[list[str]]:
    """Return the groups of a whole feed, newest first, as the ids of their activities, newest first."""
    groups: list[list[Activity]] = []
    for activity in feed:
        together, apart = [activity], []
        for group in groups:
            meets = any(_bucket(one, hours) == _bucket(activity, hours) and in_common(one, activity, by) for one in group)
            if meets:
                together += group
            else:
                apart.append(group)
        groups = [*apart, together]
    for group in groups:
        group.sort(key=_place, reverse=True)
    groups.sort(key=lambda group: _place(group[0]), reverse=True)
    return [[activity.id for activity in group] for group in groups]


def _bucket(activity: Activity, hours: int) -> int:
    return activity.sort_time_ms // (hours * 3_600_000)


def _place(activity: Activity) -> tuple[int, str]:
    return activity.sort_time_ms, activity.id
