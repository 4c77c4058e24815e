"""What clients rely on when they change relations: of the real worker, and of the small group that unit tests use in its place."""

from contextlib import AsyncExitStack

import grpc
import pytest

from services.contracts.relations import RelationKind
from tests.integration.conftest import own_server
from tests.integration.stream.feeds.conftest import house
from tests.unit.stream.feeds.small_group import Group

__all__ = ["house", "own_server"]

FOLLOWS, MEMBER_OF, MUTES, BLOCKS, REQUESTS = (
    RelationKind.FOLLOWS,
    RelationKind.MEMBER_OF,
    RelationKind.MUTES,
    RelationKind.BLOCKS,
    RelationKind.REQUESTS,
)


class RealSide:
    """The worker on a broker, called over gRPC."""

    def __init__(self, house):
        self._house = house
        self._stack = AsyncExitStack()
        self._callers = {}

    async def __aenter__(self):
        await self._stack.enter_async_context(self._house.working())
        return self

    async def __aexit__(self, *error):
        await self._stack.aclose()

    async def call(self, user, method, /, **fields):
        if user not in self._callers:
            name, _, rest = user.partition(":")
            claims = {"employee": rest == "employee", "roles": [rest] if rest in ("admin", "service") else []}
            self._callers[user] = await self._stack.enter_async_context(self._house.calling(name, **claims))
        return await self._callers[user].relate(method, **fields)


@pytest.fixture(params=["small group", "worker"])
def side(request):
    """Return one of them, not started."""
    return Group() if request.param == "small group" else RealSide(request.getfixturevalue("house"))


@pytest.fixture
async def service(side):
    """Return what is called with `call(user, method, **fields)`; a user is a name, with `:employee` or `:role` behind it."""
    async with side:
        yield side


async def listed(service, user, method, **fields):
    answer = await service.call(user, method, **fields)
    return [edge.object if method == "ListFollowing" else edge.subject for edge in answer.relations]


async def status_of(awaitable):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await awaitable
    return caught.value.code().name


async def test_each_change_is_in_force_when_it_answers_and_may_be_repeated(service):
    """The caller's lists show it at once; doing it twice is doing it once."""
    changes = [
        ("Follow", "Unfollow", FOLLOWS, "tag:x"),
        ("Mute", "Unmute", MUTES, "word:x"),
        ("Block", "Unblock", BLOCKS, "person:x"),
    ]
    for make, take_back, kind, name in changes:
        for method, there in ((make, [name]), (make, [name]), (take_back, []), (take_back, [])):
            await service.call("anna", method, object=name)
            assert await listed(service, "anna", "ListFollowing", kind=kind) == there


async def test_an_approval_ends_a_request(service):
    """One list or the other has her, before and after; whoever is asked hears it as soon as she has decided."""
    await service.call("ben", "SetFollowPolicy", approves_followers=True)
    await service.call("anna", "Follow", object="person:ben")
    assert await listed(service, "anna", "ListFollowing", kind=REQUESTS) == ["person:ben"]
    await service.call("ben", "ApproveFollow", subject="person:anna")
    assert await listed(service, "anna", "ListFollowing") == ["person:ben"]
    assert await listed(service, "ben", "ListFollowers") == ["person:anna"]
    assert await listed(service, "ben", "ListFollowers", kind=REQUESTS) == []
    await service.call("ben", "RemoveFollower", subject="person:anna")
    assert await listed(service, "ben", "ListFollowers") == []
    assert await status_of(service.call("ben", "ApproveFollow", subject="person:anna")) == "NOT_FOUND"


async def test_lists_are_for_whom_they_are_for(service):
    await service.call("root:admin", "Join", user="person:anna", group="group:g")
    refused = [
        ("guest", {"object": "tag:x"}),
        ("carl:employee", {"object": "person:anna", "kind": REQUESTS}),
        ("carl:employee", {"object": "group:g", "kind": MEMBER_OF}),
    ]
    for user, fields in refused:
        assert await status_of(service.call(user, "ListFollowers", **fields)) == "PERMISSION_DENIED"
    assert await status_of(service.call("carl:employee", "ListFollowers", object="tag:x", kind=BLOCKS)) == "INVALID_ARGUMENT"
    assert await listed(service, "carl:employee", "ListFollowers", object="tag:x") == []


async def test_accounts_are_one_person_to_followers_and_blocks(service):
    await service.call("directory:service", "LinkAccount", account="person:ben@x", person="person:ben")
    await service.call("anna", "Follow", object="person:ben@x")
    assert await listed(service, "anna", "ListFollowing") == ["person:ben"]
    await service.call("anna", "Block", object="person:ben@x")
    assert await listed(service, "anna", "ListFollowing", kind=BLOCKS) == ["person:ben", "person:ben@x"]
    await service.call("anna", "Unblock", object="person:ben")
    assert await listed(service, "anna", "ListFollowing", kind=BLOCKS) == []
    await service.call("directory:service", "UnlinkAccount", account="person:ben@x")
    assert list((await service.call("ben", "ListAccounts")).accounts) == []


async def test_a_list_is_paged_without_gap_or_repetition(service):
    names = sorted(f"tag:t{n}" for n in range(7))
    for name in names:
        await service.call("anna", "Follow", object=name)
    seen, token = [], ""
    while token or not seen:
        page = await service.call("anna", "ListFollowing", page_size=3, page_token=token)
        seen += [edge.object for edge in page.relations]
        token = page.next_page_token
    assert seen == names
    assert await status_of(service.call("anna", "ListFollowing", kind=MUTES, page_token="nonsense")) == "INVALID_ARGUMENT"
