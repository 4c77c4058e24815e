"""Domain ⇄ protobuf ⇄ bytes for how users want their feeds."""

from dataclasses import dataclass
from enum import IntEnum

from google.protobuf.message import DecodeError
from sluice.activity.v1 import preference_pb2

from services.contracts.codec import UndecodableRecord, milliseconds, timestamp
from services.contracts.relations import SEPARATOR


class Order(IntEnum):
    """The numbers are those of `sluice.activity.v1.Order`; UNSPECIFIED leaves it to what holds otherwise."""

    UNSPECIFIED = 0
    NEWEST = 1
    FOR_YOU = 2


_ORDERS = {int(order): order for order in Order}


@dataclass(frozen=True, slots=True)
class Preference:
    """How one user wants one feed. feed: the name of a FeedKind, `HOME`; expression: empty for everybody's; see the proto."""

    user: str
    feed: str
    order: Order = Order.UNSPECIFIED
    expression: str = ""
    interest_since_ms: int = 0

    @property
    def key(self) -> bytes:
        """The record key of `sluice.preferences.v1`: user, feed."""
        return SEPARATOR.join((self.user, self.feed)).encode()


def preference_of_key(key: bytes) -> Preference:
    """Return what holds for a user and feed that a key names while nothing is saved. Raises ValueError on anything else."""
    user, feed = key.decode().split(SEPARATOR)
    if not user or not feed:
        raise ValueError("a preference without a user or a feed")
    return Preference(user, feed)


def preference_to_bytes(preference: Preference) -> bytes:
    """Return the record value."""
    message = preference_pb2.Preference(
        user=preference.user,
        feed=preference.feed,
        order=preference_pb2.Order.ValueType(preference.order),
        expression=preference.expression,
    )
    if preference.interest_since_ms:
        message.interest_since.CopyFrom(timestamp(preference.interest_since_ms))
    return message.SerializeToString(deterministic=True)


def preference_from_bytes(data: bytes) -> Preference:
    """Read a record value back; an order that this version doesn't know is UNSPECIFIED. Raises UndecodableRecord."""
    try:
        message = preference_pb2.Preference.FromString(data)
        order = _ORDERS.get(message.order, Order.UNSPECIFIED)
        since = milliseconds(message.interest_since) if message.HasField("interest_since") else 0
    except (DecodeError, ValueError):
        raise UndecodableRecord("not a sluice.activity.v1.Preference") from None
    return Preference(message.user, message.feed, order, message.expression, since)
