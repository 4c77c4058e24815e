import asyncio
import contextlib
import time
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.codec import activity_to_bytes
from services.search.activity_log import LogShrank
from services.search.backoff import Backoff
from services.search.bulk_writer import BulkBounds, BulkWriter
from services.search.indexing import Indexing
from services.search.publication import Publication
from services.search.slices import slices
from tests.unit.search.examples import activity, document
from tests.unit.search.fake_index import FakeIndex
from tests.unit.search.fake_log import FakeLog

QUICK = Backoff(first=0.001, most=0.002)


def indexer(log, index):
    """Wire an indexer to a log and an index; announced: every vector that readers were told of, letters: what was dead-lettered."""
    announced, letters = [], []

    async def keep(new):
        letters.extend(new)

    async def announce(positions):
        announced.append((dict(positions), set(index.visible)))

    writer = BulkWriter(index, BulkBounds(max_count=3), QUICK)
    indexing = Indexing(log, index, writer, keep, QUICK, gather_s=0)
    publication = Publication(indexing, log, index, announce, QUICK, refresh_s=0.002, verify_s=0.02, repeat_s=0.03)
    return SimpleNamespace(
        log=log, index=index, writer=writer, indexing=indexing, publication=publication, announced=announced, letters=letters
    )


@contextlib.asynccontextmanager
async def running(it):
    """Run an indexer beside the test."""
    tasks = [asyncio.create_task(it.indexing.run(asyncio.Event())), asyncio.create_task(it.publication.run())]
    try:
        yield it
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not reached in {seconds} s"
        await asyncio.sleep(0.001)


def put(log, *activities, partition=0):
    for made in activities:
        log.append(made.id.encode(), activity_to_bytes(made), partition)


def last_told(it):
    told = {}
    for positions, _ in it.announced:
        told.update(positions)
    return told


def live(index):
    return {key for key, source in index.visible.items() if not source["deleted"]}


async def test_records_become_visible_and_their_offsets_are_announced_after_that():
    """Whoever is told of an offset finds everything before it."""
    it = indexer(FakeLog(), FakeIndex())
    made = [activity(str(number)) for number in range(25)]
    put(it.log, *made)
    async with running(it):
        await until(lambda: last_told(it) == {0: 25})
    assert live(it.index) == {one.id for one in made}
    for positions, visible in it.announced:
        assert {one.id for one in made[: positions[0]]} <= visible


async def test_an_empty_partition_and_gaps_are_announced():
    """Readers wait for the end of every partition; markers and compacted records would keep them waiting for ever."""
    it = indexer(FakeLog(partitions=(0, 1)), FakeIndex())
    it.log.gap(1)
    async with running(it):
        await until(lambda: last_told(it) == {0: 0, 1: 1})
        it.log.gap(1)
        await until(lambda: last_told(it) == {0: 0, 1: 2})


async def test_the_last_record_of_an_id_wins_however_rounds_fall():
    """Within a round and across rounds; a replay of the whole log changes nothing."""
    log = FakeLog(max_records=2)
    put(log, activity(text="one"), activity(text="two"), activity(text="three"), activity("b"), activity().as_deleted(9))
    it = indexer(log, FakeIndex())
    async with running(it):
        await until(lambda: last_told(it) == {0: 5})
        before = dict(it.index.visible)
        it.index.points = {}
        await until(lambda: it.index.points != {})
        await until(lambda: last_told(it) == {0: 5})
    assert it.index.visible == before
    assert live(it.index) == {activity("b").id}


async def test_poison_is_kept_as_a_dead_letter_hides_its_activity_and_lets_the_rest_through():
    """Nothing is lost without a reason, nothing gets stuck, and an older version that more people could read doesn't stay."""
    it = indexer(FakeLog(), FakeIndex())
    made, other = activity(), activity("other")
    put(it.log, made)
    it.log.append(made.id.encode(), b"\xff\xff")
    put(it.log, other)
    async with running(it):
        await until(lambda: last_told(it) == {0: 3})
    assert [(letter.reason, letter.record.offset, letter.record.value) for letter in it.letters] == [
        ("undecodable", 1, b"\xff\xff")
    ]
    assert live(it.index) == {other.id}


