"""How clients reach Kafka and prove who they are: one description, three dialects (aiokafka, kafka-python, Faust)."""

import ssl
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """The brokers and the proof of identity that every client of this process uses.

    bootstrap: `host:port`, several separated by commas. Raises ValueError where the parts contradict each other, so
    that a misspelt setting fails at start and never falls back to an open connection. The password is not in the repr.
    """

    bootstrap: str
    protocol: SecurityProtocol = "PLAINTEXT"
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    sasl_mechanism: SaslMechanism | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not all(":" in server for server in self.servers) or not self.servers:
            raise ValueError(f"bootstrap must be host:port[,host:port…], not {self.bootstrap!r}")
        if self.protocol not in get_args(SecurityProtocol):
            raise ValueError(f"unknown Kafka security protocol {self.protocol!r}")
        if self.uses_sasl != (self.sasl_mechanism is not None):
            raise ValueError(f"{self.protocol} and sasl_mechanism {self.sasl_mechanism!r} contradict each other")
        if self.sasl_mechanism is not None and self.sasl_mechanism not in get_args(SaslMechanism):
            raise ValueError(f"unknown SASL mechanism {self.sasl_mechanism!r}")
        if self.uses_sasl and not (self.username and self.password):
            raise ValueError(f"{self.protocol} needs a username and a password")
        if not self.uses_tls and (self.ca_file or self.cert_file or self.key_file):
            raise ValueError(f"certificates are given, but {self.protocol} does not encrypt")
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("a client certificate needs both cert_file and key_file")

    @property
    def servers(self) -> list[str]:
        """The brokers, one `host:port` each."""
        return [server.strip() for server in self.bootstrap.split(",") if server.strip()]

    @property
    def uses_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.protocol in ("SSL", "SASL_SSL")

    @property
    def uses_sasl(self) -> bool:
        """Whether the client gives a name and a password."""
        return self.protocol in ("SASL_PLAINTEXT", "SASL_SSL")

    def tls_context(self) -> ssl.SSLContext | None:
        """Verify the broker against ca_file (or the system's authorities); None without TLS. Reads the files."""
        if not self.uses_tls:
            return None
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=self.ca_file)
        if self.cert_file:
            context.load_cert_chain(self.cert_file, self.key_file)
        return context


def for_aiokafka(security: KafkaSecurity) -> dict[str, Any]:
    """Keyword arguments for every aiokafka client."""
    return _common(security) | {"ssl_context": security.tls_context()}


def for_kafka_python(security: KafkaSecurity) -> dict[str, Any]:
    """Keyword arguments for every kafka-python client."""
    arguments = _common(security)
    if security.uses_tls:
        arguments["ssl_context"] = security.tls_context()
    return arguments


def for_faust(security: KafkaSecurity) -> dict[str, Any]:
    """Keyword arguments `broker` and `broker_credentials` for a Faust app."""
    from faust.auth import SASLCredentials, SSLCredentials  # noqa: PLC0415 - only Faust's apps pay for importing Faust

    credentials: Any = None
    if security.uses_sasl:
        credentials = SASLCredentials(
            username=security.username,
            password=security.password,
            mechanism=security.sasl_mechanism,
            ssl_context=security.tls_context(),
        )
    elif security.uses_tls:
        credentials = SSLCredentials(context=security.tls_context())
    return {"broker": ";".join(f"kafka://{server}" for server in security.servers), "broker_credentials": credentials}


def _common(security: KafkaSecurity) -> dict[str, Any]:
    arguments: dict[str, Any] = {"bootstrap_servers": security.servers, "security_protocol": security.protocol}
    if security.uses_sasl:
        arguments |= {
            "sasl_mechanism": security.sasl_mechanism,
            "sasl_plain_username": security.username,
            "sasl_plain_password": security.password,
        }
    return arguments
