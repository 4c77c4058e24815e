"""What ingest expects of the sender that it hands records to: the real producer and the fake of the unit tests alike."""

import pytest

from services.contracts.activity import Activity, Audience, Entity, Scope, Source, Verb
from services.contracts.codec import activity_from_bytes
from services.contracts.partitions import key_partitioner, partition_of
from services.contracts.topics import ACTIVITIES_RAW, INGEST_DLQ, SOURCES
from services.ingest.acceptance import accept
from services.ingest.cursors import Cursors, read_states
from services.ingest.publisher import KafkaPublisher
from services.ingest.source import Rejection
from services.ingest.source_state import SourceState, state_from_bytes
from services.runtime.bulk_read import bulk_read, partitions_of
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.producer import AcknowledgedProducer
from tests.integration.conftest import servers_for_a_test
from tests.integration.ingest.topics import create_topics
from tests.unit.ingest.fake_kafka import PARTITIONS, FakeKafka

NOW = 1_790_000_000_000


class Fake:
    def __init__(self):
        self.sender = FakeKafka()

    async def read(self, topic):
        return [(kept.partition, kept.offset, kept.record) for kept in self.sender.kept.get(topic, [])]

    async def states(self):
        return {kept.record.key.decode(): state_from_bytes(kept.record.value) for kept in self.sender.states}


class Real:
    def __init__(self, security, producer):
        self.security, self.sender = security, producer

    async def read(self, topic):
        found = []
        await bulk_read(
            self.security,
            await partitions_of(self.security, topic),
            lambda tp, records: found.extend((tp.partition, record.offset, record) for record in records),
        )
        return found

    async def states(self):
        return await read_states(self.security)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A broker of its own: the topics have their real names here."""
    with servers_for_a_test(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(params=["fake", "real"])
async def kafka(request):
    """Both sides of the contract."""
    if request.param == "fake":
        yield Fake()
        return
    security = KafkaSecurity(request.getfixturevalue("server").bootstrap)
    await create_topics(security, PARTITIONS)
    producer = AcknowledgedProducer(security, "contract", key_partitioner)
    await producer.start([ACTIVITIES_RAW.name])
    yield Real(security, producer)
    await producer.close()


def note(native_id):
    activity = Activity(
        source=Source("rss", "blog.example/ü", native_id),
        verb=Verb.POST,
        actor=Entity("person:anna"),
        audience=Audience(Scope.PUBLIC),
    )
    return accept(activity, now_ms=NOW)


async def test_what_was_published_is_where_the_answer_says(kafka):
    """Partition by the key's murmur2, value as accepted, headers of the CloudEvents binding."""
    accepted = [note(f"place-{number}") for number in range(20)]
    published = await KafkaPublisher(kafka.sender).publish(accepted)
    found = {(partition, offset): record for partition, offset, record in await kafka.read(ACTIVITIES_RAW.name)}
    for item, place in zip(accepted, published, strict=True):
        record = found[place.partition, place.offset]
        assert (record.key, record.value) == (item.key, item.value)
        assert place.partition == partition_of(item.key, PARTITIONS)
        assert place.id == item.activity.id == dict(record.headers)["ce_subject"].decode()
        assert dict(record.headers)["ce_source"] == b"/sources/rss/blog.example%2F%C3%BC"
    assert activity_from_bytes(found[published[0].partition, published[0].offset].value) == accepted[0].activity


async def test_one_key_keeps_its_order(kafka):
    published = await KafkaPublisher(kafka.sender).publish([note("order")] * 10)
    offsets = [place.offset for place in published]
    assert offsets == list(range(offsets[0], offsets[0] + 10))


async def test_nothing_to_publish_is_no_error(kafka):
    assert await KafkaPublisher(kafka.sender).publish([]) == []


async def test_a_dead_letter_keeps_the_bytes_and_says_why(kafka):
    rejection = Rejection("feed-broken", "line 3 is broken", payload=b"\x00\xff<rss")
    await KafkaPublisher(kafka.sender).reject([rejection], origin="blog")
    record = (await kafka.read(INGEST_DLQ.name))[-1][2]
    headers = {name: value.decode() for name, value in record.headers}
    assert (record.key, record.value) == (b"blog", b"\x00\xff<rss")
    assert (headers["sluice_reason"], headers["sluice_detail"], headers["sluice_origin"], headers["sluice_attempts"]) == (
        "feed-broken", "line 3 is broken", "blog", "1",
    )  # fmt: skip


async def test_the_last_state_of_a_source_is_read_back(kafka):
    cursors = Cursors(kafka.sender, {}, lambda: NOW)
    await cursors.advance("blog", {"etag": "1"}, accepted=3, rejected=0)
    await cursors.advance("blog", {"etag": "2"}, accepted=1, rejected=1)
    await cursors.failed("other", "FetchTimeout")
    assert await kafka.states() == {
        "blog": SourceState("blog", {"etag": "2"}, succeeded_ms=NOW, accepted_count=4, rejected_count=1),
        "other": SourceState("other", {}, failed_ms=NOW, failure="FetchTimeout"),
    }
    assert all(partition == 0 for partition, _, _ in await kafka.read(SOURCES.name))
