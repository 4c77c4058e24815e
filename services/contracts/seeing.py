"""What somebody sees who asks for it by name: one pure function decides, for outboxes and threads alike."""

from collections.abc import Callable

from services.contracts.matching import HOME_VERBS, Facts, may_read
from services.contracts.relations import PersonRelations


def may_see(relations: PersonRelations) -> Callable[[Facts], bool]:
    """Return whether a reader sees an activity that she asks for: the gate of `matches`, without what chooses a home feed.

    It isn't deleted, has a verb of the home feed, is for her to read, and neither has she blocked its actor nor the actor her; what
    she did herself, under any of her accounts, she sees always. Follows don't count: she asks. Mutes don't either: they keep
    things from coming by themselves. `matches` implies it.
    """
    user, employee, groups, accounts = relations.user, relations.employee, relations.groups, relations.accounts
    hidden = relations.blocks | relations.blocked_by

    def is_seen(facts: Facts) -> bool:
        if facts.deleted or facts.verb not in HOME_VERBS:
            return False
        if not may_read(user, employee=employee, groups=groups, audience=facts.audience):
            return False
        return facts.actor not in hidden or facts.actor == user or facts.actor in accounts

    return is_seen
