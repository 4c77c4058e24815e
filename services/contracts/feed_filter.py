"""What narrows a feed: one pure function decides, for timelines in memory and for history alike."""

from dataclasses import dataclass

from services.contracts.activity import Scope
from services.contracts.matching import Facts

TAG = "tag:"


@dataclass(frozen=True, slots=True)
class FeedFilter:
    """Which entries of a feed are wanted: alternatives within a field, fields add up, empty fields don't count.

    channels, actors: entity names. tags: without #, lower case. languages: as refined, ISO 639-1. unread_only is about the reader's
    marks, not about an activity: `passes` doesn't look at it.
    """

    source_kinds: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    scopes: tuple[Scope, ...] = ()
    languages: tuple[str, ...] = ()
    unread_only: bool = False

    @property
    def narrows(self) -> bool:
        """Whether there is an activity that doesn't pass."""
        return any((self.source_kinds, self.channels, self.tags, self.actors, self.scopes, self.languages))

    @property
    def tag_names(self) -> tuple[str, ...]:
        """The tags as entity names, as targets have them."""
        return tuple(f"{TAG}{tag}" for tag in self.tags)


#: Lets everything pass.
NO_FILTER = FeedFilter()


def passes(wanted: FeedFilter, facts: Facts) -> bool:
    """Return whether an activity is wanted. Tags and channels are looked for among its targets, as follows are."""
    return (
        (not wanted.source_kinds or facts.source_kind in wanted.source_kinds)
        and (not wanted.languages or facts.language in wanted.languages)
        and (not wanted.scopes or facts.audience.scope in wanted.scopes)
        and (not wanted.actors or facts.actor in wanted.actors)
        and (not wanted.channels or any(name in facts.targets for name in wanted.channels))
        and (not wanted.tags or any(name in facts.targets for name in wanted.tag_names))
    )
