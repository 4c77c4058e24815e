"""Ranked reading in a walk: the same entries as newest first, by the scores that they have, whatever happens."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from services.contracts.activity import Verb
from services.stream.feeds.ranking.ranked_reading import InSnapshot, Wish
from services.stream.feeds.ranking.snapshots import SnapshotGone
from tests.unit.stream.feeds.drawn import filters, sizes, users
from tests.unit.stream.feeds.happenings import Happenings, relatings, writings
from tests.unit.stream.feeds.ranking.ranked_house import HOUR_MS, Ranking, read

asks = st.fixed_dictionaries({"user": users, "employee": st.booleans(), "size": sizes, "asked": filters})
NOW_MS = 100 * HOUR_MS
_MOST_PAGES = 300
#: Of what may change about an activity while its columns are kept.
EXPRESSION = "age_hours + if(is_mine, 1000, 0) + if(verb == 'comment', 2000, 0) + if(language == 'de', 4000, 0) + 8000 * likes"


def ranking_of(worker):
    """Return what a worker ranks with, for as long as it lives."""
    if not hasattr(worker, "ranking"):
        worker.ranking = Ranking(worker, NOW_MS)
    return worker.ranking


class RankingRules(RuleBasedStateMachine, Happenings):
    """Rules about ranked feeds."""

    def ranked(self, ask, at=None):
        """Read one ranked page from the owner of the user."""
        return read(self.house, ranking_of(self.house.owner_of(ask["user"])), wish=Wish(EXPRESSION), at=at, **ask)

    def naive_score(self, user, activity_id):
        """Return what an entry is worth."""
        activity = self.house.latest[activity_id]
        names = self.house.society.names_of(user) | {user}
        score = (NOW_MS - activity.sort_time_ms) / HOUR_MS + 1000 * (activity.actor.name in names)
        return score + 2000 * (activity.verb is Verb.COMMENT) + 4000 * (activity.language == "de")

    @rule(ask=asks)
    def read_ranked(self, ask):
        """All pages together are the feed; the ranked part is in the order of its scores, what is below it newest first."""
        self.house.deliver_all(ask["user"])
        pages = [self.ranked(ask)]
        while pages[-1].after is not None:
            pages.append(self.ranked(ask, pages[-1].after))
            assert len(pages) < _MOST_PAGES
        assert not any(page.partial for page in pages)
        assert all(len(page.entries) == ask["size"] for page in pages[:-1])
        ids = [entry.id for page in pages for entry in page.entries]
        expected = [entry[0] for entry in self.house.expected(ask["user"], employee=ask["employee"], asked=ask["asked"])]
        assert sorted(ids) == sorted(expected)
        scores = [score for page in pages for score in page.scores if score is not None]
        assert scores == [self.naive_score(ask["user"], each) for each in ids[: len(scores)]]
        assert scores == sorted(scores, reverse=True)
        assert ids[len(scores) :] == expected[len(scores) :]

    @rule(ask=asks, happenings=st.one_of(writings, relatings))
    def read_ranked_while_things_happen(self, ask, happenings):
        """What is in the feed all along is shown exactly once, and nothing that isn't in it when its page is read.

        The order is the worker's: with another one the next page says by name that it is gone.
        """
        self.house.deliver_all(ask["user"])
        before, taken_by = self.expected_ids(ask), ranking_of(self.house.owner_of(ask["user"]))
        page = self.ranked(ask)
        shown = [entry.id for entry in page.entries]
        self.happen(happenings)
        self.house.deliver_all(ask["user"])
        now = self.expected_ids(ask)
        while page.after is not None:
            if isinstance(page.after, InSnapshot) and ranking_of(self.house.owner_of(ask["user"])) is not taken_by:
                with pytest.raises(SnapshotGone):
                    self.ranked(ask, page.after)
                return
            page = self.ranked(ask, page.after)
            assert {entry.id for entry in page.entries} <= now
            shown += [entry.id for entry in page.entries]
        assert len(shown) == len(set(shown))
        assert before & now <= set(shown)

    def expected_ids(self, ask):
        """Return what is in the feed now."""
        return {entry[0] for entry in self.house.expected(ask["user"], employee=ask["employee"], asked=ask["asked"])}
