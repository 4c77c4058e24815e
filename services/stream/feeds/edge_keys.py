"""Record keys of edges and marks, thousands at a time, as numbers."""

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import numpy.typing as npt

from services.contracts.relation_codec import MarkerKind, marker_of_key
from services.contracts.relations import SEPARATOR, RelationKind, relation_of_key
from services.stream.feeds.interning import InternedNames, Longs

Ids = npt.NDArray[np.uint64]

#: Bits of a group's number that say the kind, and of an edge's that say the other side.
KIND_BITS, OTHER_BITS = 3, 32
#: Bits of the number of a group of marks that say the kind.
MARK_BITS = 6

_RELATION_KINDS = {kind.name: int(kind) for kind in RelationKind}
_MARKER_KINDS = {kind.name: int(kind) for kind in MarkerKind}
# No key's part is a line break; where one is, the keys are read one by one.
_BETWEEN = "\n"
_JOINT = f"{SEPARATOR}{_BETWEEN}{SEPARATOR}".encode()
_ID_LENGTH = 32
#: Of an activity id as bytes.
ID_BYTES = 16


def group_of(owner: int, kind: int) -> int:
    """Return the number of all edges of a kind that an owner has."""
    return owner << KIND_BITS | kind


def marks_group(owner: int, kind: int) -> int:
    """Return the number of all marks of a kind that an owner has."""
    return owner << MARK_BITS | kind


def edge_of(group: int, other: int) -> int:
    """Return the number of an edge. Those of a group lie side by side."""
    return group << OTHER_BITS | other


def edges_in(keys: Sequence[bytes | None], names: InternedNames) -> tuple[Longs, list[int]]:
    """Return the numbers of the edges that keys name, int64[n], and the places of keys that name none; there the number is -1.

    The first name of a key is the owner: the subject in keys of sluice.relations.v1, the object in those of the inverse.
    """
    parts = _parts(keys)
    if parts is not None:
        kinds = _kinds_of(parts[1::4], _RELATION_KINDS)
        if kinds is not None:
            groups = names.ids_of(parts[0::4]) << KIND_BITS | kinds
            return groups << OTHER_BITS | names.ids_of(parts[2::4]), []
    edges, poison = np.full(len(keys), -1, np.int64), []
    for place, key in enumerate(keys):
        try:
            relation = relation_of_key(key or b"")
        except ValueError:
            poison.append(place)
        else:
            edges[place] = edge_of(group_of(names.id_of(relation.subject), relation.kind), names.id_of(relation.object))
    return edges, poison


def marks_in(keys: Sequence[bytes | None], names: InternedNames) -> tuple[Longs, Ids, list[int]]:
    """Return the groups of the marks that keys name, int64[n], their activities as uint64[n, 2], and the places of other keys.

    There the group is -1.
    """
    parts = _parts(keys)
    if parts is not None:
        kinds, ids = _kinds_of(parts[1::4], _MARKER_KINDS), _ids_of(parts[2::4])
        if kinds is not None and ids is not None:
            return names.ids_of(parts[0::4]) << MARK_BITS | kinds, ids, []
    groups, poison = np.full(len(keys), -1, np.int64), []
    ids = np.zeros((len(keys), 2), np.uint64)
    for place, key in enumerate(keys):
        try:
            marker = marker_of_key(key or b"")
            ids[place] = np.frombuffer(id_bytes(marker.activity_id), ">u8")
        except ValueError:
            poison.append(place)
        else:
            groups[place] = marks_group(names.id_of(marker.user), marker.kind)
    return groups, ids, poison


def id_bytes(activity_id: str) -> bytes:
    """Return the 16 bytes of an activity id. Raises ValueError where it is none."""
    data = bytes.fromhex(activity_id)
    if len(activity_id) != _ID_LENGTH or data.hex() != activity_id:
        raise ValueError("not an activity id")
    return data


def _parts(keys: Sequence[bytes | None]) -> list[str] | None:
    """Return the three parts of every key, with a line break after each but the last; None where a key isn't of that kind."""
    if not keys or None in keys:
        return None
    try:
        parts = _JOINT.join(cast(Sequence[bytes], keys)).decode().split(SEPARATOR)
    except UnicodeDecodeError:
        return None
    whole = len(parts) == 4 * len(keys) - 1 and parts[3::4] == [_BETWEEN] * (len(keys) - 1)
    return parts if whole else None


def _kinds_of(texts: Sequence[str], numbers: Mapping[str, int]) -> Longs | None:
    """Return the numbers of kinds, None where one of them has none."""
    if not numbers.keys() >= set(texts):
        return None
    return np.fromiter(map(numbers.__getitem__, texts), np.int64, len(texts))


def _ids_of(texts: Sequence[str]) -> Ids | None:
    joined = "".join(texts)
    if set(map(len, texts)) != {_ID_LENGTH}:
        return None
    try:
        data = bytes.fromhex(joined)
    except ValueError:
        return None
    if data.hex() != joined:
        return None
    return np.frombuffer(data, ">u8").astype(np.uint64).reshape(-1, 2)
