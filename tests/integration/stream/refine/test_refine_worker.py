"""The refine worker on a real broker: what is acknowledged is in the output once, whoever dies or disturbs."""

import asyncio
import contextlib
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from aiokafka.admin import NewTopic
from aiokafka.errors import ProducerClosed

from services.contracts.activity import Activity, Audience, Entity, Object, Scope, Source, Verb
from services.contracts.cloud_events import DLQ_ORIGIN, DLQ_REASON, RAW_OFFSET
from services.contracts.codec import activity_from_bytes, activity_to_bytes
from services.contracts.interactions import interaction_from_record
from services.contracts.partitions import partition_of
from services.contracts.topics import ACTIVITIES, ACTIVITIES_RAW, INTERACTIONS, REFINE_DLQ
from services.runtime.bulk_read import bulk_read, partitions_of
from services.runtime.confirmed_sends import build_producer, send_confirmed
from services.runtime.embedded import free_port
from services.runtime.faust_app import after_rebalance, build_app
from services.runtime.faust_batches import add_batch_agent
from services.runtime.faust_worker import FaustWorker
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.records import Outgoing
from services.runtime.settings import KafkaSettings, OpsSettings, Settings
from services.stream.refine import worker as refine_worker
from services.stream.refine.agent import RefineAgent
from services.stream.refine.owned_partitions import OwnedPartitions
from services.stream.refine.worker import APP_ID, faust_settings
from tests.integration.runtime.kafka_steps import committed, create

PARTITIONS = 2
DAY = 1_700_000_000_000


def no_language(_line):
    return "", 0.0


@pytest.fixture
async def broker(own_server):
    """A broker of this test's own, with refine's topics: their names can't be changed."""
    security = KafkaSecurity(own_server.bootstrap)
    wide = [NewTopic(topic.name, PARTITIONS, 1) for topic in (ACTIVITIES_RAW, ACTIVITIES, INTERACTIONS)]
    await create(security, *wide, NewTopic(REFINE_DLQ.name, 1, 1))
    return security


@pytest.fixture
def settings(broker, tmp_path):
    (tmp_path / "faust").mkdir()
    return Settings(
        kafka=KafkaSettings(bootstrap_servers=broker.bootstrap),
        ops=OpsSettings(port=free_port()),
        data_dir=tmp_path,
        instance="refine-0",
    )


def activity(native_id, content="<p>Hello</p>", version=1, **changes):
    base = Activity(
        source=Source("activitystreams", "intranet.example", str(native_id)),
        version=version,
        verb=Verb.POST,
        actor=Entity("person:anna", "Anna"),
        object=Object(content=content),
        audience=Audience(Scope.INTERNAL),
        published_ms=DAY,
        accepted_ms=DAY + 1000,
    )
    return replace(base, **changes).with_id()


def as_raw(said):
    return Outgoing(ACTIVITIES_RAW.name, said.id.encode(), activity_to_bytes(said), partition=partition_of(said.id, PARTITIONS))


async def send(security, *messages):
    producer = build_producer(security, "test")
    await producer.start()
    try:
        return await send_confirmed(producer, messages)
    finally:
        await producer.stop()


async def log_of(security, topic):
    """Return all records of a topic, those of one partition in order."""
    records = []
    await bulk_read(security, await partitions_of(security, topic), lambda _, chunk: records.extend(chunk))
    return records


async def last_of(security):
    """Return {id: activity} as a rebuild sees them."""
    return {record.key.decode(): activity_from_bytes(record.value) for record in await log_of(security, ACTIVITIES.name)}


async def until_handled(security, seconds=20.0):
    """Wait until everything that is in the raw topic is committed."""
    ends = await bulk_read(security, await partitions_of(security, ACTIVITIES_RAW.name), lambda *_: None)
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        positions = await committed(security, APP_ID, ACTIVITIES_RAW.name)
        if all((positions[tp.partition] or 0) >= end for tp, end in ends.items()):
            return
        assert asyncio.get_running_loop().time() < deadline, f"{positions} of {ends} after {seconds} s"
        await asyncio.sleep(0.05)


