"""Rolled-up feeds as clients ask for them: what they are told of a group, and tokens that fit their request only."""

import base64
import json

import protovalidate
import pytest
from sluice.activity.v1 import preference_pb2
from sluice.feed.v1 import feed_service_pb2 as pb
from sluice.feed.v1 import rollup_pb2

from services.contracts.activity import Object, Verb
from services.contracts.errors import InvalidRequest
from services.contracts.page_tokens import PageTokenInvalid
from services.contracts.principal import Principal
from services.contracts.relation_codec import MarkerKind
from services.stream.feeds.engine import EngineLimits
from services.stream.feeds.feed_servicer import page_ask
from services.stream.feeds.object_tally import NOTHING, Tally
from services.stream.feeds.places import Place
from services.stream.feeds.rolled_feed import rolled_ask, rolled_bytes, without_token
from services.stream.feeds.rolled_reading import RolledPage, RolledReader
from services.stream.feeds.rollup_pages import MOST_SEEN, SEEN_DIGITS, Cursor
from tests.unit.stream.feeds.house import House
from tests.unit.stream.feeds.small_steps import relations_in_memory

ANNA = Principal("a", employee=True)
STORY = "a" * 16
ROLLED = {"roll_up": rollup_pb2.RollUp()}
HOUR = 3_600_000


@pytest.fixture
def house(monkeypatch):
    """A house in which person:a follows three people."""
    relations_in_memory(monkeypatch)
    made = House(EngineLimits(capacity=60, rows=3, body_bytes=100_000))
    for name in ("person:b", "person:c", "person:d"):
        made.follow("person:a", name)
    yield made
    made.close()


def asked(**fields):
    """What a request asks for."""
    request = pb.GetFeedRequest(**(ROLLED | fields))
    return rolled_ask(request, page_ask(without_token(request), ANNA))


def answer(house, tallies=None, **fields):
    """What a client gets. tallies: id → what is on it."""
    owner, rolled = house.deliver_all("person:a"), asked(**fields)
    page = house.run(RolledReader(owner.reader, owner.engine, owner.state.identities.person_of).page(*rolled))
    ids = [name for each in page.entries for name in (each.rollup.counted_ids if each.rollup else [each.entry.id])]
    return pb.GetFeedResponse.FromString(rolled_bytes(page, rolled, [(tallies or {}).get(name, NOTHING) for name in ids]))


def test_a_group_is_told_of(house):
    """Who, how many, how many unread, since when, and what is on all of it; its entry is the newest."""
    told = [house.post(actor, time, cluster_id=STORY) for time, actor in enumerate(["person:b", "person:c", "person:b"])]
    alone = house.post("person:d", 9)
    house.mark("person:a", MarkerKind.READ, told[0].id)
    page = answer(house, {told[2].id: Tally(likes=2), told[0].id: Tally(likes=1, comments=3)})
    assert [entry.activity.id for entry in page.entries] == [alone.id, told[2].id]
    assert not page.entries[0].HasField("rollup")
    entry = page.entries[1]
    assert (entry.counts.likes, entry.viewer_state.read) == (2, False)
    rollup = entry.rollup
    assert (rollup.count, rollup.actor_count, rollup.unread_count) == (3, 2, 2)
    assert list(rollup.by) == [rollup_pb2.ROLL_UP_BY_STORY]
    assert [actor.name for actor in rollup.actors] == ["person:b", "person:c"]
    assert (rollup.key, list(rollup.member_ids)) == (told[0].id, [each.id for each in reversed(told)])
    assert (rollup.newest_ms, rollup.oldest_ms) == (2, 0)
    assert (rollup.counts.likes, rollup.counts.comments) == (3, 3)


def test_a_persons_accounts_are_one_of_those_who_did_it(house):
    """Five accounts of one person are not five people."""
    house.link("person:x", "person:b")
    for time, actor in enumerate(["person:b", "person:x", "person:c"]):
        house.post(actor, time, verb=Verb.SHARE, object=Object(activity_id="0" * 32))
    [entry] = answer(house).entries
    assert (entry.rollup.count, entry.rollup.actor_count) == (3, 2)
    assert [actor.name for actor in entry.rollup.actors] == ["person:c", "person:x"]


def test_filters_hold_within_groups(house):
    """stream-feeds-js#277: what doesn't pass is in no group and in no count."""
    told = [house.post("person:b", time, cluster_id=STORY, language=language) for time, language in enumerate(["de", "en", "de"])]
    [entry] = answer(house, filter=pb.FeedFilter(languages=["de"])).entries
    assert list(entry.rollup.member_ids) == [told[2].id, told[0].id]
    [alone] = answer(house, filter=pb.FeedFilter(languages=["en"])).entries
    assert not alone.HasField("rollup")


