"""The shape of a source: one module a channel, which fetches or receives, verifies and maps. Accepting is not its work.

A connector's `map_payload` is pure: whatever the channel sends or its API returns (an event, an envelope, a page, a feed) goes in as
bytes, activities and rejections come out. `run` fetches or streams and hands what was mapped to `deliver`, together with the
cursor that is true once Kafka has acknowledged all of it.
"""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from services.contracts.activity import Activity, Audience, Scope

Cursor = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """One configured source, an entry of the sources file.

    id: unique here, names the channel `channel:<id>`. kind: the connector. url: where it fetches from (empty for receivers).
    instance: tells installations of one kind apart; default: the URL's host. audience: who reads what carries none of its own.
    company_ids: the source's person ids are the company directory's, so its people are `person:<native id>`; otherwise they are
    `person:<kind>:<instance>:<native id>`. interval_s: seconds between polls. secret: token or signing secret, never logged.
    options: the connector's own.
    """

    id: str
    kind: str
    url: str = ""
    instance: str = ""
    audience: Audience = field(default_factory=lambda: Audience(Scope.PUBLIC))
    company_ids: bool = False
    interval_s: float = 60.0
    secret: str = field(default="", repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def channel(self) -> str:
        """The followable entity name of this source."""
        return f"channel:{self.id}"

    def person(self, native_id: str) -> str:
        """Return the entity name of one of the source's people."""
        return f"person:{native_id}" if self.company_ids else f"person:{self.kind}:{self.instance}:{native_id}"

    def group(self, native_id: str) -> str:
        """Return the entity name of one of the source's groups or communities."""
        return f"group:{native_id}" if self.company_ids else f"group:{self.kind}:{self.instance}:{native_id}"


@dataclass(frozen=True, slots=True)
class Rejection:
    """Something that could not be mapped or accepted. reason: a stable code; detail: a sentence without content; payload: its bytes.

    field: the path of the field at fault in the activity, where there is one.
    """

    reason: str
    detail: str
    native_id: str = ""
    payload: bytes = field(default=b"", repr=False)
    field: str = ""


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a payload means, in its order."""

    activities: tuple[Activity, ...] = ()
    rejections: tuple[Rejection, ...] = ()


class MalformedPayload(ValueError):
    """The payload as a whole can't be read. The text names the place, never content; `reason` is a stable code."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Deliver(Protocol):
    """Accept and publish what was mapped; return when Kafka has acknowledged all of it and the cursor is stored."""

    def __call__(self, mapped: Mapped, cursor: Cursor) -> Awaitable[None]:
        """Deliver mapped, then remember cursor. Raises when Kafka is away; the connector backs off and fetches again."""


class Connector(Protocol):
    """One kind of channel."""

    kind: str

    def map_payload(self, payload: bytes, config: SourceConfig, *, content_type: str = "") -> Mapped:
        """Map whatever the channel sends or its API returns. Pure. Raises MalformedPayload when nothing of it can be read."""


class FetchingConnector(Connector, Protocol):
    """A channel that is polled or streamed from."""

    async def run(self, config: SourceConfig, cursor: Cursor, deliver: Deliver, http: Any) -> None:
        """Fetch from cursor on, for ever, until cancelled. http: the guarded client. Raises on what a restart may mend."""


class ReceivingConnector(Connector, Protocol):
    """A channel that posts to us."""

    def verify(self, headers: Mapping[str, str], body: bytes, config: SourceConfig, *, now_s: float) -> None:
        """Check signature and replay window over the raw body, before anything is parsed. Raises SignatureInvalid."""


class SignatureInvalid(Exception):
    """The sender can't show that it knows the secret, or the message is too old to be trusted."""