@asynccontextmanager
async def refining(settings):
    """Run the real worker, as the process does."""
    stop = asyncio.Event()
    task = asyncio.create_task(refine_worker.run(settings, stop))
    try:
        await until_ready(settings, task)
        yield task
    finally:
        stop.set()
        await task


async def until_ready(settings, task):
    async with httpx.AsyncClient() as client:
        deadline = asyncio.get_running_loop().time() + 30
        while True:
            assert not task.done(), task.exception()
            assert asyncio.get_running_loop().time() < deadline
            # Before it listens, nothing answers.
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(f"http://127.0.0.1:{settings.ops.port}/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.05)


async def test_raw_activities_come_out_refined_in_their_own_partition(broker, settings):
    """From the raw topic to the refined one: folded, safe, enriched, under the same key and partition, with their origin."""
    html = '<p>Wir haben heute #Kafka <script>x()</script>ausgeliefert und sind <a href="https://e.example/a">zufrieden</a>.</p>'
    said = [activity(n, html) for n in range(300)]
    sent = await send(broker, *map(as_raw, said + said))
    async with refining(settings):
        await until_handled(broker)
    records = await log_of(broker, ACTIVITIES.name)
    assert len(records) == 300
    assert {r.key.decode(): r.partition for r in records} == {a.id: partition_of(a.id, PARTITIONS) for a in said}
    origins = {(c.partition.partition, c.offset) for c in sent[:300]}
    assert {(r.partition, int(dict(r.headers)[RAW_OFFSET])) for r in records} == origins
    one = activity_from_bytes(records[0].value)
    assert (one.tags, one.links, one.language, one.sort_time_ms) == (("kafka",), ("https://e.example/a",), "de", DAY)
    assert one.text == "Wir haben heute #Kafka ausgeliefert und sind zufrieden."
    assert "script" not in one.object.content


async def test_a_restart_after_a_graceful_stop_writes_nothing_again(broker, settings):
    await send(broker, *(as_raw(activity(n, version=0)) for n in range(50)))
    async with refining(settings):
        await until_handled(broker)
    before = len(await log_of(broker, ACTIVITIES.name))
    await send(broker, *(as_raw(activity(n, version=0)) for n in range(50)))
    async with refining(settings):
        await until_handled(broker)
    assert (before, len(await log_of(broker, ACTIVITIES.name))) == (50, 50)


class Crashed(Exception):
    """The worker is gone before it could acknowledge."""


async def test_a_crash_between_writing_and_committing_doubles_nothing(broker, settings):
    """Undated contents that alternate would each be a new version if they were folded twice; the output's offsets prevent that."""
    rounds = [as_raw(activity(n, f"<p>{round_ % 2}</p>", version=0)) for round_ in range(4) for n in range(20)]
    await send(broker, *rounds)
    app = build_app(faust_settings(settings, "refine-0"))
    crashing = FaustWorker(app)
    producer = build_producer(broker, "refine-0")
    await producer.start()
    owned = OwnedPartitions(broker, producer, no_language, crashing.fail)
    agent = RefineAgent(producer, owned)

    async def handle_and_crash(batch):
        await agent(batch)
        raise Crashed

    add_batch_agent(app, ACTIVITIES_RAW.name, handle_and_crash, crashing.fail)
    after_rebalance(app, owned.take_over)
    await crashing.start()
    with pytest.raises(Crashed):
        await crashing.run(asyncio.Event())
    await owned.stop_watching()
    await producer.stop()
    positions = await committed(broker, APP_ID, ACTIVITIES_RAW.name)
    crashed_with = len(await log_of(broker, ACTIVITIES.name))
    assert crashed_with > 0
    assert not any(positions.values())
    async with refining(settings):
        await until_handled(broker)
    assert len(await log_of(broker, ACTIVITIES.name)) == 80
    assert {a.version for a in (await last_of(broker)).values()} == {4}


async def test_a_bad_record_goes_to_the_dead_letters_and_the_rest_go_on(broker, settings):
    good, poison = activity("good"), b"\xff\xfe not protobuf"
    partition = partition_of(good.id, PARTITIONS)
    conflict = activity("good", "<p>something else under the same version</p>")
    after = activity("good", "<p>edited</p>", version=2)
    bad = Outgoing(ACTIVITIES_RAW.name, good.id.encode(), poison, partition=partition)
    sent = await send(broker, as_raw(good), bad, as_raw(conflict), as_raw(after))
    async with refining(settings):
        await until_handled(broker)
    assert (await last_of(broker))[good.id].text == "edited"
    letters = await log_of(broker, REFINE_DLQ.name)
    assert [letter.value for letter in letters] == [poison, activity_to_bytes(conflict)]
    assert [dict(letter.headers)[DLQ_REASON] for letter in letters] == [b"undecodable", b"version-conflict"]
    assert [dict(letter.headers)[DLQ_ORIGIN].decode() for letter in letters] == [
        f"{ACTIVITIES_RAW.name}/{partition}/{confirmed.offset}" for confirmed in sent[1:3]
    ]


async def test_a_narrower_audience_counts_without_a_new_version(broker, settings):
    """What a source closes is closed at once; that somebody opens it again under the same version is a dead letter."""
    opened, closed = activity(1, audience=Audience(Scope.PUBLIC)), activity(1, audience=Audience(Scope.INTERNAL))
    await send(broker, as_raw(opened), as_raw(closed), as_raw(opened))
    async with refining(settings):
        await until_handled(broker)
    assert (await last_of(broker))[opened.id].audience == Audience(Scope.INTERNAL)
    assert [letter.value for letter in await log_of(broker, REFINE_DLQ.name)] == [activity_to_bytes(opened)]
    await send(broker, as_raw(closed))
    async with refining(settings):
        await until_handled(broker)
    assert len(await log_of(broker, ACTIVITIES.name)) == 2


async def append_as_zombie(security, record):
    """Write a record of the output again behind everything, as a worker that lost its partition would."""
    return await send(security, Outgoing(record.topic, record.key, record.value, record.headers, record.partition))


async def wait_for_winner(security, activity_id, text):
    deadline = asyncio.get_running_loop().time() + 20
    while (await last_of(security))[activity_id].text != text:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.05)


