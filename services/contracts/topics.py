"""The registry of Kafka topics: the one place that knows names, keys, partitions, retention, producers and consumers."""

from dataclasses import dataclass
from enum import Enum

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Cleanup(Enum):
    """What Kafka does with old records."""

    DELETE = "delete"
    COMPACT = "compact"


class Size(Enum):
    """How the partition count of a topic is chosen; the settings give the numbers (`SLUICE_KAFKA__PARTITIONS`)."""

    WIDE = "wide"
    SINGLE = "single"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic and what its users rely on. retention_ms counts for DELETE, the two lags for COMPACT."""

    name: str
    key: str
    value: str
    description: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    cleanup: Cleanup
    size: Size = Size.WIDE
    retention_ms: int = 0
    co_partitioned_with: str = ""

    def config(self) -> dict[str, str]:
        """Return the topic's settings as Kafka names them."""
        settings = {
            "cleanup.policy": self.cleanup.value,
            # Kafka refuses a record dated an hour ahead, and an old import dated by its own time would expire at once.
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": "2097152",
        }
        if self.cleanup is Cleanup.DELETE:
            return settings | {"retention.ms": str(self.retention_ms)}
        # A consumer that was away for less than these still sees every state and every delete.
        return settings | {"min.compaction.lag.ms": str(DAY_MS), "delete.retention.ms": str(7 * DAY_MS)}


ACTIVITIES_RAW = Topic(
    name="sluice.activities.raw.v1",
    key="activity id",
    value="sluice.activity.v1.Activity",
    description="Accepted activities as the source said them; deletes carry only the ids.",
    producers=("ingest",),
    consumers=("refine",),
    cleanup=Cleanup.DELETE,
    retention_ms=7 * DAY_MS,
)
ACTIVITIES = Topic(
    name="sluice.activities.v1",
    key="activity id",
    value="sluice.activity.v1.Activity",
    description="Refined activities: deduplicated, sanitised, enriched. The last record of a key wins; rebuilds start here.",
    producers=("refine",),
    consumers=("feeds", "indexer"),
    cleanup=Cleanup.COMPACT,
    co_partitioned_with="sluice.activities.raw.v1",
)
INTERACTIONS = Topic(
    name="sluice.interactions.v1",
    key="object activity id, verb, interacting activity id (tab-separated); the partition is the object's",
    value="sluice.activity.v1.Interaction, or a tombstone when it is taken back",
    description="Likes, shares and comments at the side of what they are on. The last record of a key wins.",
    producers=("refine",),
    consumers=("feeds",),
    cleanup=Cleanup.COMPACT,
    co_partitioned_with="sluice.activities.v1",
)
RELATIONS = Topic(
    name="sluice.relations.v1",
    key="subject, kind, object (tab-separated); the partition is the subject's",
    value="sluice.activity.v1.Relation, or a tombstone when it is taken back",
    description="Who follows, belongs to, mutes and blocks what.",
    producers=("feeds",),
    consumers=("feeds", "search", "ingest"),
    cleanup=Cleanup.COMPACT,
)
RELATIONS_INVERSE = Topic(
    name="sluice.relations.inverse.v1",
    key="object, kind, subject (tab-separated); the partition is the object's",
    value="sluice.activity.v1.Relation, or a tombstone when it is taken back",
    description="The same edges for the other side: who follows me, who blocks me.",
    producers=("feeds",),
    consumers=("feeds",),
    cleanup=Cleanup.COMPACT,
    co_partitioned_with="sluice.relations.v1",
)
IDENTITIES = Topic(
    name="sluice.identities.v1",
    key="account entity name",
    value="sluice.activity.v1.Identity, or a tombstone when it is taken back",
    description="Which accounts belong to which person, and whether she approves of her followers. Small, read whole.",
    producers=("feeds",),
    consumers=("feeds",),
    cleanup=Cleanup.COMPACT,
    size=Size.SINGLE,
)
MARKERS = Topic(
    name="sluice.markers.v1",
    key="user, kind, activity id or place (tab-separated); the partition is the user's",
    value="sluice.activity.v1.Marker, or a tombstone when it is taken back",
    description="What users did with entries of their feeds: saved, read, seen, done; and up to where they have read and seen them.",
    producers=("feeds",),
    consumers=("feeds",),
    cleanup=Cleanup.COMPACT,
    co_partitioned_with="sluice.relations.v1",
)
PREFERENCES = Topic(
    name="sluice.preferences.v1",
    key="user, feed (tab-separated); the partition is the user's",
    value="sluice.activity.v1.Preference, or a tombstone when it is taken back",
    description="How users want their feeds: order, ranking, and since when their reactions count.",
    producers=("feeds",),
    consumers=("feeds",),
    cleanup=Cleanup.COMPACT,
    co_partitioned_with="sluice.relations.v1",
)
INDEX_PROGRESS = Topic(
    name="sluice.index-progress.v1",
    key="index, partition (tab-separated)",
    value="sluice.activity.v1.IndexProgress",
    description="How far each index has made each partition of sluice.activities.v1 searchable.",
    producers=("indexer",),
    consumers=("feeds", "search"),
    cleanup=Cleanup.COMPACT,
    size=Size.SINGLE,
)
SOURCES = Topic(
    name="sluice.sources.v1",
    key="source id",
    value="sluice.activity.v1.SourceState",
    description="What each source has delivered: its cursor, and when it last succeeded or failed.",
    producers=("ingest",),
    consumers=("ingest",),
    cleanup=Cleanup.COMPACT,
    size=Size.SINGLE,
)


def dlq(service: str, consumed: str) -> Topic:
    """Return the dead letter queue of a service."""
    return Topic(
        name=f"sluice.{service}.dlq.v1",
        key="as the input",
        value="the bytes as they came; reason, origin and attempts are headers",
        description=f"What {service} could not take from {consumed}. `sluice dlq` lists, shows and replays it.",
        producers=(service,),
        consumers=("sluice dlq",),
        cleanup=Cleanup.DELETE,
        size=Size.SINGLE,
        retention_ms=30 * DAY_MS,
    )


INGEST_DLQ = dlq("ingest", "its sources")
REFINE_DLQ = dlq("refine", ACTIVITIES_RAW.name)
FEEDS_DLQ = dlq("feeds", "the topics it follows")
INDEXER_DLQ = dlq("indexer", ACTIVITIES.name)

TOPICS: tuple[Topic, ...] = (
    ACTIVITIES_RAW,
    ACTIVITIES,
    INTERACTIONS,
    RELATIONS,
    RELATIONS_INVERSE,
    IDENTITIES,
    MARKERS,
    PREFERENCES,
    INDEX_PROGRESS,
    SOURCES,
    INGEST_DLQ,
    REFINE_DLQ,
    FEEDS_DLQ,
    INDEXER_DLQ,
)
DLQS: dict[str, Topic] = {"ingest": INGEST_DLQ, "refine": REFINE_DLQ, "feeds": FEEDS_DLQ, "indexer": INDEXER_DLQ}


def topic_named(name: str) -> Topic:
    """Return the topic of that name. Raises KeyError with the names there are."""
    for topic in TOPICS:
        if topic.name == name:
            return topic
    raise KeyError(f"no topic {name!r}; there are {', '.join(topic.name for topic in TOPICS)}")
