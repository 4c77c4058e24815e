import pytest

from services.runtime.kafka_security import KafkaSecurity, for_aiokafka, for_faust, for_kafka_python

SASL = {"protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-512", "username": "anna", "password": "hunter2"}


def test_plaintext_gives_every_client_the_same_servers():
    """Spaces and several brokers are taken as people write them."""
    security = KafkaSecurity("one:9092, two:9092")
    assert for_aiokafka(security)["bootstrap_servers"] == ["one:9092", "two:9092"]
    assert for_kafka_python(security)["bootstrap_servers"] == ["one:9092", "two:9092"]
    assert for_faust(security) == {"broker": "kafka://one:9092;kafka://two:9092", "broker_credentials": None}


def test_sasl_over_tls_reaches_every_client():
    """No client may fall back to a connection without name, password or encryption."""
    security = KafkaSecurity("one:9093", **SASL)
    for arguments in (for_aiokafka(security), for_kafka_python(security)):
        assert arguments["security_protocol"] == "SASL_SSL"
        assert arguments["sasl_mechanism"] == "SCRAM-SHA-512"
        assert (arguments["sasl_plain_username"], arguments["sasl_plain_password"]) == ("anna", "hunter2")
        assert arguments["ssl_context"].check_hostname
    credentials = for_faust(security)["broker_credentials"]
    assert credentials.protocol.value == "SASL_SSL"
    assert credentials.mechanism.value == "SCRAM-SHA-512"
    assert credentials.ssl_context.check_hostname


def test_tls_alone_reaches_every_client():
    """Encryption without SASL is what client certificates use."""
    security = KafkaSecurity("one:9093", protocol="SSL")
    assert for_aiokafka(security)["ssl_context"].check_hostname
    assert for_kafka_python(security)["security_protocol"] == "SSL"
    assert for_faust(security)["broker_credentials"].protocol.value == "SSL"


def test_sasl_without_tls_has_no_tls_context():
    """SASL_PLAINTEXT is for brokers behind an encrypted network; it must not half-encrypt."""
    security = KafkaSecurity("one:9092", **(SASL | {"protocol": "SASL_PLAINTEXT"}))
    assert for_aiokafka(security)["ssl_context"] is None
    assert "ssl_context" not in for_kafka_python(security)
    assert for_faust(security)["broker_credentials"].protocol.value == "SASL_PLAINTEXT"


def test_password_is_not_in_the_repr():
    """Settings get logged."""
    assert "hunter2" not in repr(KafkaSecurity("one:9093", **SASL))


@pytest.mark.parametrize(
    "arguments",
    [
        {"bootstrap": ""},
        {"bootstrap": "host-without-port"},
        {"protocol": "TLS"},
        {"protocol": "SASL_SSL"},
        {"protocol": "SSL", "sasl_mechanism": "PLAIN"},
        SASL | {"sasl_mechanism": "GSSAPI"},
        SASL | {"password": ""},
        {"ca_file": "ca.pem"},
        {"protocol": "SSL", "cert_file": "client.pem"},
    ],
)
def test_contradicting_settings_are_refused(arguments):
    """A misspelt setting must fail at start, not connect in the open."""
    with pytest.raises(ValueError, match=r"\w"):
        KafkaSecurity(**({"bootstrap": "one:9092"} | arguments))
