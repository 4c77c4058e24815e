"""Interleavings that a random walk seldom meets, played by hand on the same machine and held to the same reference."""

from dataclasses import replace

import pytest

from services.contracts import page_tokens
from services.contracts.activity import Audience, Entity, Object, Scope, Verb
from services.contracts.matching import Facts
from services.stream.feeds.activity_table import ActivityTable
from services.stream.feeds.engine import EngineLimits
from services.stream.feeds.places import TOP
from tests.unit.stream.feeds.test_invariants import Feeds, Worker

PUBLIC = Audience(Scope.PUBLIC)


@pytest.fixture
def feeds():
    """A house with a worker; in the end every feed equals the reference and the rebuilt one."""
    machine = Feeds()
    yield machine
    machine.teardown()


def post(feeds, actor="person:b", time=5, audience=PUBLIC, **changes):
    fields = {"verb": Verb.POST, "actor": Entity(actor), "audience": audience, "sort_time_ms": time, "text": f"{time}"}
    activity = feeds.new(**(fields | changes))
    feeds.append(activity)
    return activity


def settle(feeds):
    """Everything is broadcast, indexed and out of the window."""
    feeds.worker.deliver_all()
    feeds.index_everything(confess=True)


def texts(feeds, user="person:a", size=10):
    feeds.worker.deliver_all()
    return [entry[3] for entry in feeds.page_through(user, size, employee=True)]


def test_an_activity_that_opens_up_reaches_who_could_not_read_it(feeds):
    """A timeline built from history lacks what was closed to its reader; widening the audience delivers it."""
    feeds.follow("person:a", "person:b", present=True)
    closed = post(feeds, audience=Audience(Scope.DIRECT, recipients=("person:c",)))
    settle(feeds)
    assert texts(feeds) == []
    feeds.append(replace(closed, audience=PUBLIC, version=2))
    assert texts(feeds) == ["5"]


def test_an_entry_that_moves_above_complete_from_is_delivered(feeds):
    """Sort times are pinned by refine; should one move all the same, the log is right."""
    feeds.follow("person:a", "person:b", present=True)
    posts = [post(feeds, time=time) for time in range(1, 9)]
    settle(feeds)
    assert texts(feeds)[0] == "8"
    feeds.append(replace(posts[0], sort_time_ms=50, version=2))
    assert texts(feeds)[:2] == ["1", "8"]


def test_what_history_told_one_reader_is_still_delivered_to_others(feeds):
    """The index may be ahead of the broadcast: one reader learns of a post early, the other by its arrival."""
    feeds.follow("person:a", "person:b", present=True)
    feeds.follow("person:c", "person:b", present=True)
    assert texts(feeds, "person:c") == []
    post(feeds)
    feeds.read_while_the_broadcast_is_behind_the_index("person:a", employee=True)
    assert texts(feeds, "person:c") == ["5"]


def test_a_membership_opens_what_is_old_and_what_comes(feeds):
    """Join is like a follow: both what was written before and what comes after is in the feed."""
    group = Audience(Scope.GROUP, groups=("group:g",))
    post(feeds, time=1, audience=group)
    settle(feeds)
    assert texts(feeds) == []
    feeds.belong("person:a", "group:g", present=True)
    assert texts(feeds) == ["1"]
    post(feeds, time=2, audience=group)
    assert texts(feeds) == ["2", "1"]


def test_the_window_is_kept_while_history_is_asked(feeds):
    """The indexer moves on between question and answer: what the answer lacks must still be in the window."""
    feeds.follow("person:a", "person:b", present=True)
    post(feeds)
    feeds.worker.deliver_all()
    feeds.history.happens_at, feeds.history.meanwhile = 2, lambda: feeds.index_everything(confess=True)
    assert [entry.id for entry in feeds.page("person:a", 10, employee=True).entries] == feeds.ids
    assert texts(feeds) == ["5"]


def test_a_like_taken_back_is_gone(feeds):
    """The delete of a like names neither who liked nor what; a second like of the same still counts."""
    feeds.follow("person:a", "person:b", present=True)
    liked = post(feeds)
    likes = [post(feeds, "person:a", verb=Verb.LIKE, object=Object(activity_id=liked.id)) for _ in range(2)]

    def shown():
        feeds.worker.deliver_all()
        return [entry[1] for entry in feeds.page_through("person:a", 10, employee=True)]

    assert shown() == [True]
    feeds.append(likes[0].as_deleted(2))
    assert shown() == [True]
    feeds.append(likes[1].as_deleted(2))
    assert shown() == [False]
    settle(feeds)
    feeds.evict("person:a")
    assert shown() == [False]


def test_an_archive_that_arrives_newest_first_leaves_a_useful_timeline(feeds):
    """Imports come in any order; once read, the first page is answered from memory again."""
    feeds.worker = Worker(feeds, EngineLimits(capacity=20, rows=3))
    feeds.follow("person:a", "person:b", present=True)
    assert texts(feeds) == []
    for time in range(100, 40, -1):
        post(feeds, time=time)
    settle(feeds)
    for time in range(101, 105):
        post(feeds, time=time)
    settle(feeds)
    assert texts(feeds, size=100)[:6] == ["104", "103", "102", "101", "100", "99"]
    asked = feeds.history.questions
    assert [entry.place.sort_time_ms for entry in feeds.page("person:a", 10, employee=True).entries] == list(range(104, 94, -1))
    assert feeds.history.questions == asked


