"""Identities against the plainest reading of their log."""

from hypothesis import given
from hypothesis import strategies as st

from services.contracts.relation_codec import Identity
from services.stream.feeds.identities import Identities

NAMES = [f"person:{letter}" for letter in "abcde"]
names = st.sampled_from(NAMES)
logs = st.lists(st.tuples(names, st.one_of(st.none(), st.tuples(names, st.booleans()))), max_size=25)


def applied(log):
    """Return identities after a log, and what each record said had changed. A record: account, then None or person and approval."""
    identities, changes = Identities(), []
    for account, said in log:
        changes.append(identities.remove(account) if said is None else identities.set(Identity(account, *said)))
    return identities, changes


def plain(log):
    """Return account → record as the last ones say."""
    return {account: said for account, said in dict(log).items() if said is not None}


def person_in(records, name):
    return records[name][0] if name in records else name


def group_in(records, name):
    """Return everybody whose person is the person of a name, and that person. One step, whatever chains there are."""
    person = person_in(records, name)
    return frozenset({person} | {account for account, (whose, _) in records.items() if whose == person})


@given(logs)
def test_the_last_record_of_an_account_says_whose_it_is(log):
    """Links, moves, unlinks and chains, in any order, leave what the last records say."""
    identities, records = applied(log)[0], plain(log)
    for name in NAMES:
        assert identities.person_of(name) == person_in(records, name)
        assert identities.names_of(name) == group_in(records, name)
        person = person_in(records, name)
        assert identities.approves(name) == (records.get(person, ("", False)) == (person, True))
    for some in (frozenset(NAMES[:2]), frozenset({NAMES[3], "tag:x"}), frozenset()):
        assert identities.expanded(some) == some.union(*(group_in(records, name) for name in some))


@given(logs)
def test_every_name_that_stands_for_others_than_before_is_told(log):
    """Who isn't told about keeps an old feed; a record that changes nothing tells nothing."""
    _, changes = applied(log)
    before = {name: frozenset({name}) for name in NAMES}
    for end, changed in enumerate(changes, start=1):
        records = plain(log[:end])
        now = {name: group_in(records, name) for name in NAMES}
        different = {name for name in NAMES if now[name] != before[name]}
        # Sets of readers are expanded ones, so whoever is concerned has a name of the old group or of the new one.
        account, said = log[end - 1]
        about = different | {account, said[0] if said else account}
        assert different <= changed <= about.union(*(before[name] | now[name] for name in about))
        before = now


def test_a_policy_alone_changes_no_name():
    """Approving of followers is asked for when somebody follows; no feed has to change."""
    identities = Identities()
    assert not identities.set(Identity("person:a", "person:a", approves_followers=True))
    assert identities.approves("person:a")
    assert identities.set(Identity("person:a@x", "person:a"))
    assert identities.approves("person:a@x")
    assert not identities.remove("person:a")
    assert not identities.approves("person:a@x")
