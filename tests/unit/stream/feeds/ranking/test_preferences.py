"""How users want their feeds: what is written is what holds, for the owner of the moment and for the next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.codec import UndecodableRecord
from services.contracts.partitions import partition_of
from services.contracts.preferences import Order, Preference, preference_from_bytes, preference_of_key, preference_to_bytes
from services.contracts.topics import PREFERENCES
from services.runtime.records import TopicPartition
from services.stream.feeds.preference_changes import PreferenceChanges
from services.stream.feeds.preferences import Preferences
from tests.unit.stream.feeds.people import PARTITIONS

USER = "person:a"
TP = TopicPartition(PREFERENCES.name, partition_of(USER, PARTITIONS))

names = st.text(st.characters(exclude_characters="\t", codec="utf-8"), min_size=1, max_size=20)


@given(names, names, st.sampled_from(Order), st.text(st.characters(codec="utf-8"), max_size=50), st.integers(0, 2**41))
def test_a_preference_survives_its_record(user, feed, order, expression, since):
    """Value and key, there and back."""
    preference = Preference(user, feed, order, expression, since)
    assert preference_from_bytes(preference_to_bytes(preference)) == preference
    assert preference_of_key(preference.key) == Preference(user, feed)


def test_bytes_of_something_else_are_refused():
    with pytest.raises(UndecodableRecord):
        preference_from_bytes(b"\xff")
    for key in (b"", b"person:a", b"person:a\tHOME\tx", b"\tHOME"):
        with pytest.raises(ValueError, match=r"preference|unpack"):
            preference_of_key(key)


def write(house, preference, *, gone=False):
    """Write a record and let the owner follow."""
    house.relations.append(*TP, preference.key, None if gone else preference_to_bytes(preference))
    house.follow_partition(TP)


def held(house):
    """Return what the owner of the user says."""
    owner = house.owner_of(USER)
    return owner.owned.preferences.of(owner.state.partition_of(USER), USER, "HOME")


def test_the_last_record_holds_wherever_the_user_is_owned(house):
    """Live, after a restart, after a move, and after the record was taken back."""
    assert held(house) == Preference(USER, "HOME")
    write(house, Preference(USER, "HOME", Order.FOR_YOU, "popularity"))
    last = Preference(USER, "HOME", Order.FOR_YOU, "interest", 7)
    write(house, last)
    write(house, Preference(USER, "OTHER", Order.NEWEST))
    assert held(house) == last
    number = house.owners[TP.partition]
    house.restart(number)
    assert held(house) == last
    house.move(TP.partition, 1 - number)
    assert held(house) == last
    write(house, last, gone=True)
    assert held(house) == Preference(USER, "HOME")


def test_who_lost_a_partition_answers_for_nobody_of_it(house):
    loser = house.owner_of(USER)
    house.move(TP.partition, 1 - house.owners[TP.partition])
    with pytest.raises(KeyError):
        loser.owned.preferences.of(TP.partition, USER, "HOME")


def test_a_bad_record_goes_to_the_dead_letters_and_changes_nothing(house):
    """Read live and read back."""
    last = Preference(USER, "HOME", Order.FOR_YOU)
    write(house, last)
    house.relations.append(*TP, last.key, b"\xff")
    house.relations.append(*TP, b"no key of ours", b"")
    house.follow_partition(TP)
    assert held(house) == last
    house.restart(house.owners[TP.partition])
    assert held(house) == last


def test_a_change_is_in_force_when_the_call_returns(house):
    """It builds on what held before, and two at a time of one user come one after the other."""
    owner = house.owner_of(USER)
    changes = PreferenceChanges(owner.owned.preferences, owner.state.partition_of, owner.owned.positions, Following(house))

    async def both():
        await changes.edit(USER, "HOME", lambda now: Preference(USER, "HOME", Order.FOR_YOU, now.expression + "1"))
        await changes.edit(USER, "HOME", lambda now: Preference(USER, "HOME", now.order, now.expression + " + 1"))

    house.run(both())
    assert changes.of(USER, "HOME") == Preference(USER, "HOME", Order.FOR_YOU, "1 + 1")
    assert isinstance(owner.owned.preferences, Preferences)


class Following:
    """A producer whose records are followed at once."""

    _closed = False

    def __init__(self, house):
        self._house = house

    async def send(self, topic, **record):
        """Write, and let the owner take it."""
        sent = await self._house.relations.send(topic, **record)
        await self._house._follow(TopicPartition(topic, record["partition"]))
        return sent
