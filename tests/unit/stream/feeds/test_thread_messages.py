"""Conversations as messages: what a page token carries, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sluice.activity.v1 import activity_pb2
from sluice.feed.v1 import thread_pb2 as pb

from services.contracts.activity import Activity, Source
from services.contracts.matching import facts_of
from services.contracts.page_tokens import PageToken, PageTokenInvalid, fingerprint
from services.contracts.principal import Principal
from services.stream.feeds.pages import Entry
from services.stream.feeds.places import Place
from services.stream.feeds.threads.asking import Thread, ThreadOrder
from services.stream.feeds.threads.thread_messages import thread_ask, thread_message
from services.stream.feeds.threads.thread_tree import DEEPEST, Reply

ID = "2f1c0a54d7e96b38a1c5f0e2b4d69788"
CALLER = Principal("anna", employee=True)
places = st.builds(Place, st.integers(0, 2**53), st.from_regex("[0-9a-f]{32}", fullmatch=True))


def entry(text):
    body = activity_pb2.Activity(id=ID, text=text).SerializeToString()
    return Entry(facts_of(Activity(Source("rss", "a", text)).with_id()), body, liked=True, saved=False, read=False)


def ask_of(token="", **fields):
    return thread_ask(pb.GetThreadRequest(activity_id=ID, page_token=token, **fields), CALLER)


def token_of(*position, activity=ID, order=ThreadOrder.TREE):
    return PageToken(position, fingerprint("thread", CALLER.user, activity, order)).encode()


@given(st.lists(places, max_size=DEEPEST).map(tuple))
def test_a_page_goes_on_where_the_one_before_ended(path):
    """Also before the first reply; and the longest token is one that a request may carry."""
    thread = Thread((), entry("a"), (), path, 0, truncated=False)
    token = thread_message(thread, ask_of()).next_page_token
    assert len(token) <= 2048
    assert ask_of(token).after == path


def test_the_answer_says_who_stands_where():
    reply = Reply(entry("below").facts, ID, (Place(1, ID), Place(2, ID)), aside=True, cut=True)
    message = thread_message(
        Thread([None, entry("above")], entry("here"), [(reply, entry("below"))], None, 7, truncated=True), ask_of()
    )
    assert [each.entry.activity.text for each in message.ancestors] == ["", "above"]
    assert message.ancestors[0] == pb.ThreadAncestor(gap=True)
    assert (message.entry.activity.text, message.entry.viewer_state.liked) == ("here", True)
    (said,) = message.replies
    assert (said.entry.activity.text, said.parent_id, said.depth, said.aside, said.cut) == ("below", ID, 2, True, True)
    assert (message.next_page_token, message.reply_count, message.truncated) == ("", 7, True)


@pytest.mark.parametrize(
    "token",
    [
        "nonsense",
        token_of(1),
        token_of(ID, 1),
        token_of(1, "x"),
        token_of(1.5, ID),
        token_of(True, ID),  # noqa: FBT003 - what anybody may write
        token_of(*[1, ID] * (DEEPEST + 1)),
        token_of(1, ID, activity="0" * 32),
        token_of(1, ID, order=ThreadOrder.NEWEST_FIRST),
    ],
)
def test_a_token_that_is_none_of_ours_is_refused(token):
    with pytest.raises(PageTokenInvalid):
        ask_of(token)


def test_orders_by_time_go_on_at_a_place_and_not_at_a_path():
    order = ThreadOrder.OLDEST_FIRST
    assert ask_of(token_of(1, ID, order=order), order=order).after == (Place(1, ID),)
    with pytest.raises(PageTokenInvalid):
        ask_of(token_of(1, ID, 2, ID, order=order), order=order)


def test_the_tree_is_the_default_and_sizes_are_bounded():
    assert (ask_of().order, ask_of().size, ask_of(page_size=1000).size) == (ThreadOrder.TREE, 50, 200)
