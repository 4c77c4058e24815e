"""What people may do to each other, and whose an account turns out to be."""

from hypothesis import strategies as st

from services.contracts.relation_codec import MarkerKind
from services.contracts.relations import RelationKind
from tests.unit.stream.feeds import drawn
from tests.unit.stream.feeds.people import USERS
from tests.unit.stream.feeds.writing import Writing

SINGLE = [MarkerKind.SAVED, MarkerKind.READ, MarkerKind.SEEN, MarkerKind.DONE]
UP_TO = [MarkerKind.HOME_READ_UP_TO, MarkerKind.HOME_SEEN_UP_TO]


class Relating(Writing):
    """Happenings in a house, each with the strategies of its arguments in RELATING.

    What is there is taken back and what isn't is made, unless it is done `again`: then the same is said once more.
    """

    def follow(self, user, name, again):
        """Follow or unfollow."""
        self.house.follow(user, name, present=self.edges_of(user).follows.isdisjoint(self.names_of(name)) is not again)

    def mute(self, user, name, again):
        """Mute or unmute a person, a group, a tag, a channel."""
        self.house.mute(user, name, present=self.edges_of(user).mutes.isdisjoint(self.names_of(name)) is not again)

    def mute_word(self, user, word, again):
        """Mute or unmute a word."""
        self.house.mute_word(user, word, present=(word not in self.edges_of(user).words) is not again)

    def block(self, user, name, again):
        """Block or unblock; nobody blocks herself."""
        if user not in self.names_of(name):
            self.house.block(user, name, present=self.edges_of(user).blocks.isdisjoint(self.names_of(name)) is not again)

    def belong(self, user, group, again):
        """Join or leave."""
        self.house.join(user, group, present=(group not in self.edges_of(user).groups) is not again)

    def ask_to_follow(self, user, name, present):
        """Somebody who approves of her followers: until she does, nothing is shown."""
        self.house.ask_to_follow(user, name, present=present)

    def link(self, account, person):
        """An account is somebody's, or nobody's any more."""
        self.house.link(account, person)

    def mark(self, user, which, kind, again):
        """Mark as saved, read, seen or done, or take it back."""
        if self.house.ids:
            activity_id, edges = self.chosen(which).id, self.edges_of(user)
            marked = getattr(edges, kind.name.lower())
            self.house.mark(user, kind, activity_id, present=(activity_id not in marked) is not again)

    def mark_unread(self, user, which):
        """Say that something is unread, which it may be by itself or not."""
        if self.house.ids:
            self.house.mark(user, MarkerKind.READ, self.chosen(which).id, present=False)

    def mark_up_to(self, user, which, kind):
        """Mark the home feed as read or seen up to an activity, or to where it once stood."""
        if self.house.ids:
            activity = self.chosen(which)
            self.house.mark_up_to(user, kind, (activity.sort_time_ms, activity.id))

    def follow_while_moving(self, user, name, worker):
        """The owner goes away after the record was written: the next one derives what it has not."""
        self.house.relate(user, RelationKind.FOLLOWS, name, present=name not in self.edges_of(user).follows)
        partition = self.house.owner_of(user).state.partition_of(user)
        self.house.move(partition, worker)
        self.house.follow_relations(partition)

    def edges_of(self, user):
        """Return what the reference knows of a user."""
        return self.house.society.edges[user]

    def names_of(self, name):
        """Return all names of whoever has this one."""
        return self.house.society.names_of(name)


_again = {"again": drawn.seldom}
_edge = {"user": drawn.users, "name": drawn.followable}
_marked = {"user": drawn.users, "which": drawn.places_in_log}
_of_people = {"user": drawn.people, "name": drawn.people}

#: Name of the happening → strategies of its arguments.
RELATING = [
    ("follow", _edge | _again),
    ("follow", _edge | _again),
    ("follow", _edge | _again),
    ("mute", _edge | _again),
    ("mute_word", {"user": drawn.users, "word": drawn.words} | _again),
    ("block", _of_people | _again),
    ("belong", {"user": drawn.users, "group": drawn.groups} | _again),
    ("ask_to_follow", _of_people | {"user": drawn.users, "present": st.booleans()}),
    ("link", {"account": drawn.accounts, "person": st.sampled_from([*USERS, None])}),
    ("mark", _marked | {"kind": st.sampled_from(SINGLE)} | _again),
    ("mark_unread", _marked),
    ("mark_up_to", _marked | {"kind": st.sampled_from(UP_TO)}),
    ("follow_while_moving", _edge | {"worker": st.integers(0, 1)}),
]
