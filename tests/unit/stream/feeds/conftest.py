"""A house for tests that play something by hand."""

import pytest

from tests.unit.stream.feeds.house import SMALL, House
from tests.unit.stream.feeds.small_steps import small_steps


@pytest.fixture
def house(request, monkeypatch):
    """A house; in the end every feed equals the reference and the rebuilt one. A parameter gives other limits."""
    small_steps(monkeypatch)
    house = House(getattr(request, "param", SMALL))
    yield house
    house.check_everything()
    house.close()
