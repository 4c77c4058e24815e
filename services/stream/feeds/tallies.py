"""How many like, share and comment on what: every edge of `sluice.interactions.v1`, in few bytes."""

from collections import deque
from collections.abc import Callable, Iterable
from struct import Struct
from typing import Final

from services.contracts.activity import Audience
from services.contracts.interactions import Interaction
from services.contracts.matching import may_read
from services.contracts.relations import PersonRelations
from services.stream.feeds.object_tally import COMMENT, KIND_BITS, KINDS, NOTHING, ObjectTally, OneAudience, Tally
from services.stream.feeds.weighted_cache import WeightedCache

# Group, actor, activity id.
_EDGE: Final = Struct("<Iq16s")
_SIZE: Final = _EDGE.size
_ID_AT: Final = _SIZE - 16
#: Beyond so many edges going through them costs more than what keeping them at hand takes.
FEW: Final = 64
# Objects with few edges that are kept counted at a time; one takes some 300 bytes.
_KEPT_OBJECTS: Final = 50_000
_KIND: Final = (1 << KIND_BITS) - 1
_SINGLE: Final = (Tally(likes=1), Tally(shares=1), Tally(comments=1))
#: In place of an audience's number.
UNTOUCHED: Final = -1
MIXED: Final = -2
# The last so many objects that something happened to are told to who keeps counts elsewhere.
_TOUCHED: Final = 100_000
_KIND_OF: Final = {verb: kind for kind, verb in enumerate(KINDS)}


class Tallies:
    """What all activities have on them. The last word on an edge counts; the same again changes nothing.

    Objects with few edges hold them as 28 bytes each, and are counted when somebody asks; those with many are counted as edges come.
    """

    def __init__(self, few: int = FEW) -> None:
        """few: up to how many edges an object is counted only when somebody asks."""
        self._most_bytes = few * _SIZE
        #: The objects of the last edges that were put or removed, and how many there have been in all.
        self.touched: deque[bytes] = deque(maxlen=_TOUCHED)
        self.touches = 0
        self._few: dict[bytes, bytes] = {}
        self._many: dict[bytes, ObjectTally] = {}
        self._counted: WeightedCache[bytes, ObjectTally | OneAudience] = WeightedCache(_KEPT_OBJECTS)
        self._audiences: list[Audience] = []
        self._audience_numbers: dict[Audience, int] = {}

    def __len__(self) -> int:
        """Return how many objects have something on them."""
        return len(self._few) + len(self._many)

    def put(self, edge: Interaction) -> None:
        """Take an edge, or what has become of it."""
        obj, activity_id = bytes.fromhex(edge.object_id), bytes.fromhex(edge.activity_id)
        self._touch(obj)
        group = self._audience_number(edge.audience) << KIND_BITS | _KIND_OF[edge.verb]
        # Python's hash of a text is keyed: nobody can craft two names that count as one.
        actor = hash(edge.actor)
        if (many := self._many.get(obj)) is not None:
            many.put(activity_id, group, actor)
            return
        edges = self._few.get(obj, b"")
        at = _place(edges, activity_id)
        edges = edges[:at] + _EDGE.pack(group, actor, activity_id) + edges[at + _SIZE :]
        self._counted.pop(obj)
        if len(edges) > self._most_bytes:
            self._few.pop(obj, None)
            self._many[obj] = _tallied(edges)
        else:
            self._few[obj] = edges

    def remove(self, edge: Interaction) -> None:
        """Take an edge back; nothing happens when there is none. Who and for whom don't matter."""
        obj, activity_id = bytes.fromhex(edge.object_id), bytes.fromhex(edge.activity_id)
        self._touch(obj)
        if (many := self._many.get(obj)) is not None:
            many.remove(activity_id)
            if not many:
                del self._many[obj]
            return
        edges = self._few.get(obj, b"")
        at = _place(edges, activity_id)
        if at == len(edges):
            return
        self._counted.pop(obj)
        if len(edges) == _SIZE:
            del self._few[obj]
        else:
            self._few[obj] = edges[:at] + edges[at + _SIZE :]

    def of(self, object_ids: Iterable[str], reader: PersonRelations) -> list[Tally]:
        """Return what is on each of the objects, of which the reader may read. Nothing is known of an id: nothing is on it."""
        is_readable = self._readable_by(reader)
        tallies: list[Tally] = []
        for object_id in object_ids:
            counted = self._counted_edges(bytes.fromhex(object_id))
            tallies.append(NOTHING if counted is None else counted.tally(is_readable))
        return tallies

    def single(self, obj: bytes) -> tuple[int, Tally]:
        """Return what is on an object, and the number of the audience that all of it is for; see `may_know`.

        UNTOUCHED where nothing is on it; MIXED where it depends on the reader.
        """
        counted = self._counted_edges(obj)
        parts = [] if counted is None else counted.parts()
        return parts[0] if len(parts) == 1 else (MIXED if parts else UNTOUCHED, NOTHING)

    def may_know(self, audience: int, reader: PersonRelations) -> bool:
        """Return whether a reader may know of what is for an audience. audience: its number."""
        return self._readable_by(reader)(audience)

    def _touch(self, obj: bytes) -> None:
        self.touched.append(obj)
        self.touches += 1

    def _counted_edges(self, obj: bytes) -> ObjectTally | OneAudience | None:
        edges = self._few.get(obj)
        if edges is None:
            return self._many.get(obj)
        counted = self._counted.get(obj)
        if counted is None:
            counted = _counted(edges)
            self._counted.put(obj, counted, 1)
        return counted

    def _readable_by(self, reader: PersonRelations) -> Callable[[int], bool]:
        user, employee, groups, audiences = reader.user, reader.employee, reader.groups, self._audiences
        known: dict[int, bool] = {}

        def is_readable(number: int) -> bool:
            answer = known.get(number)
            if answer is None:
                answer = may_read(user, employee=employee, groups=groups, audience=audiences[number])
                known[number] = answer
            return answer

        return is_readable

    def _audience_number(self, audience: Audience) -> int:
        number = self._audience_numbers.get(audience)
        if number is None:
            number = self._audience_numbers[audience] = len(self._audiences)
            self._audiences.append(audience)
        return number


def _place(edges: bytes, activity_id: bytes) -> int:
    """Return where the edge of an activity is, or the end where there is none."""
    at = edges.find(activity_id, _ID_AT)
    while at >= 0 and (at - _ID_AT) % _SIZE:
        at = edges.find(activity_id, at + 1)
    return len(edges) if at < 0 else at - _ID_AT


def _tallied(edges: bytes) -> ObjectTally:
    tally = ObjectTally()
    for group, actor, activity_id in _EDGE.iter_unpack(edges):
        tally.put(activity_id, group, actor)
    return tally


def _counted(edges: bytes) -> ObjectTally | OneAudience:
    """Count few edges: in one go where they are all for one audience."""
    if len(edges) == _SIZE:
        group = _EDGE.unpack(edges)[0]
        return OneAudience(group >> KIND_BITS, _SINGLE[group & _KIND])
    different = {
        (group, activity_id if group & _KIND == COMMENT else actor) for group, actor, activity_id in _EDGE.iter_unpack(edges)
    }
    audiences = {group >> KIND_BITS for group, _ in different}
    if len(audiences) > 1:
        return _tallied(edges)
    kinds = [group & _KIND for group, _ in different]
    return OneAudience(audiences.pop(), Tally(*(kinds.count(kind) for kind in range(len(KINDS)))))
