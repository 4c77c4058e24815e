"""Ranked reading in a house, beside a naive reference: every entry scored by itself, sorted, paged by slicing."""

import math

import numpy as np

from services.contracts.activity import Verb
from services.stream.feeds.object_tally import Tally
from services.stream.feeds.pages import PageAsk
from services.stream.feeds.ranking.ranked_reading import RankedReader, Wish
from services.stream.feeds.ranking.scoring import Scoring
from services.stream.feeds.ranking.snapshots import Snapshots
from tests.unit.stream.feeds.reference import feed

HOUR_MS = 3_600_000


class Counted:
    """Counts by activity id, given by the test; see Engagement."""

    def __init__(self):
        self.of = {}

    def look(self, table, changed):
        self.table = table

    def counted(self, slots, reader):
        ids = [self.table.facts_at(slot).id for slot in slots.tolist()]
        return np.array([[float(self.of.get((what, each), 0)) for each in ids] for what in Tally._fields]).reshape(3, len(ids))


class Ranking:
    """What a worker ranks with. now_ms: the time."""

    def __init__(self, worker, now_ms=0, snapshots=None):
        self.now_ms = now_ms
        self.counted = Counted()
        self.snapshots = Snapshots() if snapshots is None else snapshots
        self.scoring = Scoring(worker.engine, worker.state, self.counted)
        self.reader = RankedReader(worker.reader, worker.engine, self.scoring, self.snapshots, lambda: self.now_ms)


def read(house, ranking, user, *, size=3, wish=None, at=None, asked=None, employee=True):
    """Read one page."""
    ask = PageAsk(user, employee, size) if asked is None else PageAsk(user, employee, size, wanted=asked)
    return house.run(ranking.reader.page(ask, wish or Wish(), at))


def read_all(house, ranking, user, **ask):
    """Read from the first page to the last; return entries and scores."""
    pages, at = [], None
    while True:
        page = read(house, ranking, user, at=at, **ask)
        assert not page.partial
        pages.append(page)
        if (at := page.after) is None:
            break
        assert len(pages) < 300
    return [entry for page in pages for entry in page.entries], [score for page in pages for score in page.scores]


def reference_score(house, user, activity, now_ms, counts):
    """Return interest x popularity x decay of one activity, from everything that was ever written."""
    weights = reference_points(house, user, now_ms)
    names = list(dict.fromkeys([activity.actor.name, *(f"tag:{tag}" for tag in activity.tags)]))[:8]
    interest = 1 + sum(math.log1p(weights.get(name, 0)) for name in names)
    likes, comments, shares = (counts.get((what, activity.id), 0) for what in ("likes", "comments", "shares"))
    popularity = 1 + math.log1p(likes + 2 * comments + 3 * shares)
    age_hours = max(0, now_ms - activity.sort_time_ms) / HOUR_MS
    return interest * popularity * 0.5 ** (age_hours / 24)


def reference_points(house, user, now_ms):
    """Return what a user's reactions are worth, by name."""
    points, edges = {}, house.society.edges[user]
    reactions = [(2.0, activity_id) for activity_id in edges.saved] + [(0.25, activity_id) for activity_id in edges.read]
    for activity in house.latest.values():
        if activity.actor and activity.actor.name == user and not activity.deleted:
            worth = {Verb.LIKE: 1.0, Verb.COMMENT: 3.0, Verb.SHARE: 4.0}.get(activity.verb)
            if worth:
                reactions.append((worth, activity.object.activity_id))
    # Whoever likes something twice likes it; two comments are two.
    liked = {reaction for reaction in reactions if reaction[0] == 1.0}
    for worth, activity_id in (*liked, *(reaction for reaction in reactions if reaction[0] != 1.0)):
        to = house.latest[activity_id]
        if to.deleted or to.actor.name == user:
            continue
        half_lives = max(0, now_ms - to.sort_time_ms) / (30 * 24 * HOUR_MS)
        for name in (to.actor.name, *(f"tag:{tag}" for tag in to.tags)):
            points[name] = points.get(name, 0) + worth * 0.5**half_lives
    return points


def reference_feed(house, user, **asked):
    """Return the ids of a feed, newest first, as the reference has it."""
    return [entry[0] for entry in feed(list(house.latest.values()), user, house.society, **asked)]