async def test_an_old_version_of_a_zombie_is_repaired_while_the_owner_runs(broker, settings):
    """The log's last record of a key is what readers and rebuilds see; within moments it is the winner again."""
    old, new = activity(1, "<p>old</p>", version=1), activity(1, "<p>new</p>", version=2)
    await send(broker, as_raw(old), as_raw(new))
    async with refining(settings):
        await until_handled(broker)
        first = (await log_of(broker, ACTIVITIES.name))[0]
        assert activity_from_bytes(first.value).text == "old"
        await append_as_zombie(broker, first)
        await wait_for_winner(broker, old.id, "new")
    texts = [activity_from_bytes(record.value).text for record in await log_of(broker, ACTIVITIES.name)]
    assert texts == ["old", "new", "old", "new"]


async def test_an_old_version_of_a_zombie_is_repaired_by_the_next_owner(broker, settings):
    """The zombie wrote while nobody was there: who takes over repairs before it is ready."""
    old, new = activity(1, "<p>old</p>", version=1), activity(1, "<p>new</p>", version=2)
    await send(broker, as_raw(old), as_raw(new))
    async with refining(settings):
        await until_handled(broker)
    await append_as_zombie(broker, (await log_of(broker, ACTIVITIES.name))[0])
    async with refining(settings):
        assert (await last_of(broker))[old.id].text == "new"


