from dataclasses import replace

import pytest
from sluice.activity.v1 import activity_pb2 as pb

from services.contracts.activity import Activity, Audience, Entity, Scope, Source, Verb
from services.contracts.codec import timestamp
from services.contracts.errors import InvalidRequest
from services.contracts.principal import PermissionRefused, Principal, Role
from services.ingest.publish_rules import (
    authored,
    check_may_delete_by_id,
    deleted_by_source,
    groups_to_check,
    refuse_assigned,
)

NOBODY = Source("", "", "")
ANNA = Principal("anna", employee=True)
BOT = Principal("bot", roles=frozenset({Role.PUBLISHER}))
ADMIN = Principal("ada", employee=True, roles=frozenset({Role.ADMIN}))
GUEST = Principal("guest")
NOTE = Activity(source=NOBODY, verb=Verb.POST)
FOREIGN = Source("rss", "blog.example", "1")


def test_an_employee_publishes_as_herself():
    """Actor, source and audience have her defaults."""
    note = authored(NOTE, ANNA, native_id="request-1")
    assert (note.actor, note.source, note.audience) == (
        Entity("person:anna"),
        Source("sluice", "anna", "request-1"),
        Audience(Scope.INTERNAL),
    )


def test_a_native_id_of_her_own_goes_before_the_request_id():
    note = authored(replace(NOTE, source=Source("sluice", "anna", "note-7")), ANNA, native_id="request-1")
    assert note.source == Source("sluice", "anna", "note-7")


@pytest.mark.parametrize(
    "change",
    [
        {"actor": Entity("person:ben")},
        {"source": FOREIGN},
        {"source": Source("sluice", "ben", "1")},
        {"source": Source("sluice", "anna", "1", "channel:news")},
        {"audience": Audience(Scope.PUBLIC)},
        {"target": Entity("channel:news")},
        {"target": Entity("service:payroll")},
        {"source": Source("sluice", "ben", "1"), "deleted": True},
    ],
)
def test_an_employee_publishes_as_nobody_else_and_not_for_the_world(change):
    with pytest.raises(PermissionRefused):
        authored(replace(NOTE, **change), ANNA, native_id="1")


@pytest.mark.parametrize("activity", [NOTE, replace(NOTE, source=FOREIGN, actor=Entity("person:guest"))])
def test_others_do_not_publish(activity):
    with pytest.raises(PermissionRefused):
        authored(activity, GUEST, native_id="1")


def test_a_publisher_publishes_for_any_source_and_actor():
    """What it says is taken as it is; nothing is made up for it."""
    activity = replace(NOTE, source=FOREIGN, actor=Entity("person:ben"), audience=Audience(Scope.PUBLIC))
    assert authored(activity, BOT, native_id="1") == activity
    assert authored(replace(NOTE, source=FOREIGN), ADMIN, native_id="1").actor is None


def test_a_publisher_without_a_source_gets_one_and_still_names_the_actor():
    note = authored(NOTE, BOT, native_id="request-1")
    assert note.source == Source("sluice", "bot", "request-1")
    assert note.actor is None


def test_an_admin_without_a_source_publishes_as_herself():
    assert authored(NOTE, ADMIN, native_id="1").actor == Entity("person:ada")


def test_membership_is_asked_of_employees_only_and_for_every_group():
    audience = Audience(Scope.GROUP, groups=("group:a", "group:b"))
    assert groups_to_check(replace(NOTE, audience=audience), ANNA) == ("group:a", "group:b")
    assert groups_to_check(replace(NOTE, audience=audience), BOT) == ()


def test_a_group_that_something_is_put_into_is_asked_for_whatever_the_audience():
    """Its members have it in their home feeds: who doesn't belong can't put it there."""
    put = replace(NOTE, target=Entity("group:c"), audience=Audience(Scope.INTERNAL))
    assert groups_to_check(put, ANNA) == ("group:c",)
    assert groups_to_check(replace(put, audience=Audience(Scope.GROUP, groups=("group:a", "group:c"))), ANNA) == (
        "group:a",
        "group:c",
    )
    assert groups_to_check(put, BOT) == ()
    assert groups_to_check(replace(NOTE, target=Entity("person:ben")), ANNA) == ()


def test_deleting_follows_the_same_rules():
    assert deleted_by_source(Source("sluice", "anna", "1"), 3, ANNA).version == 3
    assert deleted_by_source(FOREIGN, 0, BOT).source == FOREIGN
    for principal, source in ((ANNA, FOREIGN), (ANNA, Source("sluice", "ben", "1")), (GUEST, Source("sluice", "guest", "1"))):
        with pytest.raises(PermissionRefused):
            deleted_by_source(source, 0, principal)


def test_an_id_does_not_tell_whose_it_is_so_only_publishers_delete_by_it():
    check_may_delete_by_id(BOT)
    with pytest.raises(PermissionRefused):
        check_may_delete_by_id(ANNA)


@pytest.mark.parametrize(
    "message",
    [
        pb.Activity(id="ab" * 16),
        pb.Activity(sort_time_ms=1),
        pb.Activity(text="x"),
        pb.Activity(links=["https://x.example"]),
        pb.Activity(accepted=timestamp(0)),
    ],
)
def test_what_sluice_assigns_must_be_unset(message):
    with pytest.raises(InvalidRequest) as refused:
        refuse_assigned(message)
    assert refused.value.field.startswith("activity.")
