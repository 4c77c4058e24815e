"""The data of the benches: the same in every process, and as skewed as the issue says."""

import numpy as np
import pytest

from bench.activities import LATE_SHARE, Stream
from bench.population import build_known_to_most, build_population
from services.contracts.codec import activity_from_bytes
from services.contracts.matching import facts_of

USERS = 20_000


@pytest.fixture(scope="module")
def population():
    return build_population(USERS)


def test_the_same_seed_draws_the_same(population):
    """A process that is told only the size knows who follows whom."""
    again = build_population(USERS)
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(population.followers, again.followers, strict=True))


def test_followers_are_skewed_around_their_mean(population):
    """400 on average, half have half of that, a few very many; everybody follows about as many."""
    counts = np.array([len(rows) for rows in population.followers[: population.authors]])
    assert 360 < counts.mean() < 410
    assert np.median(counts) < 250
    assert counts.max() > 20 * counts.mean()
    followed = np.array([len(targets) for targets in population.followed()])
    assert followed.min() > 25
    assert followed.max() < 80


def test_followers_are_each_once_and_in_order(population):
    """As a worker has them that made its readers active one after the other."""
    assert all((np.diff(rows) > 0).all() for rows in population.followers if len(rows) > 1)


def test_some_followers_match_two_targets(population):
    """Who follows an author and her group is delivered to once."""
    author = next(one for one in range(population.authors) if shared_followers(population, one))
    both = population.rows_for(author, in_group=True)
    assert len(both) == len(set(both.tolist()))
    assert len(both) < len(population.followers[author]) + len(population.followers[population.group_of(author)])


def shared_followers(population, author):
    return len(np.intersect1d(population.followers[author], population.followers[population.group_of(author)]))


def test_everybody_follows_three_of_those_whom_most_know():
    """So a few activities fill all timelines."""
    known = build_known_to_most(1_000)
    assert {len(targets) for targets in known.followed()} == {3}


def test_what_is_written_reads_back_as_activities(population):
    """Record values are what refine writes; one in twenty is late; targets are names that somebody follows."""
    stream = Stream(population, partitions=4)
    written = stream.write(4_000)
    records = list(stream.records(written))
    activity = activity_from_bytes(records[7].value)
    facts = facts_of(activity)
    assert records[7].key == activity.id.encode()
    assert facts.actor == population.name_of(written[7].author)
    assert facts.sort_time_ms == written[7].sort_time_ms
    grouped = next(one for one in written if one.in_group)
    assert (
        population.name_of(population.group_of(grouped.author))
        in facts_of(activity_from_bytes(records[grouped.number].value)).targets
    )
    times = [one.sort_time_ms for one in written]
    late = sum(later < earlier for earlier, later in zip(np.maximum.accumulate(times)[:-1], times[1:], strict=True))
    assert 0.7 * LATE_SHARE < late / len(times) < 1.3 * LATE_SHARE
    offsets = [record.offset for record in records if record.partition == 1]
    assert offsets == list(range(len(offsets)))
