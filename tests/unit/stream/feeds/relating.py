"""What people may do to each other, and whose an account turns out to be."""

from hypothesis import strategies as st

from services.contracts.relation_codec import MarkerKind
from services.contracts.relations import RelationKind
from tests.unit.stream.feeds import drawn
from tests.unit.stream.feeds.people import USERS
from tests.unit.stream.feeds.writing import Writing


class Relating(Writing):
    """Happenings in a house, each with the strategies of its arguments in RELATING."""

    def follow(self, user, name, present):
        """Follow or unfollow."""
        self.house.follow(user, name, present=present)

    def mute(self, user, name, present):
        """Mute or unmute a person, a group, a tag, a channel."""
        self.house.mute(user, name, present=present)

    def mute_word(self, user, word, present):
        """Mute or unmute a word."""
        self.house.mute_word(user, word, present=present)

    def block(self, user, name, present):
        """Block or unblock; nobody blocks herself."""
        if name not in self.house.society.names_of(user):
            self.house.block(user, name, present=present)

    def belong(self, user, group, present):
        """Join or leave."""
        self.house.join(user, group, present=present)

    def ask_to_follow(self, user, name, present):
        """Somebody who approves of her followers: until she does, nothing is shown."""
        self.house.ask_to_follow(user, name, present=present)

    def link(self, account, person):
        """An account is somebody's, or nobody's any more."""
        self.house.link(account, person)

    def mark(self, user, which, kind, present):
        """Mark as saved or read, or take it back."""
        if self.house.ids:
            self.house.mark(user, kind, self.chosen(which).id, present=present)

    def follow_while_moving(self, user, name, worker, present):
        """The owner goes away after the record was written: the next one derives what it has not."""
        self.house.relate(user, RelationKind.FOLLOWS, name, present=present)
        partition = self.house.owner_of(user).state.partition_of(user)
        self.house.move(partition, worker)
        self.house.follow_relations(partition)


_edge = {"user": drawn.users, "name": drawn.followable, "present": drawn.present}
_of_people = {"user": drawn.people, "name": drawn.people, "present": drawn.present}

#: Name of the happening → strategies of its arguments.
RELATING = [
    ("follow", _edge),
    ("follow", _edge),
    ("mute", _edge),
    ("mute_word", {"user": drawn.users, "word": drawn.words, "present": drawn.present}),
    ("block", _of_people),
    ("belong", {"user": drawn.users, "group": drawn.groups, "present": drawn.present}),
    ("ask_to_follow", _of_people | {"user": drawn.users}),
    ("link", {"account": drawn.accounts, "person": st.sampled_from([*USERS, None])}),
    (
        "mark",
        {"user": drawn.users, "which": drawn.places_in_log, "kind": st.sampled_from(MarkerKind), "present": drawn.present},
    ),
    ("follow_while_moving", _edge | {"worker": st.integers(0, 1)}),
]
