"""Who calls, and for whom she may ask."""

from services.contracts.principal import PermissionRefused, Principal, Role
from services.runtime.auth import caller


def principal() -> Principal:
    """Return the caller of the RPC under way. Raises PermissionRefused when there is none."""
    found = caller()
    if not isinstance(found, Principal):
        raise PermissionRefused("nobody is signed in")
    return found


def user_for(asking: Principal, user: str) -> str:
    """Return whose data are meant: user, or the caller where it is empty. Raises PermissionRefused for others than admins."""
    if not user or user == asking.user:
        return asking.user
    if not asking.has(Role.ADMIN):
        raise PermissionRefused("what belongs to others needs the role admin")
    return user


def only_admin(asking: Principal, what: str) -> None:
    """Raise PermissionRefused unless the caller is an admin. what: the rule, for the caller to read."""
    if not asking.has(Role.ADMIN):
        raise PermissionRefused(f"{what} needs the role admin")


def only_directory(asking: Principal, what: str) -> None:
    """Raise PermissionRefused unless the caller is an admin or a service, as directories and connectors are."""
    if not (asking.has(Role.ADMIN) or asking.has(Role.SERVICE)):
        raise PermissionRefused(f"{what} needs the role admin or service")
