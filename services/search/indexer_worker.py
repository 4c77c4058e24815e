"""The indexer: from `sluice.activities.v1` to Elasticsearch."""

import asyncio
from contextlib import AsyncExitStack

import structlog

from services.contracts.indices import activities_index
from services.contracts.topics import ACTIVITIES
from services.runtime.confirmed_sends import build_producer
from services.runtime.elastic import build_client
from services.runtime.settings import Settings
from services.search.activity_log import ActivityLog
from services.search.backoff import Backoff
from services.search.bulk_writer import BulkWriter
from services.search.dead_letters import keeper
from services.search.elastic_index import ElasticIndex
from services.search.index_watch import IndexWatch
from services.search.indexing import Indexing
from services.search.publication import Publication, announcer
from services.search.readiness import Readiness

log = structlog.get_logger()

CHECKS = ("index", "indexer")
# How long a stopping indexer waits for an index that is away; what isn't written then is read again by the next one.
_DRAIN_SECONDS = 10.0


async def run(settings: Settings, stop: asyncio.Event, readiness: Readiness) -> None:
    """Index until stop is set. What was read by then is written and announced, when the index is there. Raises LogShrank."""
    elastic, security = settings.elasticsearch, settings.kafka.security()
    index = activities_index(shards=elastic.shards, replicas=elastic.replicas, core=elastic.core_analysis)
    member = settings.instance or "indexer-0"
    async with AsyncExitStack() as stack:
        client = build_client(elastic)
        stack.push_async_callback(client.close)
        producer = build_producer(security, f"{member}-producer")
        stack.push_async_callback(producer.stop)
        await producer.start()
        source = ActivityLog(security, ACTIVITIES.name, f"sluice-indexer-{index.name}", member, settings.kafka.session())
        stack.push_async_callback(source.stop)
        await source.start()
        port, backoff = ElasticIndex(client, index), Backoff()
        writer = BulkWriter(port, backoff=backoff)
        indexing = Indexing(source, port, writer, keeper(producer, backoff), backoff)
        publication = Publication(indexing, source, port, announcer(producer, index, f"/sluice/indexer/{member}"), backoff)
        watch = IndexWatch(port.problem)
        readiness.add("index", lambda: watch.reason)
        readiness.add("indexer", lambda: writer.waiting_for or publication.waiting_for)
        await _run(indexing, publication, watch, stop)


async def _run(indexing: Indexing, publication: Publication, watch: IndexWatch, stop: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as group:
        beside = [group.create_task(publication.run()), group.create_task(watch.run())]
        reading = group.create_task(indexing.run(stop))
        await stop.wait()
        done, _ = await asyncio.wait({reading}, timeout=_DRAIN_SECONDS)
        if not done:
            log.warning("stopped before everything that was read is written; it will be read again")
        for task in (*beside, reading):
            task.cancel()
        await asyncio.wait(beside)
        if done:
            await publication.last_step()
