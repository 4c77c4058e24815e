"""Every Prometheus metric of Sluice, declared once: type, unit and meaning. Append only; a service adds a section of its own.

Labels have few values: never an id, a user or a text.
"""

from prometheus_client import Counter, Gauge, Histogram

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SLOW = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_SIZES = (1, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10000)

# gRPC, every service. method: `/package.Service/Method`; code: the canonical status.
GRPC_STARTED = Counter("sluice_grpc_started_total", "RPCs that arrived.", ["method"])
GRPC_HANDLED = Counter("sluice_grpc_handled_total", "RPCs that ended, by how.", ["method", "code"])
GRPC_SECONDS = Histogram("sluice_grpc_handling_seconds", "From arrival to status, seconds.", ["method"], buckets=_FAST)

# Who calls. reason: as in ErrorInfo.
AUTH_REFUSED = Counter("sluice_auth_refused_total", "Calls without a token that is good.", ["reason"])
AUTH_KEY_REFRESHES = Counter("sluice_auth_key_refreshes_total", "Times the issuer's keys were read.", ["outcome"])

# The acknowledged producer. topic: a name of the registry.
PRODUCER_RECORDS = Counter("sluice_producer_records_total", "Records whose fate is known.", ["topic", "outcome"])
PRODUCER_ACK_SECONDS = Histogram(
    "sluice_producer_ack_seconds", "From handing over to Kafka's ack, seconds.", ["topic"], buckets=_FAST
)
PRODUCER_IN_FLIGHT = Gauge("sluice_producer_in_flight", "Records handed over and not yet acknowledged.")
PRODUCER_WAITING = Gauge("sluice_producer_waiting", "Records that wait because too many are in flight.")

# Readers of topics: refine, feeds, indexer, ingest's cursors. reader: the role.
READER_RECORDS = Counter("sluice_reader_records_total", "Records taken from a topic.", ["reader", "topic"])
READER_LAG = Gauge("sluice_reader_lag_records", "Records behind the end of the topic, all partitions.", ["reader", "topic"])
READER_BATCH = Histogram("sluice_reader_batch_records", "Records in one batch.", ["reader"], buckets=_SIZES)
READ_BACK_SECONDS = Histogram("sluice_read_back_seconds", "Reading state back from a topic, seconds.", ["reader"], buckets=_SLOW)
DEAD_LETTERS = Counter("sluice_dead_letters_total", "Records put into a dead letter queue.", ["service", "reason"])

# Calls to Elasticsearch. operation: bulk, search, mget …
ELASTIC_SECONDS = Histogram("sluice_elasticsearch_seconds", "Calls to Elasticsearch, seconds.", ["operation"], buckets=_FAST)
ELASTIC_FAILURES = Counter("sluice_elasticsearch_failures_total", "Calls to Elasticsearch that failed.", ["operation", "reason"])

# Ingest. kind: the connector, or `grpc`; source: the configured id (few); reason: a code of acceptance or of a connector.
INGEST_ACCEPTED = Counter("sluice_ingest_accepted_total", "Activities that Kafka has acknowledged.", ["kind"])
INGEST_REJECTED = Counter("sluice_ingest_rejected_total", "Activities that were refused or dead-lettered.", ["kind", "reason"])
INGEST_PUBLISH_SECONDS = Histogram(
    "sluice_ingest_publish_seconds", "From acceptance to Kafka's ack of a batch, seconds.", buckets=_FAST
)
INGEST_IN_FLIGHT = Gauge("sluice_ingest_in_flight", "Activities of gRPC and HTTP senders that wait for Kafka.")
SOURCE_SUCCEEDED = Gauge("sluice_source_succeeded_timestamp_seconds", "When the source last delivered, Unix time.", ["source"])
SOURCE_FAILURES = Counter("sluice_source_failures_total", "Times a source had to be started again.", ["source", "reason"])
INBOX_REFUSED = Counter("sluice_inbox_refused_total", "Posts to the inbox that were refused as a whole.", ["reason"])

# Search. reason: the type of an error of Elasticsearch.
INDEXED_DOCUMENTS = Counter("sluice_indexed_documents_total", "Documents that the index has, as written or newer.")
INDEX_RETRIES = Counter("sluice_index_retries_total", "Writes of documents that are tried again.", ["reason"])
INDEX_REFRESH_SECONDS = Histogram("sluice_index_refresh_seconds", "Making written documents visible, seconds.", buckets=_FAST)
INDEX_ROLLBACKS = Counter(
    "sluice_index_rollbacks_total", "Times the index was not where the indexer left it and is read again from there."
)
INDEX_STALE_SECONDS = Gauge("sluice_index_stale_seconds", "Since everything in the log was last visible in the index, seconds.")
MEMBERSHIP_STALE_SECONDS = Gauge(
    "sluice_membership_stale_seconds", "Since the memberships were last known to be complete, seconds."
)

# Refine. outcome: emitted, duplicate, late, refused, folded-before (known from before a restart); closed (emitted, for nobody: one
# version was said to have two audiences, neither for fewer).
REFINE_OUTCOMES = Counter("sluice_refine_records_total", "Raw records by what became of them.", ["outcome"])
REFINE_SECONDS = Histogram(
    "sluice_refine_seconds",
    "Folding and refining one record (mean of a slice), seconds.",
    buckets=(0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.005, 0.05),
)
REFINE_REPAIRED = Counter("sluice_refine_repaired_total", "Winners written again because another writer's record hid them.")
REFINE_STATE_IDS = Gauge("sluice_refine_state_ids", "Activities whose winner is known.")
REFINE_STATE_BYTES = Gauge("sluice_refine_state_bytes", "Memory of the winners, bytes.")

# Feeds. source: timeline (memory alone) or history (the index was asked); partial: history was away.
FEEDS_DELIVERIES = Counter("sluice_feeds_deliveries_total", "Entries written to timelines.")
FEEDS_PAGES = Counter("sluice_feeds_pages_total", "Pages read, by where they came from.", ["source"])
FEEDS_ACTIVE_READERS = Gauge("sluice_feeds_active_readers", "Users whose timeline is in memory.")
FEEDS_KNOWN_ACTIVITIES = Gauge("sluice_feeds_known_activities", "Activities in memory.")
FEEDS_BODY_BYTES = Gauge("sluice_feeds_body_bytes", "Bodies of activities in memory, bytes.")
FEEDS_WINDOW = Gauge("sluice_feeds_window_activities", "Activities that the index may not show yet.")
FEEDS_STALE_SECONDS = Gauge("sluice_feeds_stale_seconds", "Since nothing was known to be missing, seconds.")
# to: owner (in this group), other-group (the owner here is away or slow).
FEEDS_FORWARDED = Counter("sluice_feeds_forwarded_total", "Calls passed on to the worker that owns the user.", ["to"])

# Live feeds. kind: added, edited, removed, snapshot; how: left (the caller), elsewhere (told to connect again), too-slow, failed.
FEEDS_WATCHERS = Gauge("sluice_feeds_watchers", "Live feeds that are open.")
FEEDS_WATCH_EVENTS = Counter("sluice_feeds_watch_events_total", "Events that were sent to live feeds, and snapshots.", ["kind"])
FEEDS_WATCH_ENDED = Counter("sluice_feeds_watch_ended_total", "Live feeds that ended.", ["how"])
