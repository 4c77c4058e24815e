"""How much one user may have of everything."""

from collections.abc import Collection, Mapping

from services.contracts.errors import SluiceError
from services.contracts.relations import WORD, Relation, RelationKind

# What one history query takes, see ListHistoryRequest, with room for people who have several accounts.
_EDGES = {
    RelationKind.FOLLOWS: 20_000,
    RelationKind.MEMBER_OF: 10_000,
    RelationKind.MUTES: 10_000,
    RelationKind.BLOCKS: 10_000,
    RelationKind.REQUESTS: 1_000,
}
_WORDS = 1_000
_MARKS = 100_000
_ACCOUNTS = 100


class LimitReached(SluiceError):
    """A user has as many of these as anybody may have; one must be taken back first. Waiting doesn't help."""

    status = "RESOURCE_EXHAUSTED"
    reason = "LIMIT_REACHED"

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(f"one user has at most {limit} {what}", metadata={"limit": str(limit), "what": what})


def check_edge(relation: Relation, objects: Mapping[str, int]) -> None:
    """Raise LimitReached when a new edge would be too many. objects: those its subject has of its kind."""
    if relation.object in objects:
        return
    what, limit, count = _NAMES[relation.kind], _EDGES[relation.kind], len(objects)
    if relation.kind is RelationKind.MUTES:
        words = sum(name.startswith(WORD) for name in objects)
        if relation.object.startswith(WORD):
            what, limit, count = "muted words", _WORDS, words
        else:
            count -= words
    if count >= limit:
        raise LimitReached(what, limit)


def check_marks(marked: Collection[str], added: Collection[str]) -> None:
    """Raise LimitReached when new marks would be too many. marked: the ids that have the mark; added: those that shall have it."""
    if len(marked) + sum(activity_id not in marked for activity_id in set(added)) > _MARKS:
        raise LimitReached("marks of a kind", _MARKS)


def check_accounts(accounts: Collection[str], added: str) -> None:
    """Raise LimitReached when a person would have too many accounts."""
    if added not in accounts and len(accounts) >= _ACCOUNTS:
        raise LimitReached("accounts", _ACCOUNTS)


_NAMES = {
    RelationKind.FOLLOWS: "follows",
    RelationKind.MEMBER_OF: "groups",
    RelationKind.MUTES: "mutes",
    RelationKind.BLOCKS: "blocks",
    RelationKind.REQUESTS: "open requests",
}
