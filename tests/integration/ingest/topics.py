"""The topics that ingest needs, on a broker that is a test's own."""

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.contracts.topics import ACTIVITIES_RAW, INGEST_DLQ, RELATIONS, SOURCES, Size
from services.runtime.kafka_security import for_aiokafka

TOPICS = (ACTIVITIES_RAW, INGEST_DLQ, SOURCES, RELATIONS)


async def create_topics(security, partitions):
    """Create those that are missing."""
    admin = AIOKafkaAdminClient(**for_aiokafka(security))
    await admin.start()
    try:
        there = await admin.list_topics()
        await admin.create_topics(
            [
                NewTopic(topic.name, 1 if topic.size is Size.SINGLE else partitions, 1, topic_configs=topic.config())
                for topic in TOPICS
                if topic.name not in there
            ]
        )
    finally:
        await admin.close()
