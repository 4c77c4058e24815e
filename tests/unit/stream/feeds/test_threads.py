"""Conversations: what an activity answers and what answers it, as the reader may see them."""

import pytest

from services.contracts.activity import Audience, Object, Scope, Verb
from services.contracts.codec import activity_from_bytes
from services.contracts.errors import NotFound, ServiceUnavailable
from services.contracts.page_tokens import MAX_ANSWER_BYTES
from services.stream.feeds.threads import gathering
from services.stream.feeds.threads.asking import ThreadAsk, ThreadOrder
from services.stream.feeds.threads.thread_tree import DEEPEST
from tests.unit.stream.feeds.small_steps import small_steps
from tests.unit.stream.feeds.thread_walk import ThreadHouse, lines

A, B, H = "person:a", "person:b", "person:h"
CLOSED = Audience(Scope.GROUP, groups=("group:g",))


@pytest.fixture
def house(monkeypatch):
    """A house whose conversations are read."""
    small_steps(monkeypatch)
    house = ThreadHouse()
    yield house
    house.close()


def test_replies_stand_below_what_they_answer_and_siblings_by_time(house):
    """Half of it in the index only, half not there yet; across channels."""
    root = house.post(B, 1, channel="channel:n")
    late = house.comment(H, root.id, time=9, channel="channel:m")
    house.index_everything()
    early = house.comment(A, root.id, time=3)
    below = house.comment(B, early.id, time=12)
    assert house.check_thread(A, root.id) == ([], [(early.id, root.id, 1), (below.id, early.id, 2), (late.id, root.id, 1)])


def test_ancestors_come_root_first(house):
    root = house.post(B, 1)
    middle = house.comment(H, root.id, time=2)
    last = house.comment(A, middle.id, time=3)
    house.index_everything()
    assert house.check_thread(A, last.id) == ([root.id, middle.id], [])


def test_a_share_and_its_comments_belong_to_what_was_shared(house):
    """The story goes on in another channel."""
    root = house.post(B, 1, channel="channel:n")
    share = house.post(H, 2, verb=Verb.SHARE, object=Object(activity_id=root.id), channel="channel:m")
    comment = house.comment(A, share.id, time=3)
    house.like(A, share.id, sort_time_ms=4)
    assert house.check_thread(A, root.id)[1] == [(share.id, root.id, 1), (comment.id, share.id, 2)]
    assert house.check_thread(A, comment.id)[0] == [root.id, share.id]


def test_what_the_reader_may_not_see_is_a_gap_without_content(house):
    """Not even who wrote it; what it answers is its own to tell. What is below it stays."""
    root = house.post(B, 1)
    closed = house.comment(H, root.id, time=2, audience=CLOSED)
    below = house.comment(B, closed.id, time=3)
    last = house.comment(A, below.id, time=4)
    house.index_everything()
    assert house.check_thread(A, below.id) == ([None], [(last.id, below.id, 1)])
    assert house.check_thread(A, last.id)[0] == [None, below.id]
    assert house.check_thread(A, root.id) == ([], [])
    house.join(A, "group:g")
    assert house.check_thread(A, last.id)[0] == [root.id, closed.id, below.id]
    assert [each[0] for each in house.check_thread(A, root.id)[1]] == [closed.id, below.id, last.id]


def test_who_says_what_all_of_it_is_about_is_found_below_a_gap(house):
    root = house.post(B, 1)
    closed = house.comment(H, root.id, time=2, audience=CLOSED)
    below = house.comment(B, closed.id, root.id, time=3)
    assert house.check_thread(A, root.id) == ([], [(below.id, root.id, 1)])
    assert house.check_thread(A, below.id)[0] == [root.id, None]
    ((reply, _),) = house.thread(A, root.id).replies
    assert reply.aside


def test_deletes_and_blocks_leave_gaps(house):
    root = house.post(B, 1)
    middle = house.comment(H, root.id, time=2)
    last = house.comment(A, middle.id, root.id, time=3)
    house.index_everything()
    house.block(H, A)
    assert house.check_thread(A, last.id)[0] == [root.id, None]
    assert house.check_thread(B, last.id)[0] == [root.id, middle.id]
    house.delete(middle)
    assert house.check_thread(B, last.id)[0] == [root.id, None]
    house.delete(root)
    assert house.check_thread(B, last.id)[0] == [None]
    assert house.check_thread(B, root.id) is None