async def test_what_the_index_refuses_for_good_is_dead_lettered_and_hidden():
    """A mapping error is the document's fault: the log goes on."""
    it = indexer(FakeLog(), FakeIndex())
    made, other = activity(), activity("other")
    it.index.sick = {made.id: [400]}
    put(it.log, made, other)
    async with running(it):
        await until(lambda: last_told(it) == {0: 2})
    assert [(letter.reason, letter.record.key) for letter in it.letters] == [("made_up", made.id.encode())]
    assert live(it.index) == {other.id}
    assert it.index.written[made.id][1]["deleted"] is True


async def test_only_what_failed_is_written_again():
    """A server that sheds load must not get all of it again."""
    it = indexer(FakeLog(), FakeIndex())
    made, other = activity(), activity("other")
    it.index.sick = {made.id: [429, 503]}
    put(it.log, made, other)
    async with running(it):
        await until(lambda: last_told(it) == {0: 2})
    assert it.index.bulks == [[made.id, other.id], [made.id], [made.id]]
    assert it.letters == []


async def test_an_index_that_is_away_is_waited_for_and_nothing_is_skipped():
    """However long: reading stops meanwhile, readiness knows why, and all is there when it comes back."""
    it = indexer(FakeLog(max_records=5), FakeIndex())
    made = [activity(str(number)) for number in range(30)]
    async with running(it):
        await until(lambda: last_told(it) == {0: 0})
        it.index.writable = False
        put(it.log, *made)
        await until(lambda: it.writer.waiting_for == "fake_away" and it.publication.waiting_for == "fake_away")
        polls = it.log.polls
        await asyncio.sleep(0.02)
        assert it.log.polls == polls
        it.index.writable = True
        await until(lambda: last_told(it) == {0: 30})
    assert live(it.index) == {one.id for one in made}
    assert it.writer.waiting_for == it.publication.waiting_for == ""


async def test_an_index_that_lost_its_last_writes_gets_them_again():
    """A crash may take acknowledged writes along: the checkpoint is lost with them, and says where to go on."""
    it = indexer(FakeLog(), FakeIndex())
    put(it.log, activity("1"))
    async with running(it):
        await until(lambda: last_told(it) == {0: 1})
        snapshot = it.index.snapshot()
        put(it.log, activity("2"))
        await until(lambda: last_told(it) == {0: 2})
        it.index.roll_back(snapshot)
        put(it.log, activity("3"))
        await until(lambda: last_told(it) == {0: 3} and len(live(it.index)) == 3)


async def test_a_loss_is_noticed_while_nothing_is_written():
    """Without a new record too: what was announced must be visible."""
    it = indexer(FakeLog(), FakeIndex())
    put(it.log, activity("1"))
    async with running(it):
        await until(lambda: last_told(it) == {0: 1})
        it.index.roll_back(({}, {}, {}))
        await until(lambda: len(live(it.index)) == 1)


async def test_a_restart_goes_on_where_the_index_is():
    """What was written before isn't written again, and nobody has to be told twice."""
    log, index = FakeLog(), FakeIndex()
    put(log, activity("1"))
    first = indexer(log, index)
    async with running(first):
        await until(lambda: last_told(first) == {0: 1})
    put(log, activity("2"))
    second = indexer(log, index)
    async with running(second):
        await until(lambda: last_told(second) == {0: 2})
    assert index.bulks == [[activity("1").id], [activity("2").id]]


async def test_another_indexer_that_took_the_partition_over_stops_this_ones_announcements():
    """Of two that believe to own a partition, only the one that moved the checkpoint last may speak for it."""
    log, index = FakeLog(), FakeIndex()
    old, new = indexer(log, index), indexer(FakeLog(), index)
    async with running(old):
        await until(lambda: last_told(old) == {0: 0})
        new.log.gap()
        async with running(new):
            await until(lambda: last_told(new) == {0: 1})
            epoch = log.epoch
            log.gap()
            await until(lambda: log.epoch > epoch)


