"""Who follows whom in a bench: drawn from a seed, so that every run and every process draws the same."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int32]

MEAN_FOLLOWERS = 400
MOST_FOLLOWERS = 20_000
# Of log-normal follower counts: half have less than 180 followers, one in a hundred more than 3,000.
_SKEW = 1.3
_AUTHORS_A_GROUP = 10
_OTHERS = 200


@dataclass(frozen=True, slots=True)
class Population:
    """users: how many there are. followers: of every target, the numbers of the users who follow it, int32, rising, each once.

    The first `authors` targets write; the others are groups, each with a few authors, and half of a group's followers follow one of
    those authors as well. kind: what tells the names of two populations of the same users apart.
    """

    users: int
    authors: int
    followers: tuple[Numbers, ...]
    kind: str = "author"

    def name_of(self, target: int) -> str:
        """Return the entity name of a target."""
        return f"person:{self.kind}-{target}" if target < self.authors else f"group:{self.kind}-{target - self.authors}"

    def group_of(self, author: int) -> int:
        """Return the target that an author's group is."""
        return self.authors + author // _AUTHORS_A_GROUP % max(1, len(self.followers) - self.authors)

    def names(self) -> list[str]:
        """Return the names of all targets."""
        return [self.name_of(target) for target in range(len(self.followers))]

    def followed(self) -> list[Numbers]:
        """Return the targets that each user follows."""
        targets = np.repeat(np.arange(len(self.followers), dtype=np.int32), [len(some) for some in self.followers])
        users = np.concatenate(self.followers)
        order = np.argsort(users, kind="stable")
        return np.split(targets[order], np.cumsum(np.bincount(users, minlength=self.users))[:-1])

    def rows_for(self, author: int, *, in_group: bool) -> Numbers:
        """Return the users to whom an activity of author goes, each once. in_group: it was put to the author's group."""
        if not in_group:
            return self.followers[author]
        return np.union1d(self.followers[author], self.followers[self.group_of(author)])


@dataclass(frozen=True, slots=True)
class Spec:
    """What draws a population in any process. kind: skewed, known or star, see the functions below; mean, most: of the skewed one."""

    users: int
    mean: int = MEAN_FOLLOWERS
    most: int = MOST_FOLLOWERS
    kind: Literal["skewed", "known", "star"] = "skewed"

    def build(self) -> Population:
        """Draw it."""
        if self.kind == "skewed":
            return build_population(self.users, mean=self.mean, most=self.most)
        return build_known_to_most(self.users) if self.kind == "known" else build_star(self.users)


def user_name(number: int) -> str:
    """Return the entity name of a user."""
    return f"person:user-{number}"


def build_population(users: int, *, mean: int = MEAN_FOLLOWERS, most: int = MOST_FOLLOWERS, seed: int = 4) -> Population:
    """Return as many authors as a tenth of the users. Every user follows about mean/10 of them, so that all timelines fill alike."""
    random = np.random.default_rng(seed)
    authors = max(_AUTHORS_A_GROUP, users // 10)
    sizes = follower_counts(authors, mean, min(most, users // 2), random)
    # Each user has the same number of stubs; who draws a target twice follows it once.
    stubs = random.permutation(np.resize(np.arange(users, dtype=np.int32), int(sizes.sum())))
    persons = [np.unique(some) for some in np.split(stubs, np.cumsum(sizes)[:-1])]
    groups = authors // _AUTHORS_A_GROUP
    group_sizes = follower_counts(groups, mean, min(most, users // 2), random)
    members = [_group(number, int(size), persons, users, random) for number, size in enumerate(group_sizes)]
    return Population(users, authors, (*persons, *members))


def build_known_to_most(users: int, seed: int = 6) -> Population:
    """Return four authors, three of whom each user follows: their activities fill timelines in no time, to different places."""
    at = np.random.default_rng(seed).integers(0, 4, users)
    return Population(users, 4, tuple(np.flatnonzero(at != author).astype(np.int32) for author in range(4)), kind="known")


def build_star(users: int, seed: int = 11) -> Population:
    """Return an author whom all users follow, number 0, and two hundred whom four hundred follow each."""
    random = np.random.default_rng(seed)
    few = (np.sort(random.choice(users, MEAN_FOLLOWERS, replace=False)).astype(np.int32) for _ in range(_OTHERS))
    return Population(users, 1 + _OTHERS, (np.arange(users, dtype=np.int32), *few), kind="star")


def follower_counts(targets: int, mean: int, most: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Return skewed counts, at least 1, at most `most` (which the largest has), of that mean, give or take a hundredth."""
    counts = random.lognormal(sigma=_SKEW, size=targets)
    for _ in range(20):
        counts = np.minimum(counts * mean / counts.mean(), most)
    counts[np.argmax(counts)] = most
    return np.maximum(counts.astype(np.int64), 1)


def _group(number: int, size: int, persons: list[Numbers], users: int, random: np.random.Generator) -> Numbers:
    home = np.concatenate(persons[number * _AUTHORS_A_GROUP : (number + 1) * _AUTHORS_A_GROUP])
    return np.unique(
        np.concatenate([random.choice(home, size // 2), random.integers(0, users, size - size // 2, dtype=np.int32)])
    )
