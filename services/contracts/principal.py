"""Who is calling, and what a role allows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from services.contracts.errors import SluiceError


class Role(StrEnum):
    """What a token's `roles` claim may carry."""

    PUBLISHER = "publisher"
    ADMIN = "admin"
    SERVICE = "service"


# Before Python 3.12 a value can't be looked up in an enum itself.
_ROLES = frozenset(role.value for role in Role)


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller. subject: the token's `sub`; employee: its employment claim. Group membership is never taken from a token."""

    subject: str
    employee: bool = False
    roles: frozenset[Role] = field(default_factory=frozenset)

    @property
    def user(self) -> str:
        """The entity name of the caller."""
        return f"person:{self.subject}"

    def has(self, role: Role) -> bool:
        """Return whether the caller has a role; `admin` has all of them but `service`."""
        return role in self.roles or (Role.ADMIN in self.roles and role is not Role.SERVICE)


class PermissionRefused(SluiceError):
    """The caller may not do this. The text names the rule."""

    status = "PERMISSION_DENIED"
    reason = "PERMISSION_REFUSED"


def principal_of(claims: Mapping[str, Any], *, employee_claim: str = "employee", roles_claim: str = "roles") -> Principal:
    """Return the caller of verified claims. Roles that Sluice doesn't know are left out; employment must be the JSON value true."""
    roles = claims.get(roles_claim, ())
    known = (
        frozenset(Role(role) for role in roles if isinstance(role, str) and role in _ROLES)
        if isinstance(roles, list)
        else frozenset()
    )
    return Principal(subject=str(claims["sub"]), employee=claims.get(employee_claim) is True, roles=known)
