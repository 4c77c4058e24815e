"""What goes along when a worker passes a call on, and what its failures mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from services.contracts.errors import ServiceUnavailable

_HOPS = "sluice-hops"
_OTHER_GROUP = "sluice-other-group"
# Two: while partitions move, the first owner that is asked may have lost them a moment ago.
_MOST_HOPS = 2
_SECONDS = 10.0
_KEPT = frozenset({"authorization", "x-request-id"})
_AWAY = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED})


class OwnerAway(ServiceUnavailable):
    """The worker that owns the user is away, behind, or another one in a moment. Trying again makes sense."""

    reason = "OWNER_UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class Passage:
    """A call on its way. metadata: what is kept of its own. hops: how often it was passed on. crossed: to the other group, once."""

    metadata: Mapping[str, str | bytes]
    hops: int = 0
    crossed: bool = False
    seconds: float = _SECONDS

    @classmethod
    def of(cls, context: Any) -> "Passage":
        """Read what a call carries. Anybody can write that: hops that no worker of ours writes count as too many."""
        metadata = dict(context.invocation_metadata() or ())
        kept = {key: metadata[key] for key in _KEPT & metadata.keys()}
        said = metadata.get(_HOPS, "0")
        hops = int(said) if said in {str(hops) for hops in range(_MOST_HOPS)} else _MOST_HOPS
        remaining = context.time_remaining()
        return cls(kept, hops, _OTHER_GROUP in metadata, _SECONDS if remaining is None else min(remaining, _SECONDS))

    @property
    def first(self) -> bool:
        """Whether a client has just made the call: only then is it tried again, and elsewhere."""
        return self.hops == 0 and not self.crossed

    @property
    def may_go_on(self) -> bool:
        """Whether it may be passed on once more."""
        return self.hops < _MOST_HOPS

    def next(self) -> tuple[tuple[str, str | bytes], ...]:
        """Return the metadata for the owner in this group."""
        mark = {_OTHER_GROUP: "1"} if self.crossed else {}
        return tuple((dict(self.metadata) | mark | {_HOPS: str(self.hops + 1)}).items())

    def crossing(self) -> tuple[tuple[str, str | bytes], ...]:
        """Return the metadata for the other group, which must not send it back."""
        return tuple((dict(self.metadata) | {_OTHER_GROUP: "1"}).items())


def is_away(error: grpc.aio.AioRpcError) -> bool:
    """Return whether a call failed because of who was asked: nobody there, too slow, or not the owner. Its own trouble isn't that."""
    if error.code() not in _AWAY:
        return False
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    reasons = [info.reason for detail in (status.details if status else ()) if detail.Unpack(info)]
    return not reasons or OwnerAway.reason in reasons
