"""Facts ⇄ their own message: what the index keeps beside a document and history answers, without anything that somebody wrote."""

from functools import lru_cache
from sys import intern
from typing import Final

from google.protobuf.message import DecodeError
from sluice.activity.v1 import activity_pb2
from sluice.search.v1 import activity_facts_pb2 as pb

from services.contracts.activity import Audience, Scope, Verb
from services.contracts.codec import UndecodableRecord, audience_to_proto
from services.contracts.matching import Facts

_VERBS: Final = {int(verb): verb for verb in Verb}
_SCOPES: Final = {int(scope): scope for scope in Scope}


def facts_to_message(facts: Facts) -> pb.ActivityFacts:
    """Return the message of facts; of a deleted activity there is none, it has nothing but its place."""
    return pb.ActivityFacts(
        id=facts.id,
        sort_time_ms=facts.sort_time_ms,
        verb=activity_pb2.Verb.ValueType(facts.verb),
        actor=facts.actor,
        targets=facts.targets,
        audience=audience_to_proto(facts.audience),
        object_activity_id=facts.object_activity_id,
        source_kind=facts.source_kind,
        language=facts.language,
        in_reply_to=facts.in_reply_to,
        cluster_id=facts.cluster_id,
        rollup=facts.rollup,
    )


def facts_from_message(message: pb.ActivityFacts) -> Facts:
    """Return the facts of a message. A verb that this version doesn't know is OTHER, an unknown scope closed to everybody."""
    return Facts(
        message.id,
        message.sort_time_ms,
        _VERBS.get(message.verb, Verb.OTHER),
        intern(message.actor),
        tuple(map(intern, message.targets)),
        audience_of(message),
        object_activity_id=message.object_activity_id,
        source_kind=intern(message.source_kind),
        language=intern(message.language),
        in_reply_to=message.in_reply_to,
        cluster_id=intern(message.cluster_id),
        rollup=intern(message.rollup),
    )


def audience_of(message: pb.ActivityFacts) -> Audience:
    """Return who may read it; the same object for the same audience."""
    audience = message.audience
    return _audience(audience.scope, tuple(audience.groups), tuple(audience.recipients))


def parse_facts(data: bytes) -> pb.ActivityFacts:
    """Return the message that data are. Raises UndecodableRecord."""
    try:
        return pb.ActivityFacts.FromString(data)
    except DecodeError:
        raise UndecodableRecord("not a sluice.search.v1.ActivityFacts") from None


@lru_cache(maxsize=4096)
def _audience(scope: int, groups: tuple[str, ...], recipients: tuple[str, ...]) -> Audience:
    return Audience(_SCOPES.get(scope, Scope.UNSPECIFIED), tuple(map(intern, groups)), tuple(map(intern, recipients)))
