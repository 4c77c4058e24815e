"""What to do after a bulk: each of its writes is done, worth another try, or impossible."""

from enum import Enum, auto

from services.search.ports import Outcome

_CONFLICT = 409
# The document itself is at fault; everything else (too many requests, no such index yet, a shard away) may be over next time.
_AT_FAULT = frozenset({400, 413})
_OK = range(200, 300)


class Fate(Enum):
    """What became of a write."""

    DONE = auto()
    RETRY = auto()
    REFUSED = auto()


def fate_of(outcome: Outcome) -> Fate:
    """Judge one outcome. A version conflict is done: what is in the index is as new or newer."""
    if outcome.status in _OK or outcome.status == _CONFLICT:
        return Fate.DONE
    return Fate.REFUSED if outcome.status in _AT_FAULT else Fate.RETRY
