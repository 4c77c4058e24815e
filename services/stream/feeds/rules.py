"""Which candidates one page shows: the relations of its reader, the filter she asked for, what she has read."""

from collections.abc import Callable

from sluice.activity.v1 import activity_pb2 as pb

from services.contracts.feed_filter import NO_FILTER, FeedFilter, passes
from services.contracts.matching import Facts, matcher
from services.contracts.muted_words import speaks_of
from services.contracts.relations import PersonRelations
from services.stream.feeds.user_marks import UserMarks


class Rules:
    """All that decides. show(facts): whether an activity is in the page's feed as far as facts tell; muted words need its body."""

    __slots__ = ("marks", "relations", "show", "wanted")

    def __init__(
        self,
        relations: PersonRelations,
        wanted: FeedFilter,
        marks: UserMarks,
        is_match: Callable[[Facts], bool] | None = None,
    ) -> None:
        """Put it together. marks: hers; is_match: what the feed is before it is narrowed; None for home."""
        self.relations = relations
        self.wanted = wanted
        self.marks = marks
        # Asked of every candidate of every page, so without a look at a filter that isn't there.
        is_plain = wanted is NO_FILTER or not (wanted.narrows or wanted.unread_only)
        self.show: Callable[[Facts], bool] = is_match or matcher(relations)
        if not is_plain:
            self.show = _narrowed(self.show, wanted, marks)

    def silence(self, facts: Facts, body: bytes) -> bool:
        """Return whether an activity stays out for its words. Her own never does."""
        relations = self.relations
        if not relations.words or facts.actor == relations.user or facts.actor in relations.accounts:
            return False
        message = pb.Activity.FromString(body)
        return speaks_of(relations.words, message.text, message.tags)


def _narrowed(is_match: Callable[[Facts], bool], wanted: FeedFilter, marks: UserMarks) -> Callable[[Facts], bool]:
    def show(facts: Facts) -> bool:
        return is_match(facts) and passes(wanted, facts) and not (wanted.unread_only and marks.is_read(facts))

    return show