async def test_the_owner_of_a_quiet_partition_has_the_last_word():
    """A predecessor that stood still may tell of an older offset later; who took the partition over tells again, the other doesn't."""
    log, index = FakeLog(), FakeIndex()
    put(log, *(activity(str(number)) for number in range(3)))
    owner, predecessor = indexer(log, index), indexer(log, index)
    async with running(owner):
        await until(lambda: last_told(owner) == {0: 3})
        await predecessor.indexing._begin()
        predecessor.indexing.vector.announced = {0: 3}
        moved = index.points[0]
        await index.save_checkpoints([moved])
        owner.indexing.checkpoints.update(index.points)
        owner.announced.clear()
        await until(lambda: len(owner.announced) > 2)
        assert last_told(owner) == {0: 3}
        await predecessor.publication.step()
    assert predecessor.announced == []


async def test_a_log_that_is_shorter_than_the_index_stops_the_indexer():
    """Its offsets would be taken for old versions, and everything new for known."""
    log, index = FakeLog(), FakeIndex()
    put(log, activity("1"))
    it = indexer(log, index)
    async with running(it):
        await until(lambda: last_told(it) == {0: 1})
    with pytest.raises(LogShrank):
        await indexer(FakeLog(), index).indexing.run(asyncio.Event())


async def test_partitions_taken_away_are_spoken_of_no_more():
    """The round that was under way for them ends without a claim."""
    it = indexer(FakeLog(partitions=(0, 1)), FakeIndex())
    async with running(it):
        await until(lambda: last_told(it) == {0: 0, 1: 0})
        it.log.assigned = [0]
        it.log.begin_again()
        put(it.log, activity("1"))
        put(it.log, activity("2"), partition=1)
        await until(lambda: last_told(it) == {0: 1, 1: 0})
    assert live(it.index) == {activity("1").id}


async def test_stopping_writes_what_was_read():
    """And the last step tells of it."""
    it = indexer(FakeLog(), FakeIndex())
    put(it.log, activity("1"))
    stop = asyncio.Event()
    task = asyncio.create_task(it.indexing.run(stop))
    await until(lambda: it.index.written != {})
    stop.set()
    await task
    await it.publication.last_step()
    assert last_told(it) == {0: 1}


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=20), st.integers(1, 5), st.integers(0, 20))
def test_any_cut_and_any_repetition_give_the_same_index(writes, round_size, restart_at):
    """The index is what the last record of each id says, wherever rounds and restarts fall (invariants 1 and 4)."""
    records = [activity(str(number), text=str(at)) for at, (number, _) in enumerate(writes)]
    records = [one.as_deleted(1) if gone else one for one, (_, gone) in zip(records, writes, strict=True)]

    async def play():
        log, index = FakeLog(max_records=round_size), FakeIndex()
        put(log, *records)
        for until_offset in (min(restart_at, len(records)), len(records), len(records)):
            it = indexer(log, index)
            await it.indexing._begin()
            while it.indexing.vector.written[0] < until_offset:
                fetched = await log.poll()
                await it.indexing.write(fetched.records)
                it.indexing.vector.wrote(fetched.epoch, fetched.positions)
        await index.refresh()
        return index.visible

    expected = {one.id: not one.deleted for one in records}
    visible = asyncio.run(play())
    assert {key: not source["deleted"] for key, source in visible.items()} == expected
    last = {one.id: one.text for one in records}
    assert all(source.get("text", "") == last[key] for key, source in visible.items())


async def test_documents_that_are_too_many_for_one_request_are_sent_in_halves():
    """A limit of the server that nobody told us doesn't stop the log."""
    it = indexer(FakeLog(), FakeIndex())
    it.index.max_documents = 1
    put(it.log, *(activity(str(number)) for number in range(3)))
    async with running(it):
        await until(lambda: last_told(it) == {0: 3})
    assert len(live(it.index)) == 3
    assert it.letters == []


def test_slices_respect_both_bounds():
    """One request never grows with what waits."""
    documents = [document(activity(str(number), text="x" * (400 * number)), number) for number in range(10)]
    cut = list(slices(documents, max_count=4, max_bytes=6000))
    assert [one for part in cut for one in part] == documents
    for part in cut:
        assert len(part) == 1 or (len(part) <= 4 and sum(len(one.source) for one in part) <= 6000)
