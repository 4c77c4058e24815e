"""What an entry of a rolled-up feed stands for. Pure."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from services.contracts.matching import Facts
from services.stream.feeds.rollup_pages import Group
from services.stream.feeds.rollups import By

#: So many of those who did it are shown.
FACES: Final = 3
#: So many members are named.
NAMED: Final = 100


class Rollup(NamedTuple):
    """A group of several activities; see the proto. faces: the newest activity of each of the latest people, newest first.

    counted_ids: of all members; member_ids are the first of them.
    """

    key: str
    by: Sequence[By]
    size: int
    faces: Sequence[Facts]
    actor_count: int
    unread_count: int
    newest_ms: int
    oldest_ms: int
    member_ids: Sequence[str]
    counted_ids: Sequence[str]


def faces_of(group: Group, person_of: Callable[[str], str]) -> dict[str, Facts]:
    """Return the people of a group, latest first, each with her newest activity. person_of: whose account a name is."""
    faces: dict[str, Facts] = {}
    for facts in group.members:
        faces.setdefault(person_of(facts.actor), facts)
    return faces


def details(group: Group, person_of: Callable[[str], str], is_read: Callable[[Facts], bool]) -> Rollup:
    """Return what a group of several activities stands for. is_read: whether the reader has read an activity."""
    members = group.members
    ids = [facts.id for facts in members]
    faces = list(faces_of(group, person_of).values())
    return Rollup(
        key=members[-1].id,
        by=group.held_by,
        size=len(members),
        faces=faces[:FACES],
        actor_count=len(faces),
        unread_count=len(members) - sum(map(is_read, members)),
        newest_ms=members[0].sort_time_ms,
        oldest_ms=members[-1].sort_time_ms,
        member_ids=ids[:NAMED],
        counted_ids=ids,
    )
