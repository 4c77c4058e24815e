"""How closed an audience is, in 32 bits: what folding needs of it where one version is said to have two.

The upper 13 bits order audiences from open to closed: by scope (public, internal, group, direct, nobody), then the more names the more
open. The lower 19 tell audiences apart that are equally closed.
"""

from collections.abc import Collection
from zlib import crc32

from sluice.activity.v1 import activity_pb2 as pb

_NAME_BITS = 10
_HASH_BITS = 19
_MOST_NAMES = (1 << _NAME_BITS) - 1
_NO_NAMES = 0
_PUBLIC, _INTERNAL, _GROUP, _DIRECT, _NOBODY = range(5)


def _packed(scope: int, names: Collection[str]) -> int:
    told_apart = crc32("\n".join(sorted(names)).encode()) % (1 << _HASH_BITS) if names else _NO_NAMES
    return ((scope << _NAME_BITS) + _MOST_NAMES - min(len(names), _MOST_NAMES) << _HASH_BITS) + told_apart


_EVERYBODY, _EMPLOYEES = _packed(_PUBLIC, ()), _packed(_INTERNAL, ())
#: The audience that nobody is in.
NOBODY = _packed(_NOBODY, ())


def summary_of(audience: pb.Audience) -> int:
    """Return the 32 bits of an audience. Only the names count that its scope asks for; where it asks in vain, nobody is in it."""
    scope = audience.scope
    if scope == pb.SCOPE_PUBLIC:
        return _EVERYBODY
    if scope == pb.SCOPE_INTERNAL:
        return _EMPLOYEES
    if scope == pb.SCOPE_GROUP and audience.groups:
        return _packed(_GROUP, set(audience.groups))
    if scope == pb.SCOPE_DIRECT and audience.recipients:
        return _packed(_DIRECT, set(audience.recipients))
    return NOBODY


def closedness(summary: int) -> int:
    """Return how closed the audience of a summary is."""
    return summary >> _HASH_BITS
