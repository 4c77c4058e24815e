"""Ways to read a rolled-up feed, in a house in which things happen, and what must hold each time."""

from dataclasses import replace

from hypothesis import strategies as st

from services.contracts.activity import Object, Verb
from services.contracts.feed_filter import FeedFilter
from services.stream.feeds.places import TOP
from services.stream.feeds.rolled_reading import RolledReader
from services.stream.feeds.rollup_pages import Cursor
from services.stream.feeds.rollups import By, Rule
from tests.unit.stream.feeds import drawn
from tests.unit.stream.feeds.happenings import Happenings, some_happenings
from tests.unit.stream.feeds.house import page_ask
from tests.unit.stream.feeds.rollup_reference import rolled_up

NAMES = {By.ACT: "act", By.THREAD: "thread", By.SOURCE: "source", By.STORY: "story"}
HOW = ["story", "story", "other story", "answer", "comment", "share", "rollup"]
#: Buckets of a few milliseconds: a house knows thirteen.
rules = st.builds(
    Rule, st.sampled_from([frozenset(By), frozenset(By), *(frozenset({kind}) for kind in By)]), st.sampled_from([4, 50])
)
asks = st.fixed_dictionaries({"user": drawn.users, "employee": st.booleans(), "size": st.sampled_from([1, 2, 3, 8])})
filters = st.one_of(st.just(FeedFilter()), drawn.filters)
_MOST_PAGES = 200


class Rolling(Happenings):
    """Things that belong together happen, too, and are read together."""

    def tell(self, which, how, actor, time, audience):
        """Somebody does something that has something in common with others."""
        self.house.post(actor, time, audience=audience, text=f"{how} {len(self.house.ids)}", **self._having(which, how))

    def regroup(self, which, how):
        """An edit puts an activity elsewhere."""
        if self.house.ids and not (old := self._chosen(which)).deleted:
            plain = replace(old, cluster_id="", rollup_id="", in_reply_to="")
            self.house.edit(plain, **self._having(which + 1, how) | {"verb": old.verb})

    def _having(self, which, how):
        about = self._chosen(which).id if self.house.ids else ""
        return {
            "story": {"cluster_id": "a" * 16},
            "other story": {"cluster_id": "b" * 16},
            "answer": {"verb": Verb.COMMENT, "in_reply_to": about},
            "comment": {"verb": Verb.COMMENT, "object": Object(activity_id=about)},
            "share": {"verb": Verb.SHARE, "object": Object(activity_id=about)},
            "rollup": {"rollup_id": "r"},
        }[how]

    def _chosen(self, which):
        ids = self.house.ids
        return self.house.latest[ids[-1 - which % len(ids)]]

    # Reading.

    def rolled_page(self, ask, rule, cursor, top=None):
        """One page."""
        owner = self.house.owner_of(ask["user"])
        reader = RolledReader(owner.reader, owner.engine, owner.state.identities.person_of)
        return self.house.run(reader.page(page_ask(**ask)._replace(top=top), rule, cursor))

    def rolled_pages(self, ask, rule):
        """All pages of a feed that nothing happens to."""
        entries, cursor, top, pages = [], Cursor(TOP), None, 0
        while cursor is not None:
            page = self.rolled_page(ask, rule, cursor, top)
            assert not page.partial
            assert len(page.entries) == ask["size"] or page.after is None, "a page is short only at the end"
            assert page.newer == 0
            entries += page.entries
            cursor, top, pages = page.after, page.top, pages + 1
            assert pages < _MOST_PAGES
        return entries

    def feed(self, ask):
        """The feed that is rolled up, as the reference has it: ids, newest first."""
        expected = self.house.expected(ask["user"], employee=ask["employee"], asked=ask["asked"])
        return [self.house.latest[entry[0]] for entry in expected]

    def expected_groups(self, ask, rule):
        """The groups of the reference."""
        # The reference counts hours, so a millisecond of the house is as many.
        feed = [replace(each, sort_time_ms=each.sort_time_ms * 3_600_000) for each in self.feed(ask)]
        return rolled_up(feed, [NAMES[kind] for kind in rule.by], rule.bucket_ms)

    def check_rolled(self, ask, rule):
        """Compare a rolled-up feed, paged through, with the reference."""
        self.house.deliver_all(ask["user"])
        entries = self.rolled_pages(ask, rule)
        self.compare([members(each) for each in entries], self.expected_groups(ask, rule))
        expected = self.house.expected(ask["user"], employee=ask["employee"], asked=ask["asked"])
        read = {entry[0] for entry in expected if entry[3]}
        for each in entries:
            assert each.entry.id == members(each)[0]
            if each.rollup:
                self.check_details(each, read)

    def compare(self, shown, expected):
        """Compare groups that were shown with what the reference has."""
        assert shown == expected

    def check_details(self, each, read):
        """Compare what is told of a group with its activities as they are."""
        rollup, latest = each.rollup, self.house.latest
        activities = [latest[activity_id] for activity_id in rollup.counted_ids]
        people = {frozenset(self.house.society.names_of(activity.actor.name)) for activity in activities}
        assert rollup.size == len(activities) > 1
        assert rollup.unread_count == sum(activity.id not in read for activity in activities)
        assert rollup.actor_count == len(people)
        assert (rollup.newest_ms, rollup.oldest_ms) == (activities[0].sort_time_ms, activities[-1].sort_time_ms)
        assert rollup.key == activities[-1].id
        assert len(rollup.faces) == len(each.faces) == min(3, len(people))
        assert rollup.by


def members(each):
    """The ids of the activities of an entry, newest first."""
    return list(each.rollup.counted_ids) if each.rollup else [each.entry.id]


_told = {
    "which": drawn.places_in_log,
    "how": st.sampled_from(HOW),
    "actor": drawn.actors,
    "time": drawn.times,
    "audience": drawn.audiences,
}
_regrouped = {"which": drawn.places_in_log, "how": st.sampled_from(HOW)}
_telling = st.one_of(
    st.tuples(st.just("tell"), st.fixed_dictionaries(_told)),
    st.tuples(st.just("tell"), st.fixed_dictionaries(_told)),
    st.tuples(st.just("regroup"), st.fixed_dictionaries(_regrouped)),
)
tellings = st.lists(_telling, min_size=1, max_size=6)
#: Whatever else may happen in a house, and mostly what belongs together.
anything = st.one_of(tellings, tellings, some_happenings)
