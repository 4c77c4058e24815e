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
