from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.activity import Activity, Audience, Entity, Scope, Source, Verb
from services.contracts.matching import HOME_VERBS, delivered_to, delivery_names, facts_of, matches, may_read
from services.contracts.relations import PersonRelations
from tests.unit.stream.feeds.reference import Society, in_feed

# Few names, so that readers and activities meet.
people = st.sampled_from(["person:a", "person:b", "person:c", "person:d"])
groups = st.sampled_from(["group:g", "group:h"])
names = st.one_of(people, groups, st.sampled_from(["tag:x", "tag:y", "channel:n"]))
activities = st.builds(
    Activity,
    source=st.builds(Source, st.just("rss"), st.just("i"), st.just("1"), channel=st.sampled_from(["", "channel:n"])),
    verb=st.one_of(st.sampled_from(Verb), st.just(Verb.POST)),
    actor=st.one_of(st.none(), st.builds(Entity, people)),
    target=st.one_of(st.none(), st.builds(Entity, groups)),
    audience=st.builds(
        Audience,
        scope=st.sampled_from(Scope),
        groups=st.lists(groups, max_size=2).map(tuple),
        recipients=st.lists(people, max_size=2).map(tuple),
    ),
    tags=st.lists(st.sampled_from(["x", "y"]), max_size=2).map(tuple),
    deleted=st.sampled_from([False, False, True]),
)
readers = st.builds(
    PersonRelations,
    user=people,
    employee=st.booleans(),
    follows=st.frozensets(names, max_size=4),
    groups=st.frozensets(groups, max_size=2),
    mutes=st.frozensets(names, max_size=2),
    blocks=st.frozensets(people, max_size=2),
    blocked_by=st.frozensets(people, max_size=2),
    accounts=st.frozensets(people, max_size=2),
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
    """Whatever she follows, a muted target stays out; her own posts stay in, from whichever account."""
    facts = facts_of(activity)
    for target in facts.targets:
        muted = replace(reader, mutes=reader.mutes | {target})
        assert not matches(muted, facts) or facts.actor in {reader.user, *reader.accounts}


@given(readers, activities)
def test_a_block_hides_both_ways(reader, activity):
    """Neither side of a block sees the other."""
    facts = facts_of(replace(activity, actor=Entity("person:other!")))
    assert not matches(replace(reader, blocks=frozenset({"person:other!"})), facts)
    assert not matches(replace(reader, blocked_by=frozenset({"person:other!"})), facts)


@given(readers, activities)
def test_what_a_reader_did_herself_is_hidden_by_its_audience_only(reader, activity):
    """She muted a tag or a person, herself perhaps: what she wrote she finds again."""
    for name in (reader.user, *reader.accounts):
        facts = facts_of(replace(activity, actor=Entity(name)))
        hiding = replace(reader, mutes=frozenset(facts.targets), blocks=frozenset({name}), blocked_by=frozenset({name}))
        readable = may_read(reader.user, employee=reader.employee, groups=reader.groups, audience=facts.audience)
        assert matches(hiding, facts) is (readable and not facts.deleted and facts.verb in HOME_VERBS)


@given(readers, activities)
def test_an_account_opens_no_audience(reader, activity):
    """A message to another account of hers is not one to her."""
    direct = Audience(Scope.DIRECT, recipients=("person:account!",))
    facts = facts_of(replace(activity, audience=direct))
    assert not matches(replace(reader, accounts=reader.accounts | {"person:account!"}), facts)


@given(readers, activities)
def test_a_message_needs_no_follow(reader, activity):
    """DIRECT is for whom it names; muting and blocking hide it all the same."""
    message = replace(activity, verb=Verb.POST, deleted=False, audience=Audience(Scope.DIRECT, recipients=(reader.user,)))
    facts = facts_of(replace(message, actor=Entity("person:other!")))
    stranger = replace(
        reader, follows=frozenset(), groups=frozenset(), mutes=frozenset(), blocks=frozenset(), blocked_by=frozenset()
    )
    assert matches(stranger, facts)
    assert not matches(replace(stranger, mutes=frozenset({"person:other!"})), facts)
    assert not matches(replace(stranger, blocks=frozenset({"person:other!"})), facts)


@given(activities)
def test_each_target_of_an_activity_leads_to_it(activity):
    """Its actor, tags, target, channel and, where the audience is GROUP, its groups: whoever follows one of them has it."""
    public = replace(activity, verb=Verb.POST, deleted=False, audience=Audience(Scope.PUBLIC, groups=("group:unasked!",)))
    facts = facts_of(public)
    expected = {f"tag:{tag}" for tag in public.tags} | {public.source.channel}
    expected |= {entity.name for entity in (public.actor, public.target) if entity}
    assert set(facts.targets) == expected - {""}
    for name in facts.targets:
        assert matches(PersonRelations("person:reader!", follows=frozenset({name})), facts)
    grouped = facts_of(replace(public, audience=Audience(Scope.GROUP, groups=("group:asked!",))))
    assert matches(PersonRelations("person:reader!", groups=frozenset({"group:asked!"})), grouped)
    assert not matches(PersonRelations("person:reader!", follows=frozenset({"group:asked!"})), grouped)


@given(readers, activities)
def test_it_says_what_the_naive_reference_says(reader, activity):
    """The reference shares no rule with it."""
    posted = activity if activity.actor else replace(activity, actor=Entity("person:somebody!"))
    society = Society(accounts=dict.fromkeys(reader.accounts - {reader.user}, reader.user))
    edges = society.edges[reader.user]
    edges.follows, edges.groups, edges.mutes = set(reader.follows), set(reader.groups), set(reader.mutes)
    edges.blocks = set(reader.blocks)
    for name in reader.blocked_by:
        society.edges[name].blocks.add(reader.user)

    def expanded(some):
        return frozenset().union(*map(society.names_of, some))

    relations = replace(
        reader,
        accounts=reader.accounts - {reader.user},
        follows=expanded(reader.follows),
        mutes=expanded(reader.mutes),
        blocks=expanded(reader.blocks),
        blocked_by=expanded(reader.blocked_by),
    )
    assert matches(relations, facts_of(posted)) is in_feed(posted, reader.user, society, employee=reader.employee)


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
