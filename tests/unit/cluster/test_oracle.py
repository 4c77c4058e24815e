"""The judge of the cluster tests must convict and acquit."""

from dataclasses import replace

import pytest

from services.contracts.activity import Activity, Audience, Entity, Scope, Source, Verb
from services.contracts.relations import RelationKind
from tests.cluster.oracle import Past, Read, Version

ANNA, BEN = "person:anna", "person:ben"
GROUP = "group:g"


def post(number, text="first", audience=None):
    return Activity(
        Source("sluice", "test", str(number)),
        verb=Verb.POST,
        actor=Entity(BEN),
        text=text,
        sort_time_ms=number,
        audience=audience or Audience(Scope.PUBLIC),
    ).with_id()


@pytest.fixture
def past():
    """Anna follows Ben since second 10; two posts of his are there since second 20."""
    past = Past(stale_s=5.0)
    past.began(ANNA, RelationKind.FOLLOWS, BEN, present=True, at=9.0).answered = 10.0
    for number in (1, 2):
        past.wrote(Version(post(number), 19.0, 20.0))
    return past


def read(began, *shown, **fields):
    return Read(ANNA, began, began + 0.5, [(one.id, one.text) for one in shown], **fields)


def test_what_is_all_there_and_in_order_is_right(past):
    assert past.wrongs(read(30.0, post(2), post(1))) == []


def test_disorder_and_repetition_are_wrong(past):
    assert past.wrongs(read(30.0, post(1), post(2)))
    assert past.wrongs(read(30.0, post(2), post(2), post(1)))


def test_what_is_missing_is_wrong_once_a_worker_must_have_it(past):
    """Not before: it may be behind by the time that it is allowed to be."""
    assert past.wrongs(read(30.0, post(2)))
    assert past.wrongs(read(24.0, post(2))) == []


def test_below_the_last_entry_of_a_page_nothing_is_missing(past):
    assert past.wrongs(read(30.0, post(2), more=True)) == []
    assert past.wrongs(read(30.0, post(1), more=True))
    assert past.wrongs(read(30.0, partial=True)) == []


def test_what_was_unfollowed_is_wrong_from_the_answer_on_and_either_before(past):
    unfollow = past.began(ANNA, RelationKind.FOLLOWS, BEN, present=False, at=40.0)
    unfollow.answered = 41.0
    assert past.wrongs(read(39.0, post(2), post(1))) == []
    assert past.wrongs(read(39.0)) != []
    assert past.wrongs(read(40.8, post(2), post(1))) == []
    assert past.wrongs(read(40.8)) == []
    assert past.wrongs(read(41.1, post(2), post(1)))
    assert past.wrongs(read(41.1)) == []


def test_a_change_that_is_not_answered_may_be_in_force_for_ever(past):
    past.began(ANNA, RelationKind.FOLLOWS, BEN, present=False, at=40.0)
    assert past.wrongs(read(99.0)) == []
    assert past.wrongs(read(99.0, post(2), post(1))) == []


def test_a_change_that_a_frozen_process_has_in_hand_leaves_its_edge_open(past):
    unfollow = past.began(ANNA, RelationKind.FOLLOWS, BEN, present=False, at=40.0)
    past.doubt(40.5)
    unfollow.answered = 41.0
    past.began(ANNA, RelationKind.MUTES, BEN, present=True, at=41.0).answered = 42.0
    past.doubt(45.0)
    assert past.wrongs(read(41.0, post(2), post(1))) == []
    assert past.wrongs(read(50.0)) == []
    assert past.wrongs(read(50.0, post(2), post(1))), "she mutes him in any case"


@pytest.mark.parametrize(("kind", "subject", "obj"), [(RelationKind.MUTES, ANNA, BEN), (RelationKind.BLOCKS, BEN, ANNA)])
def test_what_is_muted_or_blocks_her_is_wrong(past, kind, subject, obj):
    past.began(subject, kind, obj, present=True, at=40.0).answered = 41.0
    assert past.wrongs(read(42.0, post(2), post(1)))
    assert past.wrongs(read(42.0)) == []
    assert past.wrongs(read(40.5)) == []


def test_what_a_group_was_left_with_is_wrong(past):
    secret = post(3, audience=Audience(Scope.GROUP, groups=(GROUP,)))
    past.wrote(Version(secret, 20.0, 20.0))
    assert past.wrongs(read(30.0, secret, post(2), post(1)))
    past.began(ANNA, RelationKind.MEMBER_OF, GROUP, present=True, at=31.0).answered = 32.0
    assert past.wrongs(read(33.0, secret, post(2), post(1))) == []
    past.began(ANNA, RelationKind.MEMBER_OF, GROUP, present=False, at=34.0).answered = 35.0
    assert past.wrongs(read(36.0, secret, post(2), post(1)))


def test_a_state_that_is_over_is_wrong_once_a_worker_must_know(past):
    """An edit, a narrower audience and a delete alike."""
    edited = replace(post(2), text="second")
    past.wrote(Version(edited, 40.0, 41.0))
    past.wrote(Version(post(1).as_deleted(9), 40.0, 41.0))
    assert past.wrongs(read(45.0, post(2), post(1))) == []
    assert past.wrongs(read(45.0, edited)) == []
    assert past.wrongs(read(46.5, post(2)))
    assert past.wrongs(read(46.5, edited, post(1)))
    assert past.wrongs(read(46.5, edited)) == []
    assert past.wrongs(read(39.0, edited, post(1)))


def test_what_never_was_is_wrong(past):
    assert past.wrongs(read(30.0, post(7)))
    assert past.wrongs(read(30.0, replace(post(2), text="made up"), post(1)))
