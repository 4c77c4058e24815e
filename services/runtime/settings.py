"""What can be set from outside: sections of fields, each an environment variable `SLUICE_<SECTION>__<FIELD>`.

Read with `settings_loading.load_settings`, only in `__main__` and the command, and passed down. Every secret has a twin
`<FIELD>_FILE` that names a file holding it, as orchestrators mount secrets.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from services.runtime.group_session import GroupSession
from services.runtime.kafka_security import KafkaSecurity, SaslMechanism, SecurityProtocol

PREFIX = "SLUICE_"
DELIMITER = "__"
Port = Annotated[int, Field(ge=0, le=65535)]
# Symmetric algorithms are left out on purpose: with them whoever may verify could also issue.
Algorithm = Literal["ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA", "Ed25519"]


def _secrets_from_files(values: Any, fields: Any) -> Any:
    """Put the content of `x_file` into x. Raises ValueError, without content, where both are given or the file can't be read."""
    if not isinstance(values, dict):
        return values
    values = dict(values)
    for name in [name for name in fields if f"{name}_file" in fields and values.get(f"{name}_file")]:
        if values.get(name):
            raise ValueError(f"{name} and {name}_file are both set; give one of them")
        try:
            values[name] = Path(values[f"{name}_file"]).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{name}_file can't be read: {type(error).__name__}") from None
        if not values[name]:
            raise ValueError(f"{name}_file is empty")
    return values


