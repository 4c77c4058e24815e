from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.activity import Activity, Audience, Entity, Scope, Source, Verb
from services.contracts.matching import HOME_VERBS, delivered_to, delivery_names, facts_of, matches, may_read
from services.contracts.relations import PersonRelations
from tests.unit.contracts.activities import activities, groups, people

names = st.one_of(people, groups, st.sampled_from(["tag:a", "tag:b", "channel:c"]))
readers = st.builds(
    PersonRelations,
    user=people,
    employee=st.booleans(),
    follows=st.frozensets(names, max_size=4),
    groups=st.frozensets(groups, max_size=3),
    mutes=st.frozensets(names, max_size=2),
)


@given(readers, activities)
def test_whatever_matches_is_delivered(reader, activity):
    """Live delivery and history find candidates by name; a match that no name leads to would be a hole in the feed."""
    facts = facts_of(activity)
    if matches(reader, facts):
        assert delivery_names(reader) & set(delivered_to(facts))


@given(readers, activities)
def test_nothing_matches_that_may_not_be_read(reader, activity):
    """A feed never shows more than the gate lets through."""
    facts = facts_of(activity)
    if matches(reader, facts):
        assert may_read(reader.user, employee=reader.employee, groups=reader.groups, audience=activity.audience)


@pytest.mark.parametrize(
    ("audience", "user", "employee", "members", "expected"),
    [
        (Audience(Scope.PUBLIC), "person:out", False, (), True),
        (Audience(Scope.INTERNAL), "person:anna", True, (), True),
        (Audience(Scope.INTERNAL), "person:out", False, (), False),
        (Audience(Scope.GROUP, groups=("group:x",)), "person:anna", True, ("group:x",), True),
        (Audience(Scope.GROUP, groups=("group:x",)), "person:anna", True, ("group:y",), False),
        (Audience(Scope.DIRECT, recipients=("person:anna",)), "person:anna", False, (), True),
        (Audience(Scope.DIRECT, recipients=("person:anna",)), "person:ben", True, (), False),
        (Audience(), "person:anna", True, ("group:x",), False),
        (Audience(Scope.PUBLIC, groups=("group:x",)), "person:out", False, (), True),
    ],
)
def test_each_sees_exactly_theirs(audience, user, employee, members, expected):
    """The gate: the employee, the group member, the outsider and the named recipient."""
    assert may_read(user, employee=employee, groups=members, audience=audience) is expected


@given(readers, activities)
def test_a_mute_wins_over_every_follow(reader, activity):
    """Whatever she follows, a muted target stays out; her own posts stay in."""
    facts = facts_of(activity)
    for target in facts.targets:
        muted = replace(reader, mutes=reader.mutes | {target})
        assert not matches(muted, facts) or facts.actor == reader.user


@given(readers, activities)
def test_a_block_hides_both_ways(reader, activity):
    """Neither side of a block sees the other."""
    facts = facts_of(replace(activity, actor=Entity("person:other")))
    assert not matches(replace(reader, blocks=frozenset({"person:other"})), facts)
    assert not matches(replace(reader, blocked_by=frozenset({"person:other"})), facts)


@given(activities.filter(lambda activity: activity.verb not in HOME_VERBS))
def test_likes_and_joins_fill_no_home_feed(activity):
    """They are counted and notified."""
    actor = activity.actor.name if activity.actor else "person:x"
    reader = PersonRelations(user="person:r", employee=True, follows=frozenset({actor}))
    assert not matches(reader, facts_of(activity))


def test_an_own_post_is_in_the_feed_of_its_author():
    """People look for what they have just written."""
    post = Activity(Source("sluice", "anna", "1"), verb=Verb.POST, actor=Entity("person:anna"), audience=Audience(Scope.INTERNAL))
    assert matches(PersonRelations("person:anna", employee=True), facts_of(post))
