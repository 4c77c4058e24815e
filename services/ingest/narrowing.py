"""Of several statements about who may read something the narrowest counts: inside content never leaks out."""

from services.contracts.activity import Audience, Scope

# How many may read, from nobody to everybody. The scopes' own numbers have no such order.
_WIDTH = {Scope.UNSPECIFIED: 0, Scope.DIRECT: 1, Scope.GROUP: 2, Scope.INTERNAL: 3, Scope.PUBLIC: 4}


def narrower(one: Audience, other: Audience) -> Audience:
    """Return the narrower of two audiences by DIRECT < GROUP < INTERNAL < PUBLIC, UNSPECIFIED (nobody) below all.

    Of two GROUP or two DIRECT audiences only the common names remain. Groups without a common one become a DIRECT audience
    without recipients: nobody but the actor. Commutative, associative and idempotent.
    """
    if one.scope != other.scope:
        return _plain(min(one, other, key=lambda audience: _WIDTH[audience.scope]))
    if one.scope == Scope.GROUP:
        groups = _common(one.groups, other.groups)
        return Audience(Scope.GROUP, groups=groups) if groups else Audience(Scope.DIRECT)
    if one.scope == Scope.DIRECT:
        return Audience(Scope.DIRECT, recipients=_common(one.recipients, other.recipients))
    return Audience(one.scope)


def _plain(audience: Audience) -> Audience:
    if audience.scope == Scope.GROUP:
        groups = tuple(sorted(set(audience.groups)))
        return Audience(Scope.GROUP, groups=groups) if groups else Audience(Scope.DIRECT)
    if audience.scope == Scope.DIRECT:
        return Audience(Scope.DIRECT, recipients=tuple(sorted(set(audience.recipients))))
    return Audience(audience.scope)


def _common(ones: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(ones) & set(others)))
