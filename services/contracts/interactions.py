"""What an activity is on: likes, shares and comments as edges from the interacting activity to its object."""

from typing import Final, NamedTuple

from google.protobuf.message import DecodeError
from sluice.activity.v1 import activity_pb2, interaction_pb2

from services.contracts.activity import Audience, Scope, Verb
from services.contracts.codec import UndecodableRecord
from services.contracts.matching import deciding
from services.contracts.relations import SEPARATOR

ID_BYTES: Final = 16
#: What an activity has that is on nothing.
NO_EDGE: Final = b""
#: The verbs of edges.
INTERACTING: Final = frozenset({Verb.LIKE, Verb.SHARE, Verb.COMMENT})

_LIKE, _SHARE, _COMMENT = int(Verb.LIKE), int(Verb.SHARE), int(Verb.COMMENT)
_SCOPES: Final = {int(scope): scope for scope in Scope}
_HEX_DIGITS: Final = 2 * ID_BYTES


class Interaction(NamedTuple):
    """One edge. activity_id: the like's, the share's, the comment's; object_id: what it is on; both 32 hex digits."""

    object_id: str
    verb: Verb
    activity_id: str
    actor: str = ""
    audience: Audience = Audience()
    sort_time_ms: int = 0
    version: int = 0


def edge_of(message: activity_pb2.Activity) -> bytes:
    """Return what an activity is on, packed: the object's id (16 bytes) and the edge's verb (1 byte); NO_EDGE for none.

    Likes and shares are on their object, answers (COMMENT here, whatever their own verb) on what they answer. Nothing is on itself.
    """
    if message.deleted:
        return NO_EDGE
    verb = message.verb
    if verb in (_LIKE, _SHARE):
        said = message.object.activity_id
    else:
        said = message.in_reply_to
        if not said and verb == _COMMENT:
            said = message.object.activity_id
        verb = activity_pb2.VERB_COMMENT
    if len(said) != _HEX_DIGITS or said == message.id:
        return NO_EDGE
    try:
        return bytes.fromhex(said) + bytes((verb,))
    except ValueError:
        return NO_EDGE


def object_of(edge: bytes) -> str:
    """Return the object's id of a packed edge."""
    return edge[:ID_BYTES].hex()


def interaction_key(edge: bytes, activity_id: str) -> bytes:
    """Return the record key of `sluice.interactions.v1`: object, verb, interacting activity."""
    return SEPARATOR.join((object_of(edge), Verb(edge[ID_BYTES]).name, activity_id)).encode()


def interaction_value(edge: bytes, message: activity_pb2.Activity) -> bytes:
    """Return the record value for a refined activity that is on something."""
    interaction = interaction_pb2.Interaction(
        object_id=object_of(edge),
        verb=activity_pb2.Verb.ValueType(edge[ID_BYTES]),
        activity_id=message.id,
        actor=message.actor.name,
        audience=message.audience,
        sort_time_ms=message.sort_time_ms,
        version=message.version,
    )
    return interaction.SerializeToString(deterministic=True)


def interaction_of_key(key: bytes) -> Interaction:
    """Read an edge back from its key, without actor and audience. Raises ValueError on anything else."""
    obj, name, activity_id = key.decode().split(SEPARATOR)
    verb = Verb.__members__.get(name)
    if verb not in INTERACTING or len(obj) != _HEX_DIGITS or len(activity_id) != _HEX_DIGITS:
        raise ValueError("not a key of sluice.interactions.v1")
    return Interaction(bytes.fromhex(obj).hex(), verb, bytes.fromhex(activity_id).hex())


def interaction_from_record(key: bytes, value: bytes) -> Interaction:
    """Read a record back; the key says what is on what, the value who and for whom. Raises ValueError, and UndecodableRecord."""
    try:
        message = interaction_pb2.Interaction.FromString(value)
    except DecodeError:
        raise UndecodableRecord("not a sluice.activity.v1.Interaction") from None
    audience = message.audience
    scope = _SCOPES.get(audience.scope, Scope.UNSPECIFIED)
    return interaction_of_key(key)._replace(
        actor=message.actor,
        audience=deciding(Audience(scope, tuple(audience.groups), tuple(audience.recipients))),
        sort_time_ms=message.sort_time_ms,
        version=message.version,
    )