def test_mutes_hide_nothing_of_a_conversation(house):
    root = house.post(B, 1, text="art")
    reply = house.comment(H, root.id, time=2, text="art")
    house.mute(A, H)
    house.mute_word(A, "art")
    assert house.check_thread(A, root.id) == ([], [(reply.id, root.id, 1)])


def test_what_nobody_may_see_is_not_found(house):
    closed = house.post(B, 1, audience=CLOSED)
    like = house.like(B, closed.id, sort_time_ms=2)
    house.index_everything()
    for activity in (closed.id, like.id, "0" * 32):
        with pytest.raises(NotFound):
            house.thread(A, activity)


def test_rings_are_shown_once(house):
    """Sources may say that two activities answer each other, or one itself."""
    root = house.post(B, 1)
    one = house.comment(H, root.id, time=3)
    two = house.comment(A, one.id, root.id, time=2)
    house.edit(one, in_reply_to=two.id, object=Object(activity_id=root.id))
    selfish = house.comment(A, root.id, time=4)
    house.edit(selfish, in_reply_to=selfish.id, object=Object(activity_id=root.id))
    house.edit(root, in_reply_to=one.id)
    for activity in (root, one, two, selfish):
        house.check_thread(A, activity.id)
    assert {each[0] for each in house.check_thread(A, root.id)[1]} == {one.id, two.id, selfish.id}


@pytest.mark.parametrize("order", ThreadOrder)
def test_what_comes_meanwhile_shifts_no_page(house, order):
    """What is there from the first page to the last is shown once, at its place, also when the last of a page goes."""
    root = house.post(B, 1)
    replies = [house.comment(H, root.id, time=10 + number) for number in range(6)]
    below = [house.comment(A, replies[2].id, time=30 + number) for number in range(3)]
    house.deliver_all(A)
    first = house.thread(A, root.id, 4, order=order)
    house.comment(B, root.id, time=5)
    house.comment(B, root.id, time=50)
    house.delete(house.latest[first.replies[-1][0].facts.id])
    house.deliver_all(A)
    shown, page = [each[0] for each in lines(first)], first
    while page.next_after is not None:
        page = house.thread(A, root.id, 4, order=order, after=page.next_after)
        shown += [each[0] for each in lines(page)]
    assert {each.id for each in (*replies, *below)} <= set(shown)
    assert len(set(shown)) == len(shown)


def test_likes_and_marks_are_shown(house):
    root = house.post(B, 1)
    reply = house.comment(H, root.id, time=2)
    house.like(A, reply.id, sort_time_ms=3)
    house.deliver_all(A)
    page = house.thread(A, root.id)
    assert (page.entry.liked, [entry.liked for _, entry in page.replies], page.count) == (False, [True], 1)


def test_depth_is_bounded_and_said_so(house):
    """What is too deep belongs to the thread of the one that it is below."""
    ids = [house.post(B, 0).id]
    for depth in range(DEEPEST + 2):
        ids.append(house.comment(B, ids[-1], time=depth + 1).id)
    house.index_everything()
    house.deliver_all(A)
    page = house.thread(A, ids[0])
    assert ([each[0] for each in lines(page)], page.truncated) == (ids[1 : DEEPEST + 1], True)
    assert [reply.cut for reply, _ in page.replies] == [False] * (DEEPEST - 1) + [True]
    further = house.thread(A, ids[DEEPEST])
    assert [each[0] for each in lines(further)] == ids[DEEPEST + 1 :]
    assert not further.truncated
    deepest = house.thread(A, ids[-1])
    assert (len(deepest.ancestors), deepest.truncated) == (gathering.MOST_ANCESTORS, True)


