"""Record value → facts, without building the activity in between: every feeds worker does this for every activity."""

from functools import lru_cache
from sys import intern
from typing import Final

from google.protobuf.message import DecodeError
from sluice.activity.v1 import activity_pb2 as pb

from services.contracts.activity import Audience, Scope, Verb
from services.contracts.codec import UndecodableRecord
from services.contracts.matching import Facts, deciding, hidden, rollup_of

_VERBS: Final = {int(verb): verb for verb in Verb}
_OTHER: Final = Verb.OTHER
_SCOPES: Final = {int(scope): scope for scope in Scope}
_AUDIENCES: Final = {int(scope): Audience(scope) for scope in (Scope.PUBLIC, Scope.INTERNAL)}
_parsed = pb.Activity.FromString
_new = tuple.__new__


def facts_from_bytes(data: bytes) -> Facts:
    """Read the facts of a record value: those that `facts_of` gives for the activity in it. Raises UndecodableRecord."""
    try:
        message = _parsed(data)
    except DecodeError:
        raise UndecodableRecord("not a sluice.activity.v1.Activity") from None
    return facts_from_proto(message)


def facts_from_proto(message: pb.Activity) -> Facts:
    """Return the facts of a message. A verb that this version doesn't know is OTHER, an unknown scope closed to everybody."""
    if message.deleted:
        return hidden(message.id, message.sort_time_ms)
    source, audience = message.source, _audience(message.audience)
    # A slice is a list at once; walking through the field takes twice as long.
    rollup_id = message.rollup_id
    actor, targets = _targets(message.actor.name, message.target.name, audience.groups, source.channel, *message.tags[:])
    fields = (
        message.id,
        message.sort_time_ms,
        _VERBS.get(message.verb, _OTHER),
        actor,
        targets,
        audience,
        False,
        message.object.activity_id,
        intern(source.kind),
        intern(message.language),
        message.in_reply_to,
        intern(message.cluster_id),
        rollup_id and intern(rollup_of(source.kind, source.instance, rollup_id)),
    )
    # A plain tuple costs a third of what a call with as many names does.
    return _new(Facts, fields)


@lru_cache(maxsize=65_536)
def _targets(actor: str, target: str, groups: tuple[str, ...], channel: str, *tags: str) -> tuple[str, tuple[str, ...]]:
    """Return the actor and the targets, the same objects for the same names: who posts once posts again."""
    names = filter(None, (actor, target, *groups, channel, *(f"tag:{tag}" for tag in tags)))
    return intern(actor), tuple(map(intern, dict.fromkeys(names)))


def _audience(message: pb.Audience) -> Audience:
    scope = message.scope
    return _AUDIENCES.get(scope) or _named_audience(scope, tuple(message.groups), tuple(message.recipients))


@lru_cache(maxsize=4096)
def _named_audience(scope: int, groups: tuple[str, ...], recipients: tuple[str, ...]) -> Audience:
    """Return the audience, the same object for the same people: most activities of a group share theirs."""
    return deciding(Audience(_SCOPES.get(scope, Scope.UNSPECIFIED), tuple(map(intern, groups)), tuple(map(intern, recipients))))
