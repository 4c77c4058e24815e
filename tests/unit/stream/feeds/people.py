"""What people do to each other, as records of the relation topics and, beside them, as the reference's plain sets."""

from collections.abc import Callable

from services.contracts.marked_places import marked_place
from services.contracts.partitions import partition_of
from services.contracts.relation_codec import Identity, Marker, MarkerKind, identity_to_bytes, marker_to_bytes, relation_to_bytes
from services.contracts.relations import WORD, Relation, RelationKind
from services.contracts.topics import IDENTITIES, MARKERS, RELATIONS
from services.runtime.records import TopicPartition
from services.stream.feeds.mark_edits import MarkEdit, marked_again, marked_up_to
from services.stream.feeds.user_marks import UserMarks
from tests.unit.stream.feeds.feeds_worker import Worker
from tests.unit.stream.feeds.reference import Society
from tests.unit.stream.feeds.relation_log import RelationLog

#: Of the relation topics. Each of USERS has one of its own.
PARTITIONS = 3
USERS = ["person:a", "person:b", "person:h"]
ACCOUNTS = ["person:a@y", "person:b@x"]
GROUPS = ["group:g", "group:h"]
#: Kind → the reference's set.
SETS = {
    RelationKind.FOLLOWS: "follows",
    RelationKind.MEMBER_OF: "groups",
    RelationKind.MUTES: "mutes",
    RelationKind.BLOCKS: "blocks",
}


class People:
    """Every call returns when the change is in force, as those of RelationService do; follow_partition and settle_relations see to it."""

    def __init__(self) -> None:
        self.relations = RelationLog()
        self.society = Society()

    def relate(self, subject: str, kind: RelationKind, obj: str, *, present: bool = True) -> None:
        """Make an edge or take it back, under the very name that is given."""
        relation = Relation(subject, kind, obj)
        if names := getattr(self.society.edges[subject], SETS.get(kind, ""), None):
            names.discard(obj)
        if present and kind in SETS:
            getattr(self.society.edges[subject], SETS[kind]).add(obj)
        partition = partition_of(subject, PARTITIONS)
        self.relations.append(RELATIONS.name, partition, relation.key, relation_to_bytes(relation) if present else None)

    def follow(self, user: str, name: str, *, present: bool = True) -> None:
        """Follow or unfollow: the latter under all names of a person."""
        self._change(user, RelationKind.FOLLOWS, name, present=present)

    def join(self, user: str, group: str, *, present: bool = True) -> None:
        """Join or leave."""
        self._change(user, RelationKind.MEMBER_OF, group, present=present)

    def mute(self, user: str, name: str, *, present: bool = True) -> None:
        """Mute or unmute."""
        self._change(user, RelationKind.MUTES, name, present=present)

    def ask_to_follow(self, user: str, name: str, *, present: bool = True) -> None:
        """Ask somebody who approves of her followers; a question shows nothing."""
        self._change(user, RelationKind.REQUESTS, name, present=present)

    def block(self, user: str, name: str, *, present: bool = True) -> None:
        """Block or unblock; both sides see it when this returns. An account is blocked together with its person, if that is known."""
        if present:
            self.relate(user, RelationKind.BLOCKS, self.society.accounts.get(name, name))
        self._change(user, RelationKind.BLOCKS, name, present=present)
        self.settle_relations()

    def mute_word(self, user: str, word: str, *, present: bool = True) -> None:
        """Mute or unmute a word. word: letters and spaces, lower case."""
        words = self.society.edges[user].words
        (words.add if present else words.discard)(word)
        relation = Relation(user, RelationKind.MUTES, WORD + word)
        partition = partition_of(user, PARTITIONS)
        self.relations.append(RELATIONS.name, partition, relation.key, relation_to_bytes(relation) if present else None)
        self.follow_relations(partition)

    def mark(self, user: str, kind: MarkerKind, activity_id: str, *, present: bool = True) -> None:
        """Mark an activity as saved, read, seen or done, or take it back."""
        self.society.edges[user].mark(kind.name, activity_id, present=present)
        self._write_marks(user, lambda marks: marked_again(marks, kind, (activity_id,), taken_back=not present))

    def mark_up_to(self, user: str, kind: MarkerKind, place: tuple[int, str]) -> None:
        """Mark the home feed as read or seen up to a place."""
        self.society.edges[user].mark_up_to(kind.name, place)
        self._write_marks(user, lambda marks: marked_up_to(marks, kind, marked_place(*place)))

    def _write_marks(self, user: str, decide: Callable[[UserMarks], MarkEdit]) -> None:
        tp = TopicPartition(MARKERS.name, partition_of(user, PARTITIONS))
        # Who writes has applied what her user wrote before.
        self.follow_partition(tp)
        edit = decide(self.owner_of(user).state.marks(user))
        for kind, name in edit.made:
            marker = Marker(user, kind, name, self.relations.now_ms)
            self.relations.append(*tp, marker.key, marker_to_bytes(marker))
        for kind, name in edit.taken_back:
            self.relations.append(*tp, Marker(user, kind, name).key, None)
        self.follow_partition(tp)

    def link(self, account: str, person: str | None) -> None:
        """Say whose an account is; None: nobody's. Workers hear of it when they follow_identities."""
        self.society.accounts.pop(account, None)
        if person is not None:
            self.society.accounts[account] = person
        value = None if person is None else identity_to_bytes(Identity(account, person))
        self.relations.append(IDENTITIES.name, 0, account.encode(), value)

    def _change(self, subject: str, kind: RelationKind, name: str, *, present: bool) -> None:
        if present:
            self.relate(subject, kind, name)
        else:
            there = getattr(self.society.edges[subject], SETS.get(kind, ""), set()) & self.society.names_of(name)
            for each in sorted({name, *there}):
                self.relate(subject, kind, each, present=False)
        self.follow_relations(partition_of(subject, PARTITIONS))

    def follow_relations(self, partition: int) -> None:
        """Let the owner of a partition apply what its users did."""
        self.follow_partition(TopicPartition(RELATIONS.name, partition))

    def follow_partition(self, tp: TopicPartition) -> None:
        """Let the owner of a partition apply what it has not."""
        raise NotImplementedError

    def settle_relations(self) -> None:
        """Let all owners apply everything, and whatever comes of that."""
        raise NotImplementedError

    def owner_of(self, user: str) -> Worker:
        """Return the worker that answers for a user."""
        raise NotImplementedError
