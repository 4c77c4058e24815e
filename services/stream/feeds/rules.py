"""Which candidates one page shows: the relations of its reader, the filter she asked for, what she has read."""

from collections.abc import Collection
from typing import NamedTuple

from sluice.activity.v1 import activity_pb2 as pb

from services.contracts.feed_filter import FeedFilter, passes
from services.contracts.matching import Facts, matches
from services.contracts.muted_words import speaks_of
from services.contracts.relations import PersonRelations


class Rules(NamedTuple):
    """All that decides. read: ids of the activities that she has read; looked at only where unread ones are wanted."""

    relations: PersonRelations
    wanted: FeedFilter
    read: Collection[str]

    def show(self, facts: Facts) -> bool:
        """Return whether an activity is in the page's feed as far as facts tell; muted words need its body, see silence."""
        if not matches(self.relations, facts):
            return False
        wanted = self.wanted
        return (not wanted.narrows or passes(wanted, facts)) and not (wanted.unread_only and facts.id in self.read)

    def silence(self, facts: Facts, body: bytes) -> bool:
        """Return whether an activity stays out for its words. Her own never does."""
        relations = self.relations
        if not relations.words or facts.actor == relations.user or facts.actor in relations.accounts:
            return False
        message = pb.Activity.FromString(body)
        return speaks_of(relations.words, message.text, message.tags)
