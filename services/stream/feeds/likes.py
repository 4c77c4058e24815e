"""Which activities the active readers like: loaded when a reader becomes active, then kept by the broadcast."""

from collections.abc import Iterable, Iterator, Mapping

from services.contracts.activity import Audience, Verb
from services.contracts.matching import Facts, may_read
from services.contracts.relations import PersonRelations

#: The object's activity id → the likes of it that stand, by their ids, with their audiences.
LikedBy = Mapping[str, Mapping[str, Audience]]


class Likes:
    """The likes of every active reader. A like is itself an activity, with an audience."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, dict[str, Audience]]] = {}
        # A delete names only the like's id, so what it takes back is looked up here.
        self._object: dict[str, tuple[str, str]] = {}

    def open(self, reader: str, likes: Iterable[Facts]) -> None:
        """Begin to keep a reader's likes. likes: those that stand."""
        self.close(reader)
        self._of[reader] = {}
        for facts in likes:
            self.apply(facts)

    def close(self, reader: str) -> None:
        """Forget a reader's likes."""
        for standing in self._of.pop(reader, {}).values():
            for like in standing:
                del self._object[like]

    def apply(self, facts: Facts) -> None:
        """Take an activity of any verb. The same again changes nothing."""
        if facts.id in self._object:
            reader, liked = self._object.pop(facts.id)
            standing = self._of[reader][liked]
            del standing[facts.id]
            if not standing:
                del self._of[reader][liked]
        if facts.verb is Verb.LIKE and not facts.deleted and facts.object_activity_id and facts.actor in self._of:
            self._of[facts.actor].setdefault(facts.object_activity_id, {})[facts.id] = facts.audience
            self._object[facts.id] = (facts.actor, facts.object_activity_id)

    def changed_by(self, facts: Facts) -> Iterator[tuple[str, str]]:
        """Yield whose likes of what `apply` of an activity would change, (reader, activity id)."""
        if facts.id in self._object:
            yield self._object[facts.id]
        if facts.verb is Verb.LIKE and facts.object_activity_id and facts.actor in self._of:
            yield facts.actor, facts.object_activity_id

    def of(self, reader: str) -> LikedBy:
        """Return a reader's likes as they are kept; nothing changes in it any more once she is closed."""
        return self._of.get(reader, {})


def likes(relations: PersonRelations, liked: LikedBy, activity_id: str) -> bool:
    """Return whether a reader likes an activity, by a like that she may read. liked: her likes."""
    return any(
        may_read(relations.user, employee=relations.employee, groups=relations.groups, audience=audience)
        for audience in liked.get(activity_id, {}).values()
    )
