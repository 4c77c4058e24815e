"""What all counts of one user cost in the worker: her followers, whom she follows, and what is on her newest post.

A quarter of a million edges and as many interactions are known, some come in between two reads.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

import numpy as np

from bench.figures import Figure, Measured, Target
from bench.repeats import in_turn
from bench.row import Context, Row
from services.contracts.activity import Audience, Scope, Verb
from services.contracts.interactions import Interaction
from services.contracts.principal import Principal
from services.contracts.relations import Relation, RelationKind
from services.stream.feeds.observed_counts import ObservedCounts
from services.stream.feeds.relation_state import RelationState
from services.stream.feeds.tallies import Tallies

COUNTS = Figure(
    "counts_read_us",
    "µs",
    Target(at_most=20),
    "searches in two sorted NumPy arrays, and three numbers of a dict; nothing decided",
)
_READS, _PAGE, _POSTS_A_USER = 5_000, 20, 5
_ME = Principal("user-0", employee=True)
_AUDIENCES = (Audience(Scope.PUBLIC), Audience(Scope.INTERNAL), Audience(Scope.GROUP, groups=("group:platform",)))


class _Known:
    """Everybody follows some, and everybody's posts are liked."""

    def __init__(self, users: int, edges: int) -> None:
        self.names = [f"person:user-{number}" for number in range(users)]
        self.posts = [f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}" * 2 for number in range(users * _POSTS_A_USER)]
        self._chance = np.random.default_rng(17)
        self._state, self.tallies = RelationState(1), Tallies()
        self._state.take_over(0)
        who, whom = self._chance.integers(0, users, (2, edges)).tolist()
        for subject, obj in zip(who, whom, strict=True):
            relation = Relation(self.names[subject], RelationKind.FOLLOWS, self.names[obj], 1_700_000_000_000)
            self._state.set_relation(0, relation)
            self._state.set_inverse(0, relation)
        self.counts = ObservedCounts(self.tallies, self._state)
        self._interactions = 0
        self.interact(edges)
        self._sorted = np.sort(np.array(who)), np.sort(np.array(whom))
        self._bare = dict.fromkeys(self.posts, (1, 2, 3))

    def interact(self, count: int) -> None:
        """Let count interactions come."""
        for post, actor in zip(*self._chance.integers(0, (len(self.posts), len(self.names)), (count, 2)).T.tolist(), strict=True):
            self._interactions += 1
            verb = Verb.COMMENT if self._interactions % 5 == 0 else Verb.LIKE
            edge = Interaction(
                self.posts[post], verb, f"{self._interactions:032x}", self.names[actor], _AUDIENCES[post % len(_AUDIENCES)]
            )
            self.tallies.put(edge)

    def readers(self, count: int) -> list[int]:
        """Return users to read the counts of."""
        numbers: list[int] = self._chance.integers(0, len(self.names), count).tolist()
        return numbers

    def read(self, number: int) -> None:
        """Read all counts of one user."""
        self.counts.of_entity(_ME, self.names[number])
        self.counts.of_activities([self.posts[number * _POSTS_A_USER]], _ME.user, employee=True)

    def read_bare(self, number: int) -> None:
        """Look the same numbers up, without asking who wants to know."""
        for column in self._sorted:
            int(column.searchsorted(number + 1)) - int(column.searchsorted(number))
        likes, shares, comments = self._bare[self.posts[number * _POSTS_A_USER]]
        likes + shares + comments

    def read_page(self, number: int) -> None:
        """Read what is on the entries of a page."""
        self.counts.of_activities(self.posts[number : number + _PAGE], _ME.user, employee=True)


def _microseconds(read: Callable[[int], None], numbers: Sequence[int]) -> float:
    took = []
    for number in numbers:
        begun = time.perf_counter_ns()
        read(number)
        took.append(time.perf_counter_ns() - begun)
    return median(took) / 1000


def run(context: Context) -> Mapping[str, Measured]:
    """Measure without servers."""
    context.cores.measure_here()
    context.say("who follows whom and likes what is put together")
    known = _Known(context.size(50_000, 5_000), context.size(250_000, 25_000))

    def value() -> float:
        known.interact(1_000)
        return _microseconds(known.read, known.readers(_READS))

    measured = in_turn(context.repeats, value, lambda: _microseconds(known.read_bare, known.readers(_READS)))
    notes = {"page_of_20_us": round(_microseconds(known.read_page, known.readers(1_000)), 1)}
    return {COUNTS.name: Measured(measured.values, measured.ceilings, notes)}


ROW = Row((COUNTS,), run, seconds=120)
