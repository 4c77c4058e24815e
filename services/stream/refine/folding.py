"""Which versions of an activity count: the fold that makes duplicates, late versions and early deletes harmless.

Versions are ordered by (version, deleted): a delete beats the live version of the same number, so the outcome does not
hang on which came first. An undated record (version 0) counts on from what is known; an undated delete counts as of its
acceptance, and nothing undated revives what is deleted: it can't prove that it is newer.

Two live contents under one version: the first one stays, unless the other is for fewer. What a source closes is closed at once, new
version or not; what it opens waits for one. Of two audiences that are equally closed and differ nobody knows which is meant: then
nobody reads, until a version says who may.

The first live version pins sort time and acceptance. A delete that comes before its create pins neither (its sort time
is 0): the create that revives it does.
"""

from enum import StrEnum
from typing import NamedTuple

from services.contracts.interactions import NO_EDGE
from services.stream.refine.audiences import NOBODY, closedness

LAST_VERSION = 2**63 - 1


class Incoming(NamedTuple):
    """What folding needs of a raw record. Times: ms since the epoch.

    digest: 8 bytes of what the source said; audience: its summary; both 0 for deletes. version 0: undated. published_ms 0: unknown.
    accepted_ms is always known. edge: what it is on, see `interactions.edge_of`; a delete is on nothing.
    """

    version: int
    deleted: bool
    digest: bytes
    audience: int
    published_ms: int
    accepted_ms: int
    edge: bytes = NO_EDGE


class Folded(NamedTuple):
    """The winner of an activity. offset: where `sluice.activities.v1` has it, PENDING before that is known.

    audience: the summary of who may read it, which is nobody where the source contradicts itself. edge: what it is on.
    """

    version: int
    deleted: bool
    digest: bytes
    audience: int
    sort_time_ms: int
    accepted_ms: int
    offset: int
    edge: bytes = NO_EDGE

    @property
    def rank(self) -> tuple[int, bool, int, bytes]:
        """The order of winners, the same for every writer: two that disagree settle on one, not on their own."""
        return self.version, self.deleted, self.audience, self.digest


PENDING = -1


class Dropped(StrEnum):
    """Why a record changes nothing."""

    DUPLICATE = "duplicate"
    LATE = "late"
    CONFLICT = "conflict"


def fold(stored: Folded | None, incoming: Incoming) -> Folded | Dropped:
    """Return the new winner, to be written, or why there is none.

    A higher version always wins, even with an unchanged digest: were it only remembered and not written, a restart would
    forget it and let an older version in. CONFLICT: the same version with another content for no fewer; the first one stays.
    """
    if not incoming.version:
        return _fold_undated(stored, incoming)
    if stored is None:
        return _winner(None, incoming, incoming.version)
    before, now = (stored.version, stored.deleted), (incoming.version, incoming.deleted)
    if now < before:
        return Dropped.LATE
    if now == before:
        return _fold_equal(stored, incoming)
    return _winner(stored, incoming, incoming.version)


def _fold_equal(stored: Folded, incoming: Incoming) -> Folded | Dropped:
    if incoming.digest == stored.digest:
        return Dropped.DUPLICATE
    before, now = closedness(stored.audience), closedness(incoming.audience)
    if incoming.audience == stored.audience or now < before:
        return Dropped.CONFLICT
    folded = _winner(stored, incoming, incoming.version)
    return folded if now > before else folded._replace(audience=NOBODY)


def _fold_undated(stored: Folded | None, incoming: Incoming) -> Folded | Dropped:
    if stored is not None:
        if incoming.digest == stored.digest and incoming.deleted == stored.deleted:
            return Dropped.DUPLICATE
        if stored.deleted or stored.version == LAST_VERSION:
            return Dropped.LATE
    following = stored.version + 1 if stored else 1
    return _winner(stored, incoming, max(following, incoming.accepted_ms) if incoming.deleted else following)


def _winner(stored: Folded | None, incoming: Incoming, version: int) -> Folded:
    sort_time, accepted = 0, incoming.accepted_ms
    if stored is not None and stored.sort_time_ms:
        sort_time, accepted = stored.sort_time_ms, stored.accepted_ms
    elif not incoming.deleted:
        sort_time = min(incoming.published_ms, accepted) if incoming.published_ms > 0 else accepted
    return Folded(version, incoming.deleted, incoming.digest, incoming.audience, sort_time, accepted, PENDING, incoming.edge)
