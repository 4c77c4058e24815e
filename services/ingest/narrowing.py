"""Of several statements about who may read something the narrowest counts: inside content never leaks out."""

from services.contracts.activity import Audience, Scope
from services.ingest.source import SourceConfig

# How many may read, from nobody to everybody. The scopes' own numbers have no such order.
_WIDTH = {Scope.UNSPECIFIED: 0, Scope.DIRECT: 1, Scope.GROUP: 2, Scope.INTERNAL: 3, Scope.PUBLIC: 4}


def narrower(one: Audience, other: Audience) -> Audience:
    """Return the narrower of two audiences by DIRECT < GROUP < INTERNAL < PUBLIC, UNSPECIFIED (nobody) below all.

    Of two GROUP or two DIRECT audiences only the common names remain, which may be none. Commutative, associative, idempotent.
    """
    if one.scope != other.scope:
        narrow = min(one, other, key=lambda audience: _WIDTH[audience.scope])
        one = other = narrow
    if one.scope is Scope.GROUP:
        return Audience(Scope.GROUP, groups=tuple(sorted(set(one.groups) & set(other.groups))))
    if one.scope is Scope.DIRECT:
        return Audience(Scope.DIRECT, recipients=tuple(sorted(set(one.recipients) & set(other.recipients))))
    return Audience(one.scope)


def with_a_reader(audience: Audience, actor: str, config: SourceConfig) -> Audience:
    """Return audience, for its actor alone where it names nobody. actor: an entity name.

    Where the actor is no person either, it is for a person who doesn't exist: kept, and read by nobody.
    """
    named = {Scope.GROUP: audience.groups, Scope.DIRECT: audience.recipients}
    if named.get(audience.scope, ("",)):
        return audience
    reader = actor if actor.startswith("person:") else f"person:{config.kind}:{config.instance[:400]}:@nobody"
    return Audience(Scope.DIRECT, recipients=(reader,))
