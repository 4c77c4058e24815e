"""What must hold whenever somebody reads, whatever happens meanwhile. A feed is compared from its first page to its last."""

import asyncio

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from services.contracts.feed_filter import FeedFilter
from services.contracts.relation_codec import MarkerKind
from tests.unit.stream.feeds.activity_log import ACTIVITY_PARTITIONS
from tests.unit.stream.feeds.drawn import actors, filters, outboxes, sizes, users
from tests.unit.stream.feeds.happenings import Happenings, done_by, relatings, some_happenings, writings
from tests.unit.stream.feeds.house import page_ask, shown
from tests.unit.stream.feeds.people import USERS

readers = st.fixed_dictionaries({"user": users, "employee": st.booleans()})
asks = st.fixed_dictionaries({"user": users, "employee": st.booleans(), "size": sizes, "asked": filters, "of": outboxes})
mostly = st.sampled_from([True, True, False])
#: When something happens: before the answer to which question, to fill what; and whether it is the reader herself who does it.
moments = st.fixed_dictionaries(
    {
        "question": st.sampled_from([1, 1, 2, 2, 3, 4]),
        "timeline": st.sampled_from(["evicted", "evicted", "without bodies", "as it is"]),
        "indexed": st.booleans(),
        "hers": mostly,
    }
)
activity_partitions = st.integers(0, ACTIVITY_PARTITIONS - 1)
_MOST_PAGES = 100