def test_the_number_of_replies_is_bounded_and_said_so(house, monkeypatch):
    monkeypatch.setattr(gathering, "MOST_REPLIES", 3)
    root = house.post(B, 0)
    replies = [house.comment(B, root.id, time=time) for time in range(5)]
    house.deliver_all(A)
    page = house.thread(A, root.id)
    assert ([each[0] for each in lines(page)], page.truncated) == ([each.id for each in replies[2:]], True)
    house.delete(replies[4])
    house.delete(replies[3])
    house.deliver_all(A)
    assert not house.thread(A, root.id).truncated


def test_an_answer_that_would_be_too_large_is_cut(house):
    """The activity comes first, then what it answers, the nearest first, then replies; the next page goes on."""
    large = "x" * (MAX_ANSWER_BYTES // 3)
    root = house.post(B, 0, text=large)
    middle = house.comment(B, root.id, time=1, text=large)
    replies = [house.comment(B, middle.id, time=2 + number, text=large) for number in range(2)]
    house.deliver_all(A)
    page = house.thread(A, middle.id)
    assert ([entry.id for entry in page.ancestors], page.replies, page.next_after) == ([root.id], [], ())
    shown = []
    while page.next_after is not None:
        page = house.thread(A, middle.id, after=page.next_after)
        assert len(page.replies) == 1
        shown += [each[0] for each in lines(page)]
    assert shown == [each.id for each in replies]


def test_what_the_index_gives_no_longer_is_left_out(house, monkeypatch):
    """It was deleted, and this worker is yet to hear of it; searches may show it still, reading by id doesn't."""
    root = house.post(B, 1)
    middle = house.comment(H, root.id, time=2)
    last = house.comment(B, middle.id, root.id, time=3)
    house.index_everything()
    house.deliver_all(A)
    house.owner_of(A).drop_bodies()
    bodies = house.history.bodies

    async def without_the_middle(ids, reader):
        return {key: body for key, body in (await bodies(ids, reader)).items() if key != middle.id}

    monkeypatch.setattr(house.history, "bodies", without_the_middle)
    assert lines(house.thread(A, root.id)) == [(last.id, root.id, 1)]
    assert [entry and entry.id for entry in house.thread(A, last.id).ancestors] == [root.id, None]


def test_without_history_nobody_guesses_what_is_closed(house):
    root = house.post(B, 1)
    house.deliver_all(A)
    house.history.away = True
    with pytest.raises(ServiceUnavailable):
        house.thread(A, root.id)


@pytest.mark.parametrize("question", range(1, 7))
@pytest.mark.parametrize("what", ["edit", "edit and sweep", "delete", "close", "block", "evict"])
@pytest.mark.parametrize("at_hand", [True, False])
def test_what_happens_while_it_is_read_is_seen(house, question, what, at_hand):
    """The answer shows nothing that the reader may not see at that moment, and the latest text of everything."""
    root = house.post(B, 1, text="old")
    reply = house.comment(H, root.id, time=2, text="old")
    house.comment(B, reply.id, root.id, time=3, text="old")
    house.like(A, reply.id, sort_time_ms=4)
    house.deliver_all(A)
    if not at_hand:
        house.index_everything()
        house.owner_of(A).drop_bodies()

    def happening():
        happenings = {
            "edit": lambda: house.edit(reply, text="new"),
            "edit and sweep": lambda: house.edit(reply, text="new"),
            "delete": lambda: house.delete(reply),
            "close": lambda: house.edit(reply, audience=CLOSED, text="new"),
            "block": lambda: house.block(H, A),
            "evict": lambda: house.owner_of(A).engine.evict(A),
        }
        happenings[what]()
        house.deliver_all(A)
        if what == "edit and sweep":
            house.index_everything()
            house.owner_of(A).engine.sweep()

    page = house.thread_while(happening, question, ThreadAsk(A, employee=True, activity=root.id, size=10))
    assert ([], lines(page)) == house.expected_thread(A, root.id)
    latest = {each.id: each.text for each in house.latest.values()}
    assert all(activity_from_bytes(entry.body).text == latest[entry.id] for _, entry in page.replies)
    assert all(entry.liked == (entry.id == reply.id) for _, entry in page.replies)
