"""What other writers left in the relation topics: a predecessor, the other replica group, a worker that lost its place."""

import asyncio
import time

from services.contracts.cloud_events import RELATION_OFFSET
from services.contracts.partitions import partition_of
from services.contracts.relation_codec import Identity, identity_to_bytes, relation_to_bytes
from services.contracts.relations import Relation, RelationKind
from services.contracts.topics import FEEDS_DLQ, IDENTITIES, RELATIONS, RELATIONS_INVERSE
from services.runtime.bulk_read import bulk_read, partitions_of
from services.runtime.records import Outgoing
from tests.integration.stream.feeds.conftest import PARTITIONS

EDGE = Relation("person:anna", RelationKind.FOLLOWS, "person:ben", 1)


def inverse(edge, version, *, gone=False):
    """Return what a worker derives from the relation record at offset `version`."""
    value = None if gone else relation_to_bytes(edge)
    headers = [(RELATION_OFFSET, str(version).encode())]
    return Outgoing(RELATIONS_INVERSE.name, edge.inverse_key, value, headers, partition_of(edge.object, PARTITIONS))


async def records_of(house, topic):
    records = []
    await bulk_read(house.security, await partitions_of(house.security, topic.name), lambda _, chunk: records.extend(chunk))
    return records


async def until_last_says(house, edge, version, *, gone):
    """Wait until the last record of an edge's key is of this version."""
    deadline = time.monotonic() + 15
    while True:
        last = [record for record in await records_of(house, RELATIONS_INVERSE) if record.key == edge.inverse_key][-1]
        if dict(last.headers).get(RELATION_OFFSET) == str(version).encode() and (last.value is None) is gone:
            return
        assert time.monotonic() < deadline, (last.headers, last.value)
        await asyncio.sleep(0.1)


async def followers(caller, name):
    return [edge.subject for edge in (await caller.relate("ListFollowers", object=name)).relations]


async def test_a_late_record_read_back_counts_for_nothing_and_is_written_over(house):
    """A worker that had lost its place wrote last; the owner that comes after knows better, and has the log say so."""
    await house.send(inverse(EDGE, 7, gone=True), inverse(EDGE, 3))
    async with house.working(), house.calling("anna") as anna:
        assert await followers(anna, EDGE.object) == []
        await until_last_says(house, EDGE, 7, gone=True)


async def test_a_late_record_that_is_followed_counts_for_nothing_and_is_written_over(house):
    """The same while the owner looks on; what comes after it, for another edge, is in force as ever."""
    other = Relation("person:carl", RelationKind.FOLLOWS, EDGE.object, 1)
    async with house.working(), house.calling("anna") as anna:
        await house.send(inverse(EDGE, 7), inverse(EDGE, 3, gone=True), inverse(other, 1))
        deadline = time.monotonic() + 10
        while other.subject not in (found := await followers(anna, EDGE.object)):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        assert found == [EDGE.subject, other.subject]
        await until_last_says(house, EDGE, 7, gone=False)


async def test_a_restart_writes_no_inverse_twice(house):
    """What is read again after a restart, or by the other replica group, is in force already."""
    async with house.working(), house.calling("anna") as anna:
        await anna.relate("Follow", object=EDGE.object)
        await until_inverse_is_there(house)
    async with house.working(), house.calling("anna") as anna:
        await anna.relate("Follow", object="person:carl")
        await until_inverse_is_there(house, "person:carl")
        keys = [record.key for record in await records_of(house, RELATIONS_INVERSE)]
        assert keys.count(EDGE.inverse_key) == 1


async def until_inverse_is_there(house, obj=EDGE.object):
    deadline = time.monotonic() + 10
    wanted = Relation(EDGE.subject, EDGE.kind, obj).inverse_key
    while wanted not in {record.key for record in await records_of(house, RELATIONS_INVERSE)}:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_poison_that_is_read_back_goes_to_the_dead_letters_and_stops_nothing(house):
    """Between good records of the same partition, with its headers and its value."""
    partition = partition_of(EDGE.subject, PARTITIONS)
    poison = Outgoing(RELATIONS.name, b"not an edge", b"\xff\xfe", [("x", b"y")], partition)
    good = Outgoing(RELATIONS.name, EDGE.key, relation_to_bytes(EDGE), (), partition)
    later = Relation(EDGE.subject, EDGE.kind, "tag:x", 1)
    await house.send(good, poison, Outgoing(RELATIONS.name, later.key, relation_to_bytes(later), (), partition))
    async with house.working(), house.calling("anna") as anna:
        following = (await anna.relate("ListFollowing")).relations
        assert [edge.object for edge in following] == [EDGE.object, later.object]
        [letter, *_] = await records_of(house, FEEDS_DLQ)
        assert (letter.key, letter.value) == (poison.key, poison.value)
        assert dict(letter.headers)["sluice_origin"] == f"{RELATIONS.name}/{partition}/1".encode()


async def test_identities_are_followed_and_read_back(house):
    """Another worker links an account: this one shows it a moment later, and after a restart; a broken record changes nothing."""
    account, person = "person:ben@social.example", "person:ben"
    record = Outgoing(IDENTITIES.name, account.encode(), identity_to_bytes(Identity(account, person)), (), 0)
    poison = Outgoing(IDENTITIES.name, person.encode(), identity_to_bytes(Identity(account, "person:eve")), (), 0)
    async with house.working(), house.calling("anna") as anna:
        await anna.relate("Follow", object=person)
        await house.publish(house.activity("ben@social.example", "from the account"))
        await anna.until_texts([])
        await house.send(record, poison)
        await anna.until_texts(["from the account"])
    async with house.working(), house.calling("anna") as anna:
        await anna.until_texts(["from the account"])
        await house.send(Outgoing(IDENTITIES.name, account.encode(), None, (), 0))
        await anna.until_texts([])
