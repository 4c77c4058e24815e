"""Rows, partitions and edges change hands while something is under way."""

import pytest

from services.contracts.partitions import partition_of
from services.contracts.relations import RelationKind
from services.stream.feeds.engine import EngineLimits
from tests.unit.stream.feeds.activity_log import ACTIVITY_PARTITIONS
from tests.unit.stream.feeds.people import PARTITIONS, USERS


@pytest.mark.parametrize("house", [EngineLimits(capacity=20, rows=3)], indirect=True)
def test_a_delivery_in_slices_survives_what_happens_to_its_rows(house):
    """Between two slices somebody goes and somebody else gets the row; it ends with everybody having what is hers."""
    for user in USERS:
        house.follow(user, "person:b")
    for partition in range(PARTITIONS):
        house.move(partition, 0)
    house.post("person:a", time=2)
    worker = house.deliver_all("person:a")
    assert [house.texts(user) for user in USERS] == [["2"], [], []]
    post = house.post(time=1)
    worker.arrive(partition_of(post.id, ACTIVITY_PARTITIONS), 10)
    assert worker.deliver_slice()
    for user in ("person:h", "person:a"):
        worker.engine.evict(user)
    # Each gets the other's row.
    house.page("person:h")
    house.page("person:a")
    house.follow("person:h", "person:a")
    while worker.deliver_slice():
        pass
    assert [house.texts(user) for user in USERS] == [["2", "1"], ["1"], ["2", "1"]]


def test_what_an_old_owner_writes_late_changes_nothing(house):
    """Neither now, nor for the next owner, nor when compaction has left only the last record of the key."""
    house.follow("person:h", "person:a")
    house.post("person:a")
    house.block("person:a", "person:h")
    assert house.texts("person:h") == []
    house.block("person:a", "person:h", present=False)
    # The block, not what took it back, is derived once more.
    house.write_as_zombie(partition=0, nth=1)
    house.settle_relations()
    assert house.texts("person:h") == ["5"]
    house.write_as_zombie(partition=0, nth=1)
    house.move(partition=2, number=0)
    assert house.texts("person:h") == ["5"]
    house.compact()
    house.move(partition=2, number=1)
    assert house.texts("person:h") == ["5"]


def test_an_edge_whose_owner_went_away_before_it_was_derived_is_derived_by_the_next(house):
    """The record was written and applied; its inverse is owed to the other side."""
    house.follow("person:h", "person:a")
    house.post("person:a")
    house.relate("person:a", RelationKind.BLOCKS, "person:h")
    house.move(partition=0, number=1)
    house.settle_relations()
    assert house.texts("person:h") == []
