"""Counts and what is saved, in a walk: both equal the reference, whatever happens."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from services.contracts.relation_codec import MarkerKind
from tests.unit.stream.feeds.drawn import filters, places_in_log, sizes, users
from tests.unit.stream.feeds.happenings import Happenings, some_happenings
from tests.unit.stream.feeds.house import shown

counted = st.fixed_dictionaries({"user": users, "employee": st.booleans(), "asked": filters})


class MarkingRules(RuleBasedStateMachine, Happenings):
    """Rules about marks."""

    @rule(ask=counted)
    def count(self, ask):
        """Every entry that isn't seen, or isn't read, is counted once."""
        self.house.deliver_all(ask["user"])
        counts = self.house.counts(**ask)
        assert not counts.at_least
        assert counts[:2] == self.house.expected_counts(**ask)

    @rule(ask=counted)
    def count_without_history(self, ask):
        """Without history a count says what is known to be there, and that there may be more."""
        self.house.deliver_all(ask["user"])
        self.house.history.away = True
        counts = self.house.counts(**ask)
        self.house.history.away = False
        expected = self.house.expected_counts(**ask)
        assert counts[:2] == expected or (counts.at_least and counts.unseen <= expected[0] and counts.unread <= expected[1])

    @rule(ask=counted, size=sizes, which=st.lists(places_in_log, max_size=4))
    def read_what_is_saved(self, ask, size, which):
        """It is all there, the last saved first, from the first page to the last, and no page is short but the last."""
        for each in which if self.house.ids else ():
            self.house.mark(ask["user"], MarkerKind.SAVED, self.chosen(each).id)
        self.house.deliver_all(ask["user"])
        page = self.house.saved_page(size=size, **ask)
        entries = shown(page)
        while page.below is not None:
            assert len(page.entries) == size
            page = self.house.saved_page(size=size, below=page.below, top=page.top, **ask)
            assert not page.newer
            entries += shown(page)
        assert not page.partial
        assert entries == self.house.expected_saved(**ask)

    @rule(ask=counted, size=sizes, happenings=st.lists(some_happenings, max_size=4))
    def read_on_in_what_is_saved_while_things_happen(self, ask, size, happenings):
        """What stays saved, and where it is, is shown exactly once; what is shown may be seen."""
        self.house.deliver_all(ask["user"])
        page, stayed = self.house.saved_page(size=size, **ask), self.saved_places(ask)
        seen = [entry.id for entry in page.entries]
        while page.below is not None:
            if happenings:
                self.happen(happenings.pop())
                self.house.deliver_all(ask["user"])
                stayed &= self.saved_places(ask)
            page = self.house.saved_page(size=size, below=page.below, top=page.top, **ask)
            assert {entry.id for entry in page.entries} <= {entry[0] for entry in self.house.expected_saved(**ask)}
            seen += [entry.id for entry in page.entries]
        assert all(seen.count(activity_id) == 1 for activity_id, _ in stayed)

    @rule(ask=counted, size=sizes)
    def read_what_is_saved_without_history(self, ask, size):
        """A page without history is the beginning, and one can go on when history is back."""
        self.house.deliver_all(ask["user"])
        self.house.history.away = True
        page = self.house.saved_page(size=size, **ask)
        self.house.history.away = False
        entries = shown(page)
        while page.below is not None:
            page = self.house.saved_page(size=size, below=page.below, top=page.top, **ask)
            entries += shown(page)
        assert entries == self.house.expected_saved(**ask)

    def saved_places(self, ask):
        """Return what is saved and shown, and where."""
        offsets, ids = self.house.owner_of(ask["user"]).state.saved_in_order(ask["user"])
        place_of = {ids[place * 16 : place * 16 + 16].hex(): offset for place, offset in enumerate(offsets)}
        return {(entry[0], place_of[entry[0]]) for entry in self.house.expected_saved(**ask)}
