"""Who may publish what over gRPC, and what an activity gets from its author. Pure; the groups' members are asked elsewhere."""

from dataclasses import replace

from sluice.activity.v1 import activity_pb2 as pb

from services.contracts.activity import Activity, Audience, Entity, Scope, Source
from services.contracts.errors import InvalidRequest
from services.contracts.principal import PermissionRefused, Principal, Role

SLUICE = "sluice"
# The instance of a delete that names only the id: no activity is ever published under it.
BY_ID = "by-id"
# Where an employee may put something. What comes through a channel or a service is not hers to say.
_TARGETS = ("person:", "tag:", "group:")


def refuse_assigned(message: pb.Activity) -> None:
    """Raise InvalidRequest where a sender set what Sluice assigns."""
    for field in ("id", "sort_time_ms", "text", "links", "cluster_id"):
        if getattr(message, field):
            raise _assigned(field)
    if message.HasField("accepted"):
        raise _assigned("accepted")


def _assigned(field: str) -> InvalidRequest:
    return InvalidRequest(f"{field} is assigned by Sluice and must be unset", field=f"activity.{field}")


def authored(activity: Activity, principal: Principal, *, native_id: str) -> Activity:
    """Return the activity with what its author gives it. Raises PermissionRefused.

    native_id: of an activity that has none. A publisher's is taken as it is. An employee publishes as herself; who publishes
    without a source, as herself too: actor and audience default to her own and INTERNAL.
    """
    publisher = principal.has(Role.PUBLISHER)
    if not (publisher or principal.employee):
        raise PermissionRefused("publishing needs the role publisher or an employee")
    as_herself = principal.employee and activity.source == Source("", "", "")
    if not publisher:
        _check_employee(activity, principal)
        as_herself = True
    source = activity.source
    if as_herself or source == Source("", "", ""):
        source = Source(SLUICE, principal.subject, source.native_id or native_id)
    if not as_herself or activity.deleted:
        return replace(activity, source=source)
    unsaid = activity.audience == Audience()
    return replace(
        activity,
        source=source,
        actor=activity.actor or Entity(principal.user),
        audience=Audience(Scope.INTERNAL) if unsaid else activity.audience,
    )


def _check_employee(activity: Activity, principal: Principal) -> None:
    _check_own_source(activity.source, principal)
    if activity.actor and activity.actor.name != principal.user:
        raise PermissionRefused("an employee publishes as herself: the actor is her own or unset")
    if activity.audience.scope is Scope.PUBLIC:
        raise PermissionRefused("publishing for everybody needs the role publisher")
    if activity.target and not activity.target.name.startswith(_TARGETS):
        raise PermissionRefused("an employee publishes to a person, a tag or a group")


def _check_own_source(source: Source, principal: Principal) -> None:
    if source.kind not in ("", SLUICE) or source.instance not in ("", principal.subject) or source.channel:
        raise PermissionRefused("an employee publishes with the source sluice/<her own subject> and no channel")


def groups_to_check(activity: Activity, principal: Principal) -> tuple[str, ...]:
    """Return the groups that the author must be a member of; a publisher needs none.

    A target counts whatever the audience: its members have it in their home feeds without following the author.
    """
    if principal.has(Role.PUBLISHER):
        return ()
    groups = activity.audience.groups if activity.audience.scope is Scope.GROUP else ()
    target = activity.target.name if activity.target else ""
    return tuple(dict.fromkeys((*groups, target))) if target.startswith("group:") else groups


def deleted_by_id(activity_id: str, version: int) -> Activity:
    """Return the marker for an id whose source isn't known; it is accepted with keep_id."""
    return Activity(source=Source(SLUICE, BY_ID, activity_id), id=activity_id, version=version, deleted=True)


def deleted_by_source(source: Source, version: int, principal: Principal) -> Activity:
    """Return the marker for a source. Raises PermissionRefused where it isn't the caller's own."""
    if not principal.has(Role.PUBLISHER):
        if not principal.employee:
            raise PermissionRefused("deleting needs the role publisher or an employee")
        _check_own_source(source, principal)
    return Activity(source=source, version=version, deleted=True)


def check_may_delete_by_id(principal: Principal) -> None:
    """Raise PermissionRefused unless the caller is a publisher: an id doesn't tell whose activity it is."""
    if not principal.has(Role.PUBLISHER):
        raise PermissionRefused("deleting by id needs the role publisher; name the source instead")