async def test_a_version_that_a_zombie_wrote_first_is_not_written_again(broker, settings):
    """What the zombie folded is folded: the owner takes it over, and its offset with it."""
    said = activity(1, "<p>one</p>", version=0)
    await send(broker, as_raw(said))
    async with refining(settings):
        await until_handled(broker)
        [first] = await log_of(broker, ACTIVITIES.name)
        newer = replace(activity_from_bytes(first.value), version=9, text="by the zombie")
        headers = [(name, value) for name, value in first.headers if name != RAW_OFFSET] + [(RAW_OFFSET, b"0")]
        await send(broker, Outgoing(first.topic, first.key, activity_to_bytes(newer), headers, first.partition))
        await send(broker, as_raw(activity(1, "<p>one</p>", version=8)))
        await until_handled(broker)
        await wait_for_winner(broker, said.id, "by the zombie")


async def test_what_cannot_be_written_is_not_acknowledged(broker, settings):
    """A failing producer ends the worker, nothing is committed; the next worker writes it, once."""
    await send(broker, as_raw(activity(1)))
    producer = build_producer(broker, "refine-0")
    await producer.start()
    failing = FaustWorker(build_app(faust_settings(settings, "refine-0")))
    owned = OwnedPartitions(broker, producer, no_language, failing.fail)
    add_batch_agent(failing.app, ACTIVITIES_RAW.name, RefineAgent(producer, owned), failing.fail)
    after_rebalance(failing.app, owned.take_over)
    await producer.stop()
    await failing.start()
    with pytest.raises(ProducerClosed):
        await asyncio.wait_for(failing.run(asyncio.Event()), 30)
    await owned.stop_watching()
    assert not any((await committed(broker, APP_ID, ACTIVITIES_RAW.name)).values())
    async with refining(settings):
        await until_handled(broker)
    assert len(await log_of(broker, ACTIVITIES.name)) == 1


def like(native_id, obj, version=1):
    return replace(activity(native_id, version=version), verb=Verb.LIKE, object=Object(content="<p>+1</p>", activity_id=obj))


async def edges_of(security):
    """Return the interactions that the log ends with, as a rebuild sees them."""
    last = {record.key: record.value for record in await log_of(security, INTERACTIONS.name)}
    return {interaction_from_record(key, value)[:3] for key, value in last.items() if value}


async def test_likes_come_out_at_the_side_of_what_they_are_on(broker, settings):
    """In the partition of what is liked, whichever the like's own is; a delete after a restart takes back what it doesn't name."""
    notes = [activity(n).id for n in range(10)]
    likes = [like(f"like {n} {m}", note) for n, note in enumerate(notes) for m in range(3)]
    await send(broker, *map(as_raw, likes))
    async with refining(settings):
        await until_handled(broker)
    records = await log_of(broker, INTERACTIONS.name)
    assert {(r.key.decode().split("\t")[0], r.partition) for r in records} == {(n, partition_of(n, PARTITIONS)) for n in notes}
    await send(broker, *(as_raw(replace(said.as_deleted(2), accepted_ms=DAY + 2000)) for said in likes[3:]))
    async with refining(settings):
        await until_handled(broker)
    assert await edges_of(broker) == {(notes[0], Verb.LIKE, said.id) for said in likes[:3]}


async def test_what_a_zombie_says_that_something_is_on_is_taken_back(broker, settings):
    """It writes the edge and the old version behind what the owner has written; the owner puts both right."""
    old, new = activity("old note").id, activity("new note").id
    await send(broker, as_raw(like(1, old)), as_raw(like(1, new, version=2)))
    async with refining(settings):
        await until_handled(broker)
        late = next(r for r in await log_of(broker, INTERACTIONS.name) if r.key.startswith(old.encode()) and r.value)
        await append_as_zombie(broker, late)
        assert {obj for obj, *_ in await edges_of(broker)} == {old, new}
        await append_as_zombie(broker, (await log_of(broker, ACTIVITIES.name))[0])
        deadline = asyncio.get_running_loop().time() + 20
        while {obj for obj, *_ in await edges_of(broker)} != {new}:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.05)
