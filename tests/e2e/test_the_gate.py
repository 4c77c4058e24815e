"""The employee, the group member, the outsider and the named recipient each see exactly theirs, in feeds and in search."""

import uuid

import grpc
import pytest
from sluice.activity.v1 import activity_pb2 as pb
from sluice.feed.v1 import feed_service_pb2, feed_service_pb2_grpc

from tests.e2e.conftest import Person, System, eventually


@pytest.fixture
def names() -> dict[str, str]:
    """People and a group of this test only."""
    tail = uuid.uuid4().hex[:8]
    return {name: f"{name}-{tail}" for name in ("author", "member", "employee", "named", "outsider", "club")}


@pytest.fixture
def people(system: System, admin: Person, names: dict[str, str]) -> dict[str, Person]:
    """All follow the author; author and member are in the club; the outsider is no employee."""
    found = {name: system.person(names[name], employee=name != "outsider") for name in names if name != "club"}
    for name, person in found.items():
        if name != "author":
            person.relate("Follow", object=found["author"].name)
    for name in ("author", "member"):
        admin.relate("Join", group=f"group:{names['club']}", user=found[name].name)
    return found


def readers(people: dict[str, Person], activity_id: str, word: str) -> dict[str, set[str]]:
    """Return who sees the activity, by way of reading."""
    shown: dict[str, set[str]] = {"feed": set(), "search": set(), "get": set()}
    for name, person in people.items():
        if person.entry(activity_id):
            shown["feed"].add(name)
        if person.finds(word, activity_id):
            shown["search"].add(name)
        try:
            person.get(activity_id)
            shown["get"].add(name)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
    return shown


@pytest.mark.parametrize(
    ("audience", "expected"),
    [
        ("internal", {"author", "member", "employee", "named"}),
        ("group", {"author", "member"}),
        ("direct", {"author", "named"}),
        ("public", {"author", "member", "employee", "named", "outsider"}),
    ],
)
def test_each_sees_exactly_theirs(system, people, names, audience, expected):
    """Everybody follows the author; the audience alone decides who reads."""
    word = f"word{uuid.uuid4().hex[:10]}"
    author = people["author"]
    if audience == "public":
        bridge = system.person("bridge", roles=("publisher",))
        note = pb.Activity(
            verb=pb.VERB_POST,
            actor=pb.Entity(name=author.name),
            object=pb.Object(content=word),
            audience=pb.Audience(scope=pb.SCOPE_PUBLIC),
        )
        activity_id = bridge.publish(note, uuid.uuid4().hex)
    else:
        groups = (f"group:{names['club']}",) if audience == "group" else ()
        to = (people["named"].name,) if audience == "direct" else ()
        activity_id = eventually(lambda: try_to_say(author, word, groups, to))
    eventually(lambda: author.finds(word, activity_id) and author.entry(activity_id))
    shown = eventually(lambda: agreed(readers(people, activity_id, word)))
    assert shown == {"feed": expected, "search": expected, "get": expected}


def try_to_say(author: Person, word: str, groups: tuple[str, ...], to: tuple[str, ...]) -> str:
    """Say it; a membership is known to ingest a moment after the join has answered."""
    try:
        return author.say(word, groups=groups, to=to)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.PERMISSION_DENIED:
            raise
        return ""


def agreed(shown: dict[str, set[str]]) -> dict[str, set[str]] | None:
    """Return shown once feed, search and get say the same; the index is a moment behind the feed."""
    return shown if len({frozenset(names) for names in shown.values()}) == 1 else None


def test_leaving_a_group_hides_its_activities_at_once(people, names):
    """When Leave has answered, no read shows the group's content; the token is the same as before."""
    word = f"word{uuid.uuid4().hex[:10]}"
    group = f"group:{names['club']}"
    activity_id = eventually(lambda: try_to_say(people["author"], word, (group,), ()))
    member = people["member"]
    eventually(lambda: member.entry(activity_id) and member.finds(word, activity_id))
    member.relate("Leave", group=group)
    assert member.entry(activity_id) is None
    eventually(lambda: not member.finds(word, activity_id))


def test_nobody_reads_without_a_token(system):
    """There is no anonymous read, whatever the service."""
    nobody = Person(system, "nobody", "")
    for read in (nobody.feed, lambda: nobody.search("x"), lambda: nobody.get("0" * 32), lambda: nobody.say("x")):
        with pytest.raises(grpc.RpcError) as refused:
            read()
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_an_employee_publishes_only_as_herself_and_never_to_the_outside(people):
    """Inside content can't be declared public, and nobody speaks for others."""
    author = people["author"]
    public = pb.Activity(
        verb=pb.VERB_POST,
        actor=pb.Entity(name=author.name),
        object=pb.Object(content="x"),
        audience=pb.Audience(scope=pb.SCOPE_PUBLIC),
    )
    foreign = pb.Activity(
        verb=pb.VERB_POST,
        actor=pb.Entity(name=people["member"].name),
        object=pb.Object(content="x"),
        audience=pb.Audience(scope=pb.SCOPE_INTERNAL),
    )
    for activity in (public, foreign):
        with pytest.raises(grpc.RpcError) as refused:
            author.publish(activity)
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_others_feeds_and_memberships_are_closed(people, names):
    """Only the role admin reads another's feed or makes members."""
    employee = people["employee"]
    request = feed_service_pb2.GetFeedRequest(user=people["author"].name)
    with pytest.raises(grpc.RpcError) as refused:
        employee.call("feeds", feed_service_pb2_grpc.FeedServiceStub, "GetFeed", request)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    with pytest.raises(grpc.RpcError) as refused:
        employee.relate("Join", group=f"group:{names['club']}", user=employee.name)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