def test_the_same_activity_written_again_counts_once(house):
    """Stream-Framework#153: a replay makes no duplicates and nothing unread."""
    told = [house.post("person:b", time, cluster_id=STORY) for time in (1, 2)]
    for each in told:
        house.mark("person:a", MarkerKind.READ, each.id)
        house.append(each)
        house.edit(each, text="edited")
    [entry] = answer(house).entries
    assert (entry.rollup.count, entry.rollup.unread_count) == (2, 0)


def test_another_rule_changes_old_entries(house):
    """Nothing of a roll-up is stored."""
    house.post("person:b", 1, cluster_id=STORY)
    house.post("person:b", 2 * HOUR, cluster_id=STORY)
    assert len(answer(house).entries) == 1
    assert len(answer(house, roll_up=rollup_pb2.RollUp(within=rollup_pb2.ROLL_UP_WITHIN_HOUR)).entries) == 2
    assert len(answer(house, roll_up=rollup_pb2.RollUp(by=[rollup_pb2.ROLL_UP_BY_THREAD])).entries) == 2


def test_pages_of_groups_go_on_where_they_ended(house):
    """stream-js#235: page_size counts groups, and the members of one don't come again on the next page."""
    told = [house.post("person:b", time, cluster_id=("a" if time % 2 else "b") * 16) for time in range(6)]
    first = answer(house, page_size=1)
    assert list(first.entries[0].rollup.member_ids) == [told[at].id for at in (5, 3, 1)]
    house.post("person:c", 99)
    second = answer(house, page_size=1, page_token=first.next_page_token)
    assert list(second.entries[0].rollup.member_ids) == [told[at].id for at in (4, 2, 0)]
    assert (second.newer_count, second.next_page_token) == (1, "")


def test_a_token_belongs_to_its_rule_and_filter(house):
    """Another request is an error with a name, never a page with gaps."""
    for time in range(4):
        house.post("person:b", time)
    token = answer(house, page_size=1).next_page_token
    for other in ({"roll_up": rollup_pb2.RollUp(by=[rollup_pb2.ROLL_UP_BY_STORY])}, {"filter": pb.FeedFilter(unread_only=True)}):
        with pytest.raises(PageTokenInvalid):
            asked(page_token=token, **other)
    with pytest.raises(PageTokenInvalid):
        page_ask(pb.GetFeedRequest(page_token=token), ANNA)


@pytest.mark.parametrize(
    "position", [[1, "", None, None], [1, "", None, None, 5], [1, "", None, None, "!"], [1, "x", None, None, ""]]
)
def test_a_made_up_token_is_refused(house, position):
    """Anything may be in it."""
    for time in range(2):
        house.post("person:b", time)
    token = answer(house, page_size=1).next_page_token
    version, request, *_ = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    forged = base64.urlsafe_b64encode(json.dumps([version, request, *position]).encode()).decode().rstrip("=")
    with pytest.raises(PageTokenInvalid):
        asked(page_token=forged)


def test_the_longest_token_is_one_that_requests_may_carry():
    """Whatever was shown of a bucket before."""
    seen = frozenset(f"{number:0{SEEN_DIGITS}x}" for number in range(MOST_SEEN))
    top = Place(2**52, "f" * 32)
    page = RolledPage([], Cursor(top, seen), top, 0, partial=False)
    token = pb.GetFeedResponse.FromString(rolled_bytes(page, asked())).next_page_token
    protovalidate.validate(pb.GetFeedRequest(page_token=token, **ROLLED))
    assert asked(page_token=token).cursor == page.after


@pytest.mark.parametrize("fields", [{"feed": pb.FEED_KIND_SAVED}, {"order": preference_pb2.ORDER_FOR_YOU}])
def test_what_has_another_order_is_not_rolled_up(fields):
    """Groups come newest first."""
    with pytest.raises(InvalidRequest):
        asked(**fields)


def test_a_group_is_whole_though_a_timeline_has_a_part_of_it(monkeypatch):
    """What a timeline forgot is asked of history: a count is never what happens to be in memory."""
    relations_in_memory(monkeypatch)
    house = House(EngineLimits(capacity=8, rows=3, body_bytes=100_000))
    house.follow("person:a", "person:b")
    # She has a timeline before anything comes, so that all bodies of it are at hand.
    answer(house)
    told = []
    for time in range(20):
        told.append(house.post("person:b", time, cluster_id=("a" if time % 3 else "b") * 16))
        house.deliver_all("person:a")
    house.index_everything()
    first = answer(house, page_size=1)
    assert first.entries[0].rollup.count == sum(1 for each in told if each.cluster_id == STORY)
    assert answer(house, page_size=1, page_token=first.next_page_token).entries[0].rollup.count == 7
    house.close()
