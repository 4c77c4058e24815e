"""Entity names as small numbers: an edge then costs bytes instead of strings."""

from collections.abc import Collection, Iterable

import numpy as np
import numpy.typing as npt

Longs = npt.NDArray[np.int64]


class _Ids(dict[str, int]):
    """name → number; a name that is asked for the first time gets the next one."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, name: str) -> int:
        number = self[name] = len(self._names)
        self._names.append(name)
        return number


class InternedNames:
    """Names and their numbers, from 0 on. Numbers are never given back: there are as many as names were ever seen here."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._ids = _Ids(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def id_of(self, name: str) -> int:
        """Return the number of a name, a new one if need be."""
        return self._ids[name]

    def known(self, name: str) -> int | None:
        """Return the number of a name, None when it has none."""
        return self._ids.get(name)

    def ids_of(self, names: Collection[str]) -> Longs:
        """Return the numbers of names, int64[n], new ones if need be."""
        return np.fromiter(map(self._ids.__getitem__, names), np.int64, len(names))

    def name_of(self, number: int) -> str:
        """Return the name of a number that was given."""
        return self._names[number]

    def names_of(self, numbers: Iterable[int]) -> list[str]:
        """Return the names of numbers."""
        return list(map(self._names.__getitem__, numbers))
