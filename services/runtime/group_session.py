"""How soon a consumer group finds out that a member is gone."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GroupSession:
    """timeout_s: a member that says nothing for so long is dead, and others get its partitions.

    heartbeat_s: how often a member says that it is alive, and hears that others come or go. Raises ValueError where two lost heartbeats
    would end the session.
    """

    timeout_s: float = 8.0
    heartbeat_s: float = 1.0

    def __post_init__(self) -> None:
        if self.heartbeat_s * 3 > self.timeout_s:
            raise ValueError(
                "heartbeat_interval_s is more than a third of session_timeout_s: two that are lost would end a session"
            )
