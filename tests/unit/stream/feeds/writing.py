"""What may come through the refined activities: posts, edits, deletes, repetitions, in any order of time."""

from dataclasses import replace

from hypothesis import strategies as st

from services.contracts.activity import Activity, Entity, Verb
from tests.unit.stream.feeds import drawn
from tests.unit.stream.feeds.house import House


class Writing:
    """Happenings in a house, each with the strategies of its arguments in WRITING."""

    house: House

    def chosen(self, which: int) -> Activity:
        """Return an activity as it is now. which: counted from the latest; something must have been written."""
        ids = self.house.ids
        return self.house.latest[ids[-1 - which % len(ids)]]

    def text(self, phrase: str) -> str:
        """Return a text that no other version has."""
        return f"{phrase} v{sum(map(len, self.house.logs))}"

    def post(self, actor, time, phrase, **fields):
        """Somebody says something."""
        self.house.post(actor, time, text=self.text(phrase), **fields)

    def share(self, actor, time, target, verb):
        """Somebody puts something to a group; some verbs fill no feed."""
        self.house.post(actor, time, verb=verb, target=Entity(target), text=self.text(""))

    def post_many(self, actor, tag, first, down):
        """An archive, oldest or newest first, larger than a timeline."""
        for number in range(8):
            self.house.post(actor, first + (8 - number if down else number), tags=(tag,), text="many")

    def edit(self, which, what, actor, phrase, **changes):
        """One thing about an activity changes."""
        if self.house.ids and not (old := self.chosen(which)).deleted:
            changes |= {"text": self.text(phrase), "actor": Entity(actor)}
            self.house.edit(old, **{what: changes[what]})

    def delete(self, which):
        """An activity is taken back."""
        if self.house.ids:
            self.house.delete(self.chosen(which))

    def delete_before_create(self, time):
        """All that is ever heard of it."""
        self.house.delete(self.house.new("person:b", sort_time_ms=time))

    def come_back(self, which, actor, audience, time):
        """The last record wins, also one that brings a deleted activity back under another time."""
        if self.house.ids and (old := self.chosen(which)).deleted:
            fields = {"actor": Entity(actor), "audience": audience, "sort_time_ms": time, "text": self.text("back")}
            self.house.append(replace(old, deleted=False, verb=Verb.POST, **fields))

    def duplicate(self, which):
        """The last state of an activity once more."""
        if self.house.ids:
            self.house.append(self.chosen(which))

    def replay_everything(self):
        """The whole input twice, as one writer would write it again: the last state of each."""
        for activity in list(self.house.latest.values()):
            self.house.append(activity)

    def comment(self, which, about, actor, audience, time):
        """Somebody answers something, and may say what all of it is about."""
        if self.house.ids:
            self.house.comment(actor, self.chosen(which).id, self.chosen(about).id if about else "", audience=audience, time=time)

    def like(self, which, actor, audience, time):
        """Somebody likes something, which is an activity with an audience of its own."""
        if self.house.ids:
            self.house.like(actor, self.chosen(which).id, audience=audience, sort_time_ms=time)


_posted = {
    "actor": drawn.actors,
    "time": drawn.times,
    "phrase": drawn.phrases,
    "audience": drawn.audiences,
    "tags": drawn.tags,
    "channel": st.sampled_from(["", "", *drawn.CHANNELS]),
    "kind": drawn.kinds,
    "language": drawn.languages,
}
_edited = {
    "which": drawn.places_in_log,
    "what": st.sampled_from(["tags", "audience", "text", "actor", "language"]),
    "actor": drawn.actors,
    "phrase": drawn.phrases,
    "audience": drawn.audiences,
    "tags": drawn.tags,
    "language": drawn.languages,
}
_shared = {"actor": drawn.actors, "time": drawn.times, "target": drawn.groups, "verb": st.sampled_from([Verb.SHARE, Verb.JOIN])}
_done_again = {"which": drawn.places_in_log, "actor": drawn.actors, "audience": drawn.audiences, "time": drawn.times}
_archive = {"actor": drawn.actors, "tag": st.sampled_from(drawn.TAGS), "first": drawn.times, "down": st.booleans()}
_which = {"which": drawn.places_in_log}

#: Name of the happening → strategies of its arguments.
WRITING = [
    ("post", _posted),
    ("post", _posted),
    ("share", _shared),
    ("post_many", _archive),
    ("edit", _edited),
    ("edit", _edited),
    ("delete", _which),
    ("delete_before_create", {"time": drawn.times}),
    ("come_back", _done_again),
    ("duplicate", _which),
    ("replay_everything", {}),
    ("like", _done_again),
    ("comment", _done_again | {"about": st.integers(0, 3)}),
]
