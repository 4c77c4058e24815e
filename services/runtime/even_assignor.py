"""Faust's assignor with even shares."""

from typing import Any

from faust.assignor.client_assignment import ClientAssignment

from services.runtime.even_shares import even_shares
from services.runtime.member_address import MovedMemberAssignor


class EvenAssignor(MovedMemberAssignor):
    """Gives partitions out as `even_shares` does; topics with the same partitions and the same members go together.

    Faust fills members up to the share rounded up, and the last ones may go without: a fifth member of twelve partitions gets none. What
    members tell each other stays as Faust has it, so that they work with members that have its assignor. Apps with tables keep that, too.
    """

    def _perform_assignment(self, cluster: Any, member_metadata: Any) -> Any:
        if self._table_manager.changelog_topics:
            # Where a table's standby is matters more.
            return super()._perform_assignment(cluster, member_metadata)
        clients = {member: self._get_client_metadata(metadata) for member, metadata in member_metadata.items()}
        subscriptions = {member: list(metadata.subscription) for member, metadata in member_metadata.items()}
        self._update_member_urls(clients)
        assignments = {member: ClientAssignment(actives={}, standbys={}) for member in clients}
        topics = {topic for subscribed in subscriptions.values() for topic in subscribed}
        together = self._get_copartitioned_groups(topics, cluster, subscriptions)
        numbers: dict[str, int] = {}
        for number, (partitions, groups) in enumerate(sorted(together.items())):
            for group in groups:
                members = [member for member, subscribed in subscriptions.items() if group <= set(subscribed)]
                held = {member: clients[member].assignment.copartitioned_assignment(group).actives for member in members}
                for member, share in even_shares(partitions, held).items():
                    assignments[member].actives.update(dict.fromkeys(sorted(group), share))
                numbers.update(dict.fromkeys(group, number))
        distribution = self._get_external_topic_distribution(assignments)
        return self._protocol_assignments(assignments, self._get_changelog_distribution(assignments), distribution, numbers)
