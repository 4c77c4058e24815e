"""The arithmetic of docs/scaling.md."""

import math

import pytest

from bench.scaling import Habits, UnitCosts, need, table

COSTS = UnitCosts(delivery_s=1e-7, broadcast_s=1e-5, refine_s=2e-4, read_s=1e-3, entry_bytes=5.0)


def test_work_grows_with_users_and_the_share_that_nobody_can_share_as_well():
    """Ten times the users: ten times the cores for their reads, and ten times of every core for reading all activities."""
    small, large = need(1e6, COSTS, Habits()), need(1e7, COSTS, Habits())
    assert large.read_cores == pytest.approx(10 * small.read_cores)
    assert large.reading_all_share == pytest.approx(10 * small.reading_all_share)
    assert large.workers > 10 * small.workers


def test_where_reading_all_activities_fills_a_core_no_number_of_workers_is_enough():
    """That is the point where the design has to change."""
    habits = Habits(activities=20, peak=3)
    limit = 0.5 / COSTS.broadcast_s / (habits.activities * habits.peak / 86_400)
    assert math.isfinite(need(limit * 0.99, COSTS, habits).workers)
    assert math.isinf(need(limit * 1.01, COSTS, habits).workers)


def test_the_table_has_a_column_for_each_number_of_users():
    """It is pasted into the page."""
    lines = table(COSTS, Habits(), users=(1e4, 1e6)).splitlines()
    assert {line.count("|") for line in lines} == {4}
