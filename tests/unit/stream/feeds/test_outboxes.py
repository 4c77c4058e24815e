"""The feed of one person, group, tag or channel, as the caller may see it. Played by hand; the walk in test_invariants plays the rest."""

import pytest

from services.contracts.activity import Audience, Entity, Object, Scope, Verb
from services.contracts.feed_filter import FeedFilter

A, B, H = "person:a", "person:b", "person:h"


def test_nobody_has_to_follow_to_read_an_outbox(house):
    """It is asked for: all accounts of the person as one, newest first, from the index and from what it doesn't show yet."""
    house.link("person:b@x", B)
    house.post(B, 1, text="one")
    house.post("person:b@x", 3, text="three")
    house.index_everything()
    house.post(B, 2, text="two")
    house.post(H, 4, text="another's")
    assert house.texts(A, of=B) == house.texts(A, of="person:b@x") == ["three", "two", "one"]
    assert house.texts(A) == []


@pytest.mark.parametrize("name", ["group:g", "tag:x", "channel:n"])
def test_what_was_put_to_a_group_or_has_a_tag_or_came_through_a_channel(house, name):
    fields = {"group:g": {"target": Entity("group:g")}, "tag:x": {"tags": ("x",)}, "channel:n": {"channel": "channel:n"}}
    post = house.post(B, 1, text="of it", **fields[name])
    house.post(B, 2, text="not of it")
    assert house.texts(A, of=name) == ["of it"]
    house.index_everything()
    house.edit(post, tags=(), target=None, text="of it no more")
    assert house.texts(A, of=name) == (["of it no more"] if name == "channel:n" else [])


def test_a_persons_outbox_is_what_she_did_and_not_what_was_put_to_her(house):
    house.post(A, 1, target=Entity(B), text="on her wall")
    house.post(B, 2, text="hers")
    house.like(B, house.ids[0], sort_time_ms=3)
    assert house.texts(H, of=B) == ["hers"]


def test_only_what_the_reader_may_read(house):
    """Groups by the relations log; a page that the gate thins out is full all the same."""
    for time in range(0, 30, 3):
        house.post(B, time, audience=Audience(Scope.GROUP, groups=("group:g",)), text=f"closed {time}")
        house.post(B, time + 1, audience=Audience(Scope.DIRECT, recipients=(H,)), text=f"for h {time}")
        house.post(B, time + 2, text=f"open {time}")
    house.index_everything()
    assert house.texts(A, 3, of=B) == [f"open {time}" for time in range(27, -1, -3)]
    house.join(A, "group:g")
    assert len(house.texts(A, 3, of=B)) == 20
    assert house.texts(A, 3, of="group:g") == [f"closed {time}" for time in range(27, -1, -3)]
    house.join(A, "group:g", present=False)
    assert len(house.texts(A, 3, of=B)) == 10
    assert house.texts(A, 3, of="group:g") == []
    assert len(house.texts(A, 3, of=B, asked=FeedFilter(scopes=(Scope.PUBLIC,)))) == 10


def test_blocks_hide_both_ways_and_mutes_do_not(house):
    """A mute keeps things from coming by themselves; who asks for them by name gets them."""
    house.post(B, 1, text="art")
    house.index_everything()
    house.mute(A, B)
    house.mute_word(A, "art")
    assert house.texts(A, of=B) == ["art"]
    house.block(B, A)
    assert house.texts(A, of=B) == []
    assert house.texts(H, of=B) == house.texts(B, of=B) == ["art"]


def test_all_of_a_kind_that_is_followed(house):
    """Views of the home feed: by the people, the groups, the tags that she follows; there mutes count."""
    house.follow(A, B)
    house.follow(A, "tag:x")
    house.join(A, "group:g")
    house.post(B, 1, text="by b")
    house.post(H, 2, tags=("x",), text="tagged")
    house.post(H, 3, target=Entity("group:g"), text="in the group")
    house.post(H, 4, text="of no interest")
    assert house.texts(A, of="person:*") == ["by b"]
    assert house.texts(A, of="tag:*") == ["tagged"]
    assert house.texts(A, of="group:*") == ["in the group"]
    assert house.texts(A, of="channel:*") == []
    house.mute(A, "tag:x")
    assert house.texts(A, of="tag:*") == []


def test_edits_and_deletes_reach_an_outbox_however_far_the_indexer_lags(house):
    one, two, three = (house.post(B, time, text=f"old {time}") for time in range(3))
    house.index_everything()
    house.edit(one, text="edited")
    house.delete(two)
    house.edit(three, actor=Entity(H))
    assert house.texts(A, of=B) == ["edited"]
    assert house.texts(A, of=H) == ["old 2"]


def test_what_came_above_is_counted_and_likes_are_shown(house):
    for time in range(6):
        house.post(B, time)
    house.deliver_all(A)
    first = house.page(A, 2, of=B)
    house.post(B, 10)
    house.post(H, 11)
    house.like(A, house.ids[3], sort_time_ms=20)
    house.deliver_all(A)
    second = house.page(A, 2, first.below, first.top, of=B)
    assert [entry.facts.sort_time_ms for entry in second.entries] == [3, 2]
    assert ([entry.liked for entry in second.entries], second.newer) == ([True, False], 1)


def test_without_history_a_page_says_that_it_is_partial(house):
    """What it would leave out must not seem to be missing."""
    house.post(B, 1, text="one")
    house.deliver_all(A)
    house.history.away = True
    page = house.page(A, of=B)
    house.history.away = False
    assert (page.entries, page.partial) == ([], True)
    assert [entry[-1] for entry in house.page_through(A, below=page.below, top=page.top, of=B)] == ["one"]


def test_shares_are_in_the_outbox_of_who_shared(house):
    post = house.post(B, 1, text="one")
    house.post(H, 2, verb=Verb.SHARE, object=Object(activity_id=post.id), text="look")
    assert house.texts(A, of=H) == ["look"]
