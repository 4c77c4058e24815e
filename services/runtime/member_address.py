"""Static members that come back under another address, while the group still knows the old one."""

from types import SimpleNamespace
from typing import Any

import structlog
from faust.assignor.client_assignment import ClientMetadata
from faust.assignor.partition_assignor import PartitionAssignor

log = structlog.get_logger()


class MovedMemberAssignor(PartitionAssignor):
    """Faust's assignor, for members that may have moved.

    Apache Kafka gives a static member that returns within its session the assignment that it had, made with the address it had then.
    Faust asserts that the address is its own, and aiokafka ends the group membership over that, for good: the worker would run and
    never get a partition. Here the assignment is taken under the member's own address, and the group is joined once more, which
    makes the leader tell everybody: a leader that joins again, or a member with other metadata, begins a new generation.
    """

    def on_assignment(self, assignment: Any) -> None:
        """Take an assignment; called in the consumer's thread."""
        given = ClientMetadata.loads(self._decompress(assignment.user_data))
        known, own = given.url, str(self._url)
        if known == own:
            super().on_assignment(assignment)
            return
        given.url = own
        for distribution in (given.changelog_distribution, given.external_topic_distribution):
            if known in distribution:
                distribution[own] = distribution.pop(known)
        super().on_assignment(SimpleNamespace(assignment=assignment.assignment, user_data=self._compress(given.dumps())))
        log.info("joining again under another address", known=known, own=own)
        self.app.consumer.join_again()
