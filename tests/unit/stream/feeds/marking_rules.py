"""Counting in a walk: what is unseen and unread equals the reference, also while things happen."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.unit.stream.feeds.drawn import filters, users
from tests.unit.stream.feeds.happenings import Happenings

counted = st.fixed_dictionaries({"user": users, "employee": st.booleans(), "asked": filters})


class MarkingRules(RuleBasedStateMachine, Happenings):
    """Rules about counts."""

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