class Section(BaseModel):
    """A group of settings. Unknown fields are errors; a wrong value is never shown, it may be a secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: Any) -> Any:
        return _secrets_from_files(values, cls.model_fields)


class KafkaSettings(Section):
    """The brokers, how to prove who we are, and the sizes of topics that `sluice topics apply` creates.

    session_timeout_s: a member of refine, feeds or indexer that is silent for so long loses its partitions. heartbeat_interval_s: how
    often it says that it is there, and hears of others that come or go.
    """

    bootstrap_servers: str = "127.0.0.1:9092"
    security_protocol: SecurityProtocol = "PLAINTEXT"
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    sasl_mechanism: SaslMechanism | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    sasl_password_file: str | None = None
    partitions: int = Field(default=8, ge=1, le=1024)
    replication_factor: int = Field(default=1, ge=1, le=9)
    min_insync_replicas: int = Field(default=1, ge=1, le=9)
    session_timeout_s: float = Field(default=8.0, ge=1, le=30)
    heartbeat_interval_s: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self.security()
        self.session()
        if self.min_insync_replicas > self.replication_factor:
            raise ValueError("min_insync_replicas is above replication_factor: nothing could ever be acknowledged")
        return self

    @property
    def configured(self) -> bool:
        """Whether somebody named the brokers; otherwise `sluice up` starts embedded ones."""
        return "bootstrap_servers" in self.model_fields_set

    def session(self) -> GroupSession:
        """Return how members of consumer groups are known to be alive."""
        return GroupSession(self.session_timeout_s, self.heartbeat_interval_s)

    def security(self) -> KafkaSecurity:
        """Return what every Kafka client of the process is built from."""
        password = self.sasl_password.get_secret_value() if self.sasl_password else None
        return KafkaSecurity(
            bootstrap=self.bootstrap_servers,
            protocol=self.security_protocol,
            ca_file=self.ssl_cafile,
            cert_file=self.ssl_certfile,
            key_file=self.ssl_keyfile,
            sasl_mechanism=self.sasl_mechanism,
            username=self.sasl_username,
            password=password,
        )


class ElasticsearchSettings(Section):
    """The cluster that is searched. url: one, or several separated by commas. core_analysis: it lacks the analysis modules."""

    url: str = "http://127.0.0.1:9200"
    api_key: SecretStr | None = None
    api_key_file: str | None = None
    username: str | None = None
    password: SecretStr | None = None
    password_file: str | None = None
    ca_certs: str | None = None
    shards: int = Field(default=1, ge=1, le=256)
    replicas: int = Field(default=0, ge=0, le=9)
    core_analysis: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.urls or any(urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc for url in self.urls):
            raise ValueError("url must be http(s)://host:port, several separated by commas")
        if any(urlsplit(url).username or urlsplit(url).password for url in self.urls):
            raise ValueError("url must carry no credentials; use username and password, or api_key")
        if self.api_key and (self.username or self.password):
            raise ValueError("api_key and username/password are both set; give one of them")
        if bool(self.username) != bool(self.password):
            raise ValueError("username and password belong together")
        if self.ca_certs and not all(url.startswith("https://") for url in self.urls):
            raise ValueError("ca_certs is set, but url is not https")
        return self

    @property
    def configured(self) -> bool:
        """Whether somebody named the cluster; otherwise `sluice up` starts an embedded one."""
        return "url" in self.model_fields_set

    @property
    def urls(self) -> list[str]:
        """The nodes, one URL each."""
        return [url.strip().rstrip("/") for url in self.url.split(",") if url.strip()]


class AuthSettings(Section):
    """Whose tokens are accepted. Without jwks_url and jwks_file the embedded issuer's keys under data_dir are used."""

    issuer: str = "sluice-embedded"
    audience: str = "sluice"
    jwks_url: str | None = None
    jwks_file: Path | None = None
    algorithms: Annotated[tuple[Algorithm, ...], NoDecode, Field(min_length=1)] = ("ES256", "RS256")
    employee_claim: str = "employee"
    roles_claim: str = "roles"
    leeway_s: int = Field(default=10, ge=0, le=120)

    @field_validator("algorithms", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.jwks_url and self.jwks_file:
            raise ValueError("jwks_url and jwks_file are both set; give one of them")
        parts = urlsplit(self.jwks_url or "https://none")
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise ValueError("jwks_url must be https: whoever can change the keys can be anybody")
        return self


class GrpcSettings(Section):
    """Where gRPC is served. advertised: `host:port` that others reach it at, host:port by default. port 0: any free one."""

    host: str = "127.0.0.1"
    port: Port = 50051
    advertised: str = ""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    max_receive_bytes: int = Field(default=4 * 1024 * 1024, ge=1024)
    max_concurrent_rpcs: int = Field(default=2000, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ValueError("tls_cert and tls_key belong together")
        if self.tls_client_ca and not self.tls_cert:
            raise ValueError("tls_client_ca needs tls_cert and tls_key")
        return self

    @property
    def address(self) -> str:
        """Where others reach this server, `host:port`."""
        return self.advertised or f"{self.host}:{self.port}"


class HttpSettings(Section):
    """Where webhooks are received. port 0: any free one."""

    host: str = "127.0.0.1"
    port: Port = 8080


class FetchSettings(Section):
    """What sources may be fetched from besides the internet: hosts, and networks such as 10.0.0.0/8, separated by commas.

    A host is allowed at whatever address it has but link-local and metadata ones. max_body_bytes: after decompression.
    """

    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    allowed_networks: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = ()
    max_body_bytes: int = Field(default=5 * 1024 * 1024, ge=1024)
    connect_timeout_s: float = Field(default=10.0, gt=0)
    read_timeout_s: float = Field(default=30.0, gt=0)
    total_timeout_s: float = Field(default=60.0, gt=0)

    @field_validator("allowed_hosts", "allowed_networks", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


class OpsSettings(Section):
    """Where /metrics, /livez and /readyz are served. port 0: any free one."""

    host: str = "127.0.0.1"
    port: Port = 9464


class IngestSettings(Section):
    """What ingest takes.

    rate_per_s, burst: activities of one caller or posting source. max_in_flight: of all of them, waiting for Kafka. fetch_sources: this
    process polls and streams from sources; of several replicas one does, the others only receive.
    """

    rate_per_s: float = Field(default=1000.0, gt=0)
    burst: int = Field(default=20_000, ge=1)
    max_in_flight: int = Field(default=5000, ge=1)
    fetch_sources: bool = True


class FeedsSettings(Section):
    """What a feeds worker keeps and promises.

    capacity: entries of a timeline; older ones come from history. active_readers: timelines kept, 12 bytes times capacity each.
    body_megabytes: of activities kept beyond those the index doesn't show yet. stale_after_s: further behind it doesn't answer.
    group: the name of the replica group that the worker belongs to, such as `b`; every group keeps all users.
    """

    capacity: int = Field(default=800, ge=10, le=100_000)
    active_readers: int = Field(default=20_000, ge=1)
    body_megabytes: int = Field(default=256, ge=1)
    stale_after_s: float = Field(default=5.0, gt=0)
    group: str = Field(default="", pattern=r"^[a-z0-9-]{0,40}$")


class WatchSettings(Section):
    """Live feeds of a feeds worker.

    watchers: open at a time; each counts among grpc.max_concurrent_rpcs, too. of_user: of them, of one user. room: changes that may wait
    for a slow consumer before it is told to come back. keep_alive_s: between two messages, at the most. arrivals: records of the
    broadcast that a live feed can be resumed over, some 200 bytes each.
    """

    watchers: int = Field(default=1500, ge=1)
    of_user: int = Field(default=20, ge=1)
    room: int = Field(default=1000, ge=10)
    keep_alive_s: float = Field(default=15.0, gt=0)
    arrivals: int = Field(default=50_000, ge=1)


class SearchSettings(Section):
    """What search promises. stale_after_s: with an index that is further behind the log, nobody gets an answer but the feeds."""

    stale_after_s: float = Field(default=60.0, gt=0, le=600)


class PeerSettings(Section):
    """Where this process reaches the other services, `host:port`. tls_ca: the authority of their certificates; none: no TLS.

    feeds_replica: for feeds workers, the other replica group's; asked where the owner of a user is away or behind.
    """

    ingest: str = "127.0.0.1:50051"
    feeds: str = "127.0.0.1:50052"
    feeds_replica: str = ""
    search: str = "127.0.0.1:50053"
    tls_ca: Path | None = None


class Settings(BaseSettings):
    """Everything. data_dir: keys, cursors and embedded servers live there. instance: this member's stable name, e.g. `feeds-0`.

    service_token: the JWT this service shows to others. Read it with `settings_loading.load_settings`.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=DELIMITER,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    kafka: KafkaSettings = KafkaSettings()
    elasticsearch: ElasticsearchSettings = ElasticsearchSettings()
    auth: AuthSettings = AuthSettings()
    grpc: GrpcSettings = GrpcSettings()
    http: HttpSettings = HttpSettings()
    fetch: FetchSettings = FetchSettings()
    ops: OpsSettings = OpsSettings()
    ingest: IngestSettings = IngestSettings()
    feeds: FeedsSettings = FeedsSettings()
    watch: WatchSettings = WatchSettings()
    search: SearchSettings = SearchSettings()
    peers: PeerSettings = PeerSettings()
    data_dir: Path = Path(".sluice")
    sources_file: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"
    instance: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,120}$")
    service_token: SecretStr | None = None
    service_token_file: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: Any) -> Any:
        return _secrets_from_files(values, cls.model_fields)
