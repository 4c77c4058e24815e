"""Everything that may happen in a house but reading, as data: a walk draws it, and a reader may find it happening."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tests.unit.stream.feeds.relating import RELATING, Relating
from tests.unit.stream.feeds.serving import SERVING, Serving
from tests.unit.stream.feeds.writing import WRITING

#: The name of a method of Happenings, and its arguments.
Happening = tuple[str, dict[str, Any]]


class Happenings(Relating, Serving):
    """All of them. Each leaves the reference beside the house as it should be."""

    def happen(self, happenings: Sequence[Happening]) -> None:
        """Let things happen, one after the other."""
        for name, arguments in happenings:
            getattr(self, name)(**arguments)


def done_by(user: str, happenings: Sequence[Happening]) -> list[Happening]:
    """Return the same with one user doing what users do to each other: things meet more often."""
    return [(name, arguments | {"user": user} if "user" in arguments else arguments) for name, arguments in happenings]


def _one_of(table):
    return st.one_of([st.tuples(st.just(name), st.fixed_dictionaries(arguments)) for name, arguments in table])


writings = st.lists(_one_of(WRITING), min_size=1, max_size=6)
relatings = st.lists(_one_of(RELATING), min_size=2, max_size=8)
servings = st.lists(_one_of(SERVING), min_size=1, max_size=4)
some_happenings = st.lists(st.one_of(_one_of(WRITING), _one_of(RELATING), _one_of(SERVING)), min_size=1, max_size=3)
