"""The topics that ingest needs, on a broker that is a test's own."""

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.contracts.topics import ACTIVITIES_RAW, INGEST_DLQ, RELATIONS, SOURCES, Size
from services.runtime.kafka_security import for_aiokafka
from tests.integration.runtime.kafka_steps import create

TOPICS = (ACTIVITIES_RAW, INGEST_DLQ, SOURCES, RELATIONS)


async def create_topics(security, partitions):
    """Create those that are missing."""
    admin = AIOKafkaAdminClient(**for_aiokafka(security))
    await admin.start()
    try:
        there = await admin.list_topics()
    finally:
        await admin.close()
    count = {Size.WIDE: partitions, Size.SINGLE: 1}
    missing = [topic for topic in TOPICS if topic.name not in there]
    await create(security, *(NewTopic(topic.name, count[topic.size], 1, topic_configs=topic.config()) for topic in missing))