class ReadingRules(RuleBasedStateMachine, Happenings):
    """Ways to read, in a house in which things happen."""

    def expected(self, ask):
        """Return the feed that a page is asked of, as the reference has it now."""
        return self.house.expected(ask["user"], employee=ask["employee"], asked=ask["asked"], of=ask.get("of", ""))

    def page_on(self, ask, page):
        """Read the page after a page."""
        return self.house.page(**ask, below=page.below, top=page.top)

    @rule(ask=asks)
    def read(self, ask):
        self.house.check(**ask)

    @rule(ask=asks, happenings=st.one_of(writings, relatings, some_happenings), hers=mostly)
    def read_before_and_after(self, ask, happenings, hers):
        """A timeline that is there follows what happens."""
        self.house.check(**ask)
        self.happen(done_by(ask["user"], happenings) if hers else happenings)
        self.house.check(**ask)

    @rule(ask=asks)
    def read_what_only_the_index_has(self, ask):
        """A reader waits for the broadcast to come to where the index is, and then sees the same as ever."""
        self.house.index_everything()
        owner = self.house.owner_of(ask["user"])
        owner.follow_identities()
        owner.engine.evict(ask["user"])
        assert self.house.page_through(**ask) == self.expected(ask)

    @rule(ask=asks, indexed=st.booleans())
    def read_behind(self, ask, indexed):
        """History may tell what the broadcast has yet to bring; nobody else's timeline may suffer from that.

        What is shown may be as old as what the worker has heard, and is nothing that nobody ever wrote.
        """
        if indexed:
            self.house.index_everything(confess=False)
            self.house.owner_of(ask["user"]).engine.evict(ask["user"])
        entries = shown(self.house.page(**ask))
        assert len({entry[0] for entry in entries}) == len(entries)
        assert {(entry[0], entry[-1]) for entry in entries} <= {(each.id, each.text) for log in self.house.logs for each in log}

    @rule(asks=st.lists(asks, min_size=2, max_size=4))
    def read_together(self, asks):
        """They share rows, bodies and questions."""
        for ask in asks:
            self.house.deliver_all(ask["user"])

        async def together():
            return await asyncio.gather(*(self.house.owner_of(ask["user"]).page(page_ask(**ask)) for ask in asks))

        for ask, page in zip(asks, self.house.run(together()), strict=True):
            expected = self.expected(ask)
            assert shown(page) == expected[: ask["size"]]
            assert page.below is not None or len(expected) <= ask["size"]

    @rule(ask=asks, moment=moments, happenings=st.one_of(some_happenings, relatings))
    def read_while_things_happen(self, ask, moment, happenings):
        """Whatever happens while history is asked: every entry is in the feed when the page is; of a feed that stays none is missing."""
        house, before, accounts = self.house, self.expected(ask), dict(self.house.society.accounts)
        happenings = done_by(ask["user"], happenings) if moment["hers"] else happenings
        owner = house.deliver_all(ask["user"])
        if moment["timeline"] == "evicted":
            owner.engine.evict(ask["user"])
        elif moment["timeline"] == "without bodies":
            house.index_everything()
            owner.drop_bodies()
        generation = owner.engine.generation
        try:
            page = house.page_while(
                lambda: self.happen_and_be_seen(happenings, indexed=moment["indexed"]), moment["question"], **ask
            )
        except KeyError:
            page = None
        after = self.expected(ask)
        if house.owner_of(ask["user"]) is owner and owner.engine.generation == generation:
            assert page is not None, "an owner answers"
            # Whose entries she asked for was settled when she asked.
            assert set(shown(page)) <= set(after) or (ask["asked"].actors and house.society.accounts != accounts)
            if before == after:
                assert shown(page) == after[: ask["size"]]
        house.check(**ask)

    def happen_and_be_seen(self, happenings, *, indexed):
        """Let things happen, and let all workers see them; indexed: the index, too, which then is ahead of its answer."""
        self.happen(happenings)
        for user in USERS:
            self.house.deliver_all(user)
        if indexed:
            self.house.index_everything()

    @rule(ask=asks, happenings=st.lists(some_happenings, max_size=4))
    def read_on_while_things_happen(self, ask, happenings):
        """Whatever happens between two pages: what is in the feed from the first to the last, at its place, is shown exactly once."""
        self.house.deliver_all(ask["user"])
        page = self.house.page(**ask)
        seen, stayed, pages = [entry.id for entry in page.entries], self.places(ask), 1
        while page.below is not None:
            if happenings:
                self.happen(happenings.pop())
                self.house.deliver_all(ask["user"])
                stayed &= self.places(ask)
            page = self.page_on(ask, page)
            assert {entry[0] for entry in shown(page)} <= {entry[0] for entry in self.expected(ask)}
            seen += [entry.id for entry in page.entries]
            pages += 1
            assert pages < _MOST_PAGES
        assert all(seen.count(activity_id) == 1 for activity_id, _ in stayed)

    def places(self, ask):
        """Return what is in a feed, and where."""
        latest = self.house.latest
        return {(entry[0], latest[entry[0]].sort_time_ms) for entry in self.expected(ask)}

    @rule(
        ask=asks, writings=writings, partition=activity_partitions, happenings=st.one_of(relatings, some_happenings), hers=mostly
    )
    def read_what_came_in_slices(self, ask, writings, partition, happenings, hers):
        """Whatever happens between two slices of a delivery, in the end everybody has what is hers."""
        for user in USERS:
            self.house.deliver_all(user)
            self.house.page(user, 1, employee=ask["employee"])
        self.happen(writings)
        for worker in self.house.workers:
            worker.arrive(partition, len(self.house.logs[partition]))
        for happening in done_by(ask["user"], happenings) if hers else happenings:
            for worker in self.house.workers:
                worker.deliver_slice()
            self.happen([happening])
        self.house.check(**ask)

    @rule(ask=asks)
    def read_without_history(self, ask):
        """A page without history is the beginning of the feed, and one can go on when history is back."""
        self.house.deliver_all(ask["user"])
        self.house.history.away = True
        page = self.house.page(**ask)
        self.house.history.away = False
        entries = shown(page)
        if page.below is not None:
            entries += self.house.page_through(**ask, below=page.below, top=page.top)
        assert entries == self.expected(ask)

    @rule(ask=asks, actor=actors)
    def read_while_something_arrives_above(self, ask, actor):
        """What arrives above the cursor moves nothing below it, and is announced."""
        self.house.deliver_all(ask["user"])
        before = self.expected(ask)
        first = self.house.page(**ask)
        if not first.entries or first.below is None:
            return
        post = self.house.post(actor, first.top.sort_time_ms + 1, text="above")
        self.house.deliver_all(ask["user"])
        second = self.page_on(ask, first)
        assert shown(first) + shown(second) == before[: len(first.entries) + len(second.entries)]
        assert second.newer == sum(entry[0] == post.id for entry in self.expected(ask))

    @rule(reader=readers, size=sizes)
    def read_and_mark_page_by_page(self, reader, size):
        """Who asks for unread entries and marks what she has seen misses nothing, though the feed shrinks above her."""
        ask = reader | {"size": size, "asked": FeedFilter(unread_only=True)}
        self.house.deliver_all(reader["user"])
        before = self.expected(ask)
        first = self.house.page(**ask)
        for entry in first.entries:
            self.house.mark(reader["user"], MarkerKind.READ, entry.id)
        if first.below is not None:
            assert shown(first) + self.house.page_through(**ask, below=first.below, top=first.top) == before
        assert self.expected(ask) == before[len(first.entries) :]
