"""Interleavings that a random walk seldom meets, played by hand in the same house and held to the same reference."""

import pytest

from services.contracts import page_tokens
from services.contracts.activity import Audience, Object, Scope, Verb
from services.contracts.matching import Facts
from services.stream.feeds.activity_table import ActivityTable
from services.stream.feeds.engine import EngineLimits
from services.stream.feeds.places import TOP
from tests.unit.stream.feeds.activity_log import PUBLIC
from tests.unit.stream.feeds.house import shown


def settle(house):
    """Everything is broadcast, indexed and out of the window."""
    for worker in house.workers:
        worker.deliver_all()
    house.index_everything()


def test_an_activity_that_opens_up_reaches_who_could_not_read_it(house):
    """A timeline built from history lacks what was closed to its reader; widening the audience delivers it."""
    house.follow("person:a", "person:b")
    closed = house.post(audience=Audience(Scope.DIRECT, recipients=("person:h",)))
    settle(house)
    assert house.texts() == []
    house.edit(closed, audience=PUBLIC)
    assert house.texts() == ["5"]


def test_an_entry_that_moves_above_complete_from_is_delivered(house):
    """Sort times are pinned by refine; should one move all the same, the log is right."""
    house.follow("person:a", "person:b")
    posts = [house.post(time=time) for time in range(1, 9)]
    settle(house)
    assert house.texts()[0] == "8"
    house.edit(posts[0], sort_time_ms=50)
    assert house.texts()[:2] == ["1", "8"]


def test_what_history_told_one_reader_is_still_delivered_to_others(house):
    """The index may be ahead of the broadcast: one reader learns of a post early, the other by its arrival."""
    house.move(partition=2, number=0)
    house.follow("person:a", "person:b")
    house.follow("person:h", "person:b")
    assert house.texts("person:h") == []
    house.post()
    house.index_everything(confess=False)
    assert shown(house.page("person:a"))
    assert house.texts("person:h") == ["5"]


def test_a_membership_opens_what_is_old_and_what_comes(house):
    """Join is like a follow: both what was written before and what comes after is in the feed."""
    group = Audience(Scope.GROUP, groups=("group:g",))
    house.post(time=1, audience=group)
    settle(house)
    assert house.texts() == []
    house.join("person:a", "group:g")
    assert house.texts() == ["1"]
    house.post(time=2, audience=group)
    assert house.texts() == ["2", "1"]


def test_the_window_is_kept_while_history_is_asked(house):
    """The indexer moves on between question and answer: what the answer lacks must still be in the window."""
    house.follow("person:a", "person:b")
    house.post()
    house.deliver_all("person:a")
    page = house.page_while(house.index_everything, 2, "person:a")
    assert [entry.id for entry in page.entries] == house.ids
    assert house.texts() == ["5"]


def test_a_like_taken_back_is_gone(house):
    """The delete of a like names neither who liked nor what; a second like of the same still counts."""
    house.follow("person:a", "person:b")
    liked = house.post()
    likes = [house.like("person:a", liked.id) for _ in range(2)]

    def is_liked():
        return [entry[1] for entry in house.check("person:a")]

    assert is_liked() == [True]
    house.delete(likes[0])
    assert is_liked() == [True]
    house.delete(likes[1])
    assert is_liked() == [False]
    settle(house)
    house.owner_of("person:a").engine.evict("person:a")
    assert is_liked() == [False]


@pytest.mark.parametrize("house", [EngineLimits(capacity=20, rows=3)], indirect=True)
def test_an_archive_that_arrives_newest_first_leaves_a_useful_timeline(house):
    """Imports come in any order; once read, the first page is answered from memory again."""
    house.follow("person:a", "person:b")
    assert house.texts() == []
    for time in range(100, 40, -1):
        house.post(time=time)
    settle(house)
    for time in range(101, 105):
        house.post(time=time)
    settle(house)
    assert house.texts(size=100)[:6] == ["104", "103", "102", "101", "100", "99"]
    asked = house.history.questions
    assert [entry.place.sort_time_ms for entry in house.page("person:a", 10).entries] == list(range(104, 94, -1))
    assert house.history.questions == asked


def test_a_first_page_costs_no_question_once_the_timeline_is_there(house):
    """History is for the beginning and for what is beyond the cap."""
    house.follow("person:a", "person:b")
    for time in range(3):
        house.post(time=time)
    assert house.texts() == ["2", "1", "0"]
    asked = house.history.questions
    house.post(time=3)
    assert house.texts() == ["3", "2", "1", "0"]
    assert house.history.questions == asked


def test_a_record_of_a_deleted_activity_that_nobody_knows_changes_nothing(house):
    """A delete that comes before its create is only a marker."""
    house.follow("person:a", "person:b")
    house.delete(house.new("person:b", sort_time_ms=3))
    assert house.texts() == []
    engine = house.owner_of("person:a").engine
    assert len(engine.table) == 1
    settle(house)
    engine.sweep()
    assert len(engine.table) == 0


