"""Which records a change of marks takes, so that single marks and places up to which is marked stay exact together.

What is there already is written again, see changes.
"""

from collections.abc import Sequence
from typing import NamedTuple

from services.contracts.marked_places import MarkedPlace, place_digits, place_of_digits
from services.contracts.relation_codec import MarkerKind
from services.stream.feeds.user_marks import UserMarks


class MarkEdit(NamedTuple):
    """Marks to make, then those to take back, each a kind and what stands behind it in the key: an activity id or a place."""

    made: tuple[tuple[MarkerKind, str], ...]
    taken_back: tuple[tuple[MarkerKind, str], ...] = ()


def marked_again(marks: UserMarks, kind: MarkerKind, ids: Sequence[str], *, taken_back: bool) -> MarkEdit:
    """Return what it takes to mark activities, or to take their marks back. ids: each once.

    What stands at or below a place up to which all is read is unread only where that is said of it.
    """
    named = tuple((kind, activity_id) for activity_id in ids)
    if kind is not MarkerKind.READ:
        return MarkEdit((), named) if taken_back else MarkEdit(named)
    unread = MarkerKind.HOME_UNREAD
    if taken_back:
        said = ids if marks.of(MarkerKind.HOME_READ_UP_TO) else ()
        return MarkEdit(tuple((unread, activity_id) for activity_id in said), named)
    return MarkEdit(named, tuple((unread, activity_id) for activity_id in ids if activity_id in marks.unread))


def marked_up_to(marks: UserMarks, kind: MarkerKind, place: MarkedPlace) -> MarkEdit:
    """Return what it takes to mark a feed up to a place; nothing where it is marked further already.

    One record, however much it marks. Former places, and what was said to be unread below them, are taken back, so that the log
    keeps one place a feed.
    """
    digits, former = place_digits(place), marks.of(kind)
    if former and place_of_digits(max(former)) > place:
        return MarkEdit(())
    gone = [(kind, other) for other in sorted(former) if other != digits]
    if kind is MarkerKind.HOME_READ_UP_TO:
        # All of them stand at or below the former place, or are no different without.
        gone += ((MarkerKind.HOME_UNREAD, activity_id) for activity_id in sorted(marks.unread))
    return MarkEdit(((kind, digits),), tuple(gone))