def test_a_first_page_costs_no_question_once_the_timeline_is_there(feeds):
    """History is for the beginning and for what is beyond the cap."""
    feeds.follow("person:a", "person:b", present=True)
    for time in range(3):
        post(feeds, time=time)
    assert texts(feeds) == ["2", "1", "0"]
    asked = feeds.history.questions
    post(feeds, time=3)
    assert texts(feeds) == ["3", "2", "1", "0"]
    assert feeds.history.questions == asked


def test_a_record_of_a_deleted_activity_that_nobody_knows_changes_nothing(feeds):
    """A delete that comes before its create is only a marker."""
    feeds.follow("person:a", "person:b", present=True)
    feeds.delete_before_create(3)
    assert texts(feeds) == []
    assert len(feeds.worker.engine.table) == 1
    settle(feeds)
    feeds.sweep()
    assert len(feeds.worker.engine.table) == 0


def test_what_is_newer_is_counted_below_a_timeline_full_of_muted_entries(feeds):
    """The timeline holds candidates; where all of them are hidden, the entries and what came above them are history's."""
    feeds.follow("person:a", "person:b", present=True)
    feeds.mute("person:a", "tag:y", present=True)
    for time in range(20, 28):
        post(feeds, time=time, tags=("y",))
    post(feeds, time=1)
    post(feeds, time=2)
    feeds.worker.deliver_all()
    first = feeds.page("person:a", 1, employee=True)
    assert first.newer == 0
    post(feeds, time=3)
    feeds.worker.deliver_all()
    assert feeds.page("person:a", 1, first.below, first.top, employee=True).newer == 1


def test_a_reader_waits_for_the_broadcast_where_the_index_is_ahead(feeds):
    """What is known here wins over history, so it must not be older than history."""
    feeds.follow("person:a", "person:b", present=True)
    first = post(feeds)
    assert texts(feeds) == ["5"]
    feeds.append(replace(first, text="edited", version=2))
    feeds.read_what_only_the_index_has("person:a", employee=True, size=5)


def test_a_membership_that_comes_while_the_timeline_is_built_is_not_missed(feeds):
    """She follows the group already, so only what she may read grows."""
    feeds.follow("person:a", "group:g", present=True)
    post(feeds, audience=Audience(Scope.GROUP, groups=("group:g",)))
    settle(feeds)
    feeds.history.happens_at = 2
    feeds.history.meanwhile = lambda: feeds.belong("person:a", "group:g", present=True)
    feeds.page("person:a", 5, employee=True)
    assert texts(feeds) == ["5"]


def test_an_evicted_reader_leaves_nothing_behind(feeds):
    """Neither her places among followers nor her likes."""
    feeds.follow("person:a", "person:b", present=True)
    liked = post(feeds)
    post(feeds, "person:a", verb=Verb.LIKE, object=Object(activity_id=liked.id))
    assert texts(feeds) == ["5"]
    engine = feeds.worker.engine
    assert len(engine.followers) == len(engine.readers.get("person:a").names)
    assert engine.likes.of("person:a")
    feeds.evict("person:a")
    assert len(engine.followers) == 0
    assert not engine.likes.of("person:a")
    assert len(engine.readers) == 0


def test_late_arrivals_in_the_window_open_no_gap_below_the_timeline(feeds):
    """Pages beyond the timeline come from history; an old entry that only the window has must not hide those above it."""
    feeds.follow("person:a", "person:b", present=True)
    feeds.mute("person:a", "tag:y", present=True)
    for time in range(10, 60):
        post(feeds, time=time, tags=("y",) if time % 10 else ())
    settle(feeds)
    post(feeds, time=3)
    assert texts(feeds, size=2) == ["50", "40", "30", "20", "10", "3"]


def test_large_entries_make_smaller_pages_and_none_is_missing(feeds, monkeypatch):
    """A client throws an answer of more than 4 MiB away: a few large posts would close the feed to their readers."""
    monkeypatch.setattr(page_tokens, "MAX_ANSWER_BYTES", 1000)
    feeds.follow("person:a", "person:b", present=True)
    for time in range(12):
        post(feeds, time=time, object=Object(content="x" * 300))
    feeds.worker.deliver_all()
    sizes, below, top, seen = [], TOP, None, []
    while below is not None:
        page = feeds.page("person:a", 10, employee=True, below=below, top=top)
        sizes.append(sum(len(entry.body) for entry in page.entries))
        seen += [entry.place.sort_time_ms for entry in page.entries]
        below, top = page.below, page.top
    assert seen == list(range(11, -1, -1))
    assert 0 < max(sizes) <= 1000


def test_what_may_be_dropped_is_remembered_once():
    """Records come and go by the million; what is kept of them is bounded by what is known at a time."""
    table = ActivityTable(1 << 30)
    for number in range(1000):
        facts = Facts(f"{number % 3:032x}", 0, Verb.POST, "person:b", ("person:b",), PUBLIC)
        slot, _ = table.put(facts, b"body")
        table.may_drop([slot])
    assert len(table._droppable) == 3