def test_what_is_newer_is_counted_below_a_timeline_full_of_muted_entries(house):
    """The timeline holds candidates; where all of them are hidden, the entries and what came above them are history's."""
    house.follow("person:a", "person:b")
    house.mute("person:a", "tag:y")
    for time in range(20, 28):
        house.post(time=time, tags=("y",))
    house.post(time=1)
    house.post(time=2)
    house.deliver_all("person:a")
    first = house.page("person:a", 1)
    assert first.newer == 0
    house.post(time=3)
    house.deliver_all("person:a")
    assert house.page("person:a", 1, first.below, first.top).newer == 1


def test_a_reader_waits_for_the_broadcast_where_the_index_is_ahead(house):
    """What is known here wins over history, so it must not be older than history."""
    house.follow("person:a", "person:b")
    first = house.post()
    assert house.texts() == ["5"]
    house.edit(first, text="edited")
    house.index_everything()
    house.owner_of("person:a").engine.evict("person:a")
    assert [entry[-1] for entry in shown(house.page("person:a"))] == ["edited"]


def test_a_membership_that_comes_while_the_timeline_is_built_is_not_missed(house):
    """She follows the group already, so only what she may read grows."""
    house.follow("person:a", "group:g")
    house.post(audience=Audience(Scope.GROUP, groups=("group:g",)))
    settle(house)
    house.page_while(lambda: house.join("person:a", "group:g"), 2, "person:a")
    assert house.texts() == ["5"]


def test_an_evicted_reader_leaves_nothing_behind(house):
    """Neither her places among followers nor her likes."""
    house.follow("person:a", "person:b")
    liked = house.post()
    house.like("person:a", liked.id)
    assert house.texts() == ["5"]
    engine = house.owner_of("person:a").engine
    assert len(engine.followers) == len(engine.readers.get("person:a").names)
    assert engine.likes.of("person:a")
    engine.evict("person:a")
    assert len(engine.followers) == 0
    assert not engine.likes.of("person:a")
    assert len(engine.readers) == 0


def test_late_arrivals_in_the_window_open_no_gap_below_the_timeline(house):
    """Pages beyond the timeline come from history; an old entry that only the window has must not hide those above it."""
    house.follow("person:a", "person:b")
    house.mute("person:a", "tag:y")
    for time in range(10, 60):
        house.post(time=time, tags=("y",) if time % 10 else ())
    settle(house)
    house.post(time=3)
    assert house.texts(size=2) == ["50", "40", "30", "20", "10", "3"]


def test_large_entries_make_smaller_pages_and_none_is_missing(house, monkeypatch):
    """A client throws an answer of more than 4 MiB away: a few large posts would close the feed to their readers."""
    house.follow("person:a", "person:b")
    for time in range(12):
        house.post(time=time, object=Object(content="x" * 300))
    house.deliver_all("person:a")
    sizes, below, top, seen = [], TOP, None, []
    with monkeypatch.context() as small:
        small.setattr(page_tokens, "MAX_ANSWER_BYTES", 1000)
        while below is not None:
            page = house.page("person:a", 10, below, top)
            sizes.append(sum(len(entry.body) for entry in page.entries))
            seen += [entry.place.sort_time_ms for entry in page.entries]
            below, top = page.below, page.top
    assert seen == list(range(11, -1, -1))
    assert 0 < max(sizes) <= 1000


@pytest.mark.parametrize("question", [1, 2])
def test_what_arrives_between_two_answers_of_history_is_in_the_timeline(house, question):
    """Likes and entries are asked for at once; what comes after the one answer and before the other must be in what is built."""
    house.follow("person:a", "person:b")
    house.post(time=1)
    house.deliver_all("person:a")

    def arrive():
        house.post(time=2)
        house.deliver_all("person:a")

    assert [entry[-1] for entry in shown(house.page_while(arrive, question, "person:a"))] == ["2", "1"]
    assert house.texts() == ["2", "1"]


def test_what_arrives_while_a_follow_is_filled_in_is_there_once(house):
    """She reads, follows, and reads again: the answer is as old as the question, the post newer."""
    assert house.texts() == []
    house.post(time=1)
    settle(house)
    house.follow("person:a", "person:b")

    def arrive():
        house.post(time=2)
        house.deliver_all("person:a")

    assert [entry[-1] for entry in shown(house.page_while(arrive, 1, "person:a"))] == ["2", "1"]
    assert house.texts() == ["2", "1"]


def test_of_two_follows_that_are_filled_in_together_neither_is_missed(house):
    """The second comes before the first was filled in."""
    house.post("person:b", time=1)
    house.post("person:h", time=2)
    settle(house)
    assert house.texts() == []
    house.follow("person:a", "person:b")
    house.follow("person:a", "person:h")
    assert house.texts() == ["2", "1"]


