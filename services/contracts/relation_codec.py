"""Domain ⇄ protobuf ⇄ bytes for edges, markers, identities and index progress."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from google.protobuf.message import DecodeError
from sluice.activity.v1 import identity_pb2, index_progress_pb2, marker_pb2, relation_pb2

from services.contracts.codec import UndecodableRecord, milliseconds, timestamp
from services.contracts.relations import SEPARATOR, Relation, RelationKind

# Field 3 of a marker, of 32 bytes; a test compares the bytes.
_ACTIVITY_ID = b"\x1a\x20"


class MarkerKind(IntEnum):
    """The numbers are those of `sluice.activity.v1.MarkerKind`."""

    SAVED = 1
    READ = 2
    SEEN = 3
    DONE = 4
    HOME_UNREAD = 5
    HOME_READ_UP_TO = 6
    HOME_SEEN_UP_TO = 7


@dataclass(frozen=True, slots=True)
class Marker:
    """What one user did with one activity, or with a feed up to a place. user: entity name.

    activity_id: for the kinds of UP_TO a place, see marked_places.
    """

    user: str
    kind: MarkerKind
    activity_id: str
    created_ms: int = 0

    @property
    def key(self) -> bytes:
        """The record key of `sluice.markers.v1`: user, kind, activity id."""
        return marker_key(self.user, self.kind, self.activity_id)


def marker_key(user: str, kind: MarkerKind, activity_id: str) -> bytes:
    """Return the record key of a mark."""
    return f"{user}{SEPARATOR}{kind.name}{SEPARATOR}{activity_id}".encode()


def marker_of_key(key: bytes) -> Marker:
    """Read a marker back from its key. Raises ValueError on anything else."""
    return Marker(*mark_in_key(key))


def mark_in_key(key: bytes) -> tuple[str, MarkerKind, str]:
    """Return user, kind and activity id (or place) of a key. Raises ValueError on anything else."""
    user, name, activity_id = key.decode().split(SEPARATOR)
    kind = _KINDS.get(name)
    if kind is None:
        raise ValueError("unknown marker kind in a key")
    return user, kind, activity_id


_KINDS = {kind.name: kind for kind in MarkerKind}


def marker_to_bytes(marker: Marker) -> bytes:
    """Return the record value of a marker."""
    message = marker_pb2.Marker(
        user=marker.user, kind=marker_pb2.MarkerKind.ValueType(marker.kind), activity_id=marker.activity_id
    )
    message.created.CopyFrom(timestamp(marker.created_ms))
    return message.SerializeToString(deterministic=True)


def markers_to_bytes(user: str, kind: MarkerKind, activity_ids: Iterable[str], created_ms: int) -> list[bytes]:
    """Return the record values of many marks of one user. activity_ids: 32 ASCII characters each. A sixth of the time of one by one."""
    head = marker_pb2.Marker(user=user, kind=marker_pb2.MarkerKind.ValueType(kind)).SerializeToString(deterministic=True)
    tail = marker_pb2.Marker(created=timestamp(created_ms)).SerializeToString(deterministic=True)
    head += _ACTIVITY_ID
    return [b"%b%b%b" % (head, activity_id.encode(), tail) for activity_id in activity_ids]


def relation_to_proto(relation: Relation) -> relation_pb2.Relation:
    """Return the message of an edge."""
    message = relation_pb2.Relation(
        subject=relation.subject,
        kind=relation_pb2.RelationKind.ValueType(relation.kind),
        object=relation.object,
    )
    message.created.CopyFrom(timestamp(relation.created_ms))
    return message


def relation_to_bytes(relation: Relation) -> bytes:
    """Return the record value of an edge."""
    return relation_to_proto(relation).SerializeToString(deterministic=True)


def relation_from_bytes(data: bytes) -> Relation:
    """Read a record value back. Raises UndecodableRecord."""
    try:
        message = relation_pb2.Relation.FromString(data)
        kind = RelationKind(message.kind)
    except (DecodeError, ValueError):
        raise UndecodableRecord("not a sluice.activity.v1.Relation") from None
    return Relation(message.subject, kind, message.object, milliseconds(message.created))


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose an account is; both are entity names. approves_followers counts where person equals account, see the proto."""

    account: str
    person: str
    approves_followers: bool = False
    created_ms: int = 0

    @property
    def key(self) -> bytes:
        """The record key of `sluice.identities.v1`: the account."""
        return self.account.encode()


def identity_to_bytes(identity: Identity) -> bytes:
    """Return the record value."""
    message = identity_pb2.Identity(
        account=identity.account, person=identity.person, approves_followers=identity.approves_followers
    )
    message.created.CopyFrom(timestamp(identity.created_ms))
    return message.SerializeToString(deterministic=True)


def identity_from_bytes(data: bytes) -> Identity:
    """Read a record value back. Raises UndecodableRecord, also where a name is missing."""
    try:
        message = identity_pb2.Identity.FromString(data)
    except DecodeError:
        raise UndecodableRecord("not a sluice.activity.v1.Identity") from None
    if not message.account or not message.person:
        raise UndecodableRecord("an identity without an account or a person")
    return Identity(message.account, message.person, message.approves_followers, milliseconds(message.created))


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """How far an index has made a partition searchable. refreshed: the offset after the last record that searches see."""

    index: str
    partition: int
    refreshed: int

    @property
    def key(self) -> bytes:
        """The record key of `sluice.index-progress.v1`: index, partition."""
        return f"{self.index}{SEPARATOR}{self.partition}".encode()


def progress_to_bytes(progress: IndexProgress) -> bytes:
    """Return the record value."""
    return index_progress_pb2.IndexProgress(
        index=progress.index, partition=progress.partition, refreshed=progress.refreshed
    ).SerializeToString(deterministic=True)


def progress_from_bytes(data: bytes) -> IndexProgress:
    """Read a record value back. Raises UndecodableRecord."""
    try:
        message = index_progress_pb2.IndexProgress.FromString(data)
    except DecodeError:
        raise UndecodableRecord("not a sluice.activity.v1.IndexProgress") from None
    return IndexProgress(message.index, message.partition, message.refreshed)
