"""How long readers may be shown an index whose indexer stands still."""

import pytest

from services.search.index_freshness import Behind


class Index:
    """What is visible, by partition."""

    def __init__(self):
        self.refreshed = {}

    def behind(self, limit_s=60.0):
        return Behind(lambda: self.refreshed, limit_s)


def test_nothing_is_known_before_the_logs_end_was_heard_of():
    """An index that was never compared with the log is not shown."""
    behind = Index().behind()
    assert behind.problem(5.0)
    assert not behind.known


def test_an_index_is_fresh_as_of_the_last_moment_whose_log_it_shows():
    """In all partitions; what came since doesn't count against it until the limit is over."""
    index = Index()
    behind = index.behind()
    behind.ended(10.0, {0: 5, 1: 0})
    assert behind.seconds(11.0) == float("inf")
    index.refreshed = {0: 5}
    assert behind.seconds(11.0) == 1.0
    behind.ended(20.0, {0: 9, 1: 2})
    index.refreshed = {0: 9, 1: 1}
    assert behind.seconds(21.0) == 11.0
    index.refreshed = {0: 9, 1: 2}
    assert behind.seconds(21.0) == 1.0


@pytest.mark.parametrize(("now", "shown"), [(70.0, True), (70.1, False)])
def test_a_halted_indexer_closes_search_after_the_limit(now, shown):
    """Each second there is more in the log; a quiet log with an index at its end is never too old."""
    index = Index()
    index.refreshed = {0: 5}
    halted, quiet = index.behind(), index.behind()
    for second in range(71):
        halted.ended(float(second), {0: 5 if second <= 10 else 6})
        quiet.ended(float(second), {0: 5})
    assert (halted.problem(now) == "") is shown
    assert quiet.problem(now) == ""


def test_an_index_that_lost_its_last_writes_is_as_old_as_what_is_left():
    """A server may come back without what it had shown."""
    index = Index()
    behind = index.behind()
    behind.ended(1.0, {0: 5})
    behind.ended(50.0, {0: 7})
    index.refreshed = {0: 7}
    assert behind.seconds(51.0) == 1.0
    index.refreshed = {0: 5}
    assert behind.seconds(51.0) == 50.0


def test_catching_up_after_long_opens_search_again():
    """However long it took, and in bounded memory."""
    index = Index()
    behind = index.behind()
    for second in range(5000):
        behind.ended(float(second), {0: second})
    assert behind.problem(5000.0)
    index.refreshed = {0: 4999}
    assert behind.seconds(5000.0) == 1.0
    assert len(behind._ends) < 1000