def test_a_follow_that_is_taken_back_and_repeated_while_it_is_filled_in_misses_nothing(house):
    """In between nothing was delivered for it, so the answer isn't enough any more."""
    assert house.texts() == []
    house.post(time=1)
    settle(house)
    house.follow("person:a", "person:b")

    def change_her_mind_twice():
        house.follow("person:a", "person:b", present=False)
        house.post(time=2)
        house.deliver_all("person:a")
        house.index_everything()
        house.follow("person:a", "person:b")

    house.page_while(change_her_mind_twice, 1, "person:a")
    assert house.texts() == ["2", "1"]


def test_an_edit_that_comes_while_its_body_is_fetched_is_shown_now_and_later(house):
    """The answer is as old as the question; by then the index has the edit and the worker has dropped its body again."""
    house.follow("person:a", "person:b")
    posts = [house.post(time=time) for time in range(3)]
    assert house.texts() == ["2", "1", "0"]
    house.index_everything()
    worker = house.owner_of("person:a")
    worker.drop_bodies()

    def change():
        house.edit(posts[1], text="edited")
        house.delete(posts[2])
        house.deliver_all("person:a")
        house.index_everything()
        worker.drop_bodies()

    assert [entry[-1] for entry in shown(house.page_while(change, 1, "person:a"))] == ["edited", "0"]
    assert house.texts() == ["edited", "0"]


@pytest.mark.parametrize("hide", ["mute", "unfollow", "leave"])
def test_what_is_hidden_while_its_body_is_fetched_is_not_shown(house, hide):
    """The change has been answered, so no page may show it any more."""
    house.follow("person:a", "person:b")
    house.join("person:a", "group:g")
    house.post(audience=Audience(Scope.GROUP, groups=("group:g",)))
    assert house.texts() == ["5"]
    house.index_everything()
    house.owner_of("person:a").drop_bodies()
    changes = {
        "mute": lambda: house.mute("person:a", "person:b"),
        "unfollow": lambda: [
            house.follow("person:a", "person:b", present=False),
            house.join("person:a", "group:g", present=False),
        ],
        "leave": lambda: house.join("person:a", "group:g", present=False),
    }
    assert shown(house.page_while(changes[hide], 1, "person:a")) == []


@pytest.mark.parametrize("house", [EngineLimits(capacity=20, rows=3)], indirect=True)
def test_an_entry_that_moves_away_leaves_the_others_in_order(house):
    """It isn't hers any more, so it isn't delivered to her again; but it stands where she looks for the others."""
    house.follow("person:a", "person:b")
    house.follow("person:a", "tag:x")
    posts = [house.post("person:h" if time == 4 else "person:b", time, tags=("x",)) for time in range(8)]
    assert house.texts(size=1) == [str(time) for time in range(7, -1, -1)]
    house.edit(posts[4], tags=(), sort_time_ms=50)
    assert house.texts(size=1) == ["7", "6", "5", "3", "2", "1", "0"]


@pytest.mark.parametrize("away", [False, True])
def test_who_is_evicted_while_bodies_are_fetched_still_likes_what_she_likes(house, away):
    """Her likes are kept with her timeline; without history the page ends where they would be needed."""
    house.follow("person:a", "person:b")
    liked = house.post()
    house.like("person:a", liked.id)
    assert house.check("person:a")[0][1] is True
    house.index_everything()
    worker = house.owner_of("person:a")
    worker.drop_bodies()

    def evict():
        worker.engine.evict("person:a")
        house.history.away = away

    page = house.page_while(evict, 1, "person:a")
    house.history.away = False
    assert [entry.liked for entry in page.entries] == ([] if away else [True])
    assert page.partial is away
    assert (page.below is None) is not away


def test_a_block_of_an_account_that_turns_out_to_be_somebodys(house):
    """The blocker sees none of her any more. She still sees the blocker until the block is repeated: then it names her, too."""
    house.follow("person:a", "person:b")
    house.follow("person:b", "person:a")
    house.post("person:a", time=1)
    house.post("person:b", time=2)
    house.block("person:b", "person:a@y")
    house.link("person:a@y", "person:a")
    assert house.texts("person:b") == ["2"]
    assert house.texts("person:a") == ["2", "1"]
    house.block("person:b", "person:a@y")
    assert house.texts("person:a") == ["1"]


def test_what_may_be_dropped_is_remembered_once():
    """Records come and go by the million; what is kept of them is bounded by what is known at a time."""
    table = ActivityTable(1 << 30)
    for number in range(1000):
        facts = Facts(f"{number % 3:032x}", 0, Verb.POST, "person:b", ("person:b",), PUBLIC)
        slot, _ = table.put(facts, b"body")
        table.may_drop([slot])
    assert len(table._droppable) == 3
