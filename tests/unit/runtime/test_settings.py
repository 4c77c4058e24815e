import os

import pytest
from pydantic import SecretStr

from services.runtime.settings_loading import SettingsInvalid, load_settings, variables


@pytest.fixture
def given(monkeypatch):
    """Return what loads settings from the given variables alone."""
    for name in list(os.environ):
        if name.upper().startswith("SLUICE_"):
            monkeypatch.delenv(name)

    def load(**environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, str(value))
        return load_settings()

    return load


def test_without_variables_everything_has_a_default(given):
    settings = given()
    assert settings.kafka.security().bootstrap == "127.0.0.1:9092"
    assert not settings.kafka.configured
    assert not settings.elasticsearch.configured


def test_every_section_reads_its_variables(given):
    settings = given(
        SLUICE_KAFKA__BOOTSTRAP_SERVERS="a:1,b:2",
        SLUICE_KAFKA__PARTITIONS=3,
        SLUICE_ELASTICSEARCH__URL="http://x:1, http://y:2/",
        SLUICE_AUTH__ALGORITHMS="ES256, RS512",
        SLUICE_GRPC__PORT=7001,
        SLUICE_INSTANCE="feeds-0",
    )
    assert settings.kafka.security().servers == ["a:1", "b:2"]
    assert settings.kafka.configured
    assert settings.kafka.partitions == 3
    assert settings.elasticsearch.urls == ["http://x:1", "http://y:2"]
    assert settings.auth.algorithms == ("ES256", "RS512")
    assert settings.grpc.address == "127.0.0.1:7001"
    assert settings.instance == "feeds-0"


def test_an_unknown_variable_is_refused_with_the_nearest_known_one(given):
    """A typo must never mean that a default is used silently."""
    with pytest.raises(SettingsInvalid, match=r"did you mean SLUICE_KAFKA__BOOTSTRAP_SERVERS\?"):
        given(SLUICE_KAFKA__BOOTSTRAP_SERVER="a:1")
    with pytest.raises(SettingsInvalid, match="SLUICE_KAFKA is not a setting"):
        given(SLUICE_KAFKA="{}")


def test_an_empty_variable_is_not_set(given):
    """Compose files pass on variables that nobody set."""
    assert given(SLUICE_KAFKA__SSL_CAFILE="", SLUICE_KAFKA__PARTITIONS="").kafka.partitions == 8


def test_a_secret_may_come_from_a_file(given, tmp_path):
    secret = tmp_path / "password"
    secret.write_text("s3cret\n")
    kafka = given(
        SLUICE_KAFKA__SECURITY_PROTOCOL="SASL_PLAINTEXT",
        SLUICE_KAFKA__SASL_MECHANISM="SCRAM-SHA-512",
        SLUICE_KAFKA__SASL_USERNAME="sluice",
        SLUICE_KAFKA__SASL_PASSWORD_FILE=secret,
        SLUICE_SERVICE_TOKEN_FILE=secret,
    )
    assert kafka.kafka.security().password == "s3cret"
    assert kafka.service_token.get_secret_value() == "s3cret"


def test_a_secret_given_twice_or_in_no_file_is_refused(given, tmp_path):
    with pytest.raises(SettingsInvalid, match=r"SLUICE_ELASTICSEARCH__\*: api_key_file can't be read: FileNotFoundError"):
        given(SLUICE_ELASTICSEARCH__API_KEY_FILE=tmp_path / "none")
    with pytest.raises(SettingsInvalid, match="api_key and api_key_file are both set"):
        given(SLUICE_ELASTICSEARCH__API_KEY="hunter2", SLUICE_ELASTICSEARCH__API_KEY_FILE=tmp_path / "none")


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("SLUICE_KAFKA__PARTITIONS", "valid integer"),
        ("SLUICE_KAFKA__SECURITY_PROTOCOL", "'PLAINTEXT', 'SSL'"),
        ("SLUICE_GRPC__PORT", "valid integer"),
        ("SLUICE_LOG_LEVEL", "'debug', 'info'"),
        ("SLUICE_AUTH__ALGORITHMS", "'ES256'"),
    ],
)
def test_a_wrong_value_is_named_and_explained_but_never_shown(given, variable, expected):
    """Somebody may have pasted a secret into the wrong variable, and errors end in logs."""
    with pytest.raises(SettingsInvalid) as caught:
        given(**{variable: "hunter2", "SLUICE_KAFKA__SASL_PASSWORD": "hunter2"})
    assert f"{variable}: " in str(caught.value)
    assert expected in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None, "a chained error could show what was given"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"SLUICE_KAFKA__SECURITY_PROTOCOL": "SASL_SSL"}, "SLUICE_KAFKA__*: SASL_SSL and sasl_mechanism None contradict"),
        ({"SLUICE_KAFKA__SSL_CAFILE": "/ca.pem"}, "does not encrypt"),
        ({"SLUICE_KAFKA__MIN_INSYNC_REPLICAS": "2"}, "nothing could ever be acknowledged"),
        ({"SLUICE_ELASTICSEARCH__URL": "localhost:9200"}, "http(s)://host:port"),
        ({"SLUICE_ELASTICSEARCH__URL": "http://u:hunter2@x:1"}, "must carry no credentials"),
        ({"SLUICE_ELASTICSEARCH__USERNAME": "u"}, "belong together"),
        ({"SLUICE_ELASTICSEARCH__CA_CERTS": "/ca.pem"}, "not https"),
        ({"SLUICE_AUTH__JWKS_URL": "http://keys.example/jwks"}, "must be https"),
        ({"SLUICE_AUTH__ALGORITHMS": "HS256"}, "SLUICE_AUTH__ALGORITHMS"),
        ({"SLUICE_GRPC__TLS_CERT": "/cert.pem"}, "belong together"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(given, environment, expected):
    """Never fall back to an open connection or to an algorithm that lets verifiers issue."""
    with pytest.raises(SettingsInvalid) as caught:
        given(**environment)
    assert expected in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_secrets_are_hidden_when_settings_are_printed(given):
    assert "hunter2" not in repr(given(SLUICE_ELASTICSEARCH__API_KEY="hunter2", SLUICE_SERVICE_TOKEN="hunter2"))


def test_every_secret_field_has_a_file_twin():
    names = dict(variables())
    secrets = {name for name, field in names.items() if SecretStr in getattr(field.annotation, "__args__", ())}
    assert secrets
    assert {f"{name}_FILE" for name in secrets} <= names.keys()
