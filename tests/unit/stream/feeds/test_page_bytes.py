"""A page is put together from bytes; readers must not be able to tell."""

from hypothesis import given
from hypothesis import strategies as st
from sluice.activity.v1 import activity_pb2
from sluice.feed.v1 import counts_pb2, feed_entry_pb2
from sluice.feed.v1 import feed_service_pb2 as pb

from services.contracts.activity import Activity, Source
from services.contracts.matching import facts_of
from services.stream.feeds.object_tally import Tally
from services.stream.feeds.page_bytes import entries_bytes
from services.stream.feeds.pages import Entry

FACTS = facts_of(Activity(Source("rss", "a", "1")))
entries = st.builds(
    Entry,
    facts=st.just(FACTS),
    body=st.builds(activity_pb2.Activity, id=st.text(max_size=3), deleted=st.booleans()).map(
        lambda message: message.SerializeToString()
    ),
    liked=st.booleans(),
    saved=st.booleans(),
    read=st.booleans(),
)


def response(page):
    """The same page, built by protobuf."""
    return pb.GetFeedResponse(
        entries=[
            feed_entry_pb2.FeedEntry(
                activity=activity_pb2.Activity.FromString(entry.body),
                viewer_state=feed_entry_pb2.ViewerState(
                    liked=entry.liked, saved=entry.saved, read=entry.read, done=entry.done, seen=entry.seen
                ),
            )
            for entry in page
        ]
    )


@given(st.lists(entries, max_size=4))
def test_entries_are_the_bytes_of_the_message(page):
    """Every state of the three flags."""
    assert entries_bytes(page) == response(page).SerializeToString(deterministic=True)


@given(st.lists(st.tuples(entries, st.builds(Tally, *[st.integers(0, 2**40)] * 3)), max_size=4))
def test_what_is_on_an_entry_goes_with_it(shown):
    """An entry that nobody likes, shares or comments on has no counts at all."""
    page, tallies = [entry for entry, _ in shown], [tally for _, tally in shown]
    message = response(page)
    for entry, tally in zip(message.entries, tallies, strict=True):
        if tally != Tally():
            entry.counts.CopyFrom(counts_pb2.Counts(likes=tally.likes, shares=tally.shares, comments=tally.comments))
    assert entries_bytes(page, tallies=tallies) == message.SerializeToString(deterministic=True)


def test_lengths_of_one_two_and_three_bytes_are_written_as_protobuf_does():
    """A length takes a byte for each seven bits, here on both sides of every border."""
    for length in [*range(110, 140), *range(16_340, 16_400), 2_097_000, 2_097_152, 3_000_000]:
        body = activity_pb2.Activity(text="x" * length).SerializeToString()
        page = [Entry(FACTS, body, liked=True, saved=False, read=True)]
        assert entries_bytes(page) == response(page).SerializeToString(deterministic=True)


def test_what_follows_the_entries_is_read_as_of_the_same_message():
    """The rest of the answer is appended by the servicer."""
    body = activity_pb2.Activity(id="a").SerializeToString()
    page = [Entry(FACTS, body, liked=False, saved=True, read=False)]
    rest = pb.GetFeedResponse(next_page_token="t", newer_count=12, partial=True)
    answer = pb.GetFeedResponse.FromString(entries_bytes(page) + rest.SerializeToString())
    assert answer.entries == response(page).entries
    assert (answer.next_page_token, answer.newer_count, answer.partial) == ("t", 12, True)


def test_an_empty_page_is_no_bytes():
    """Nothing says nothing."""
    assert entries_bytes([]) == b""
