"""How `sluice feed` asks for a rolled-up feed, and what it shows of a group."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer
from sluice.feed.v1 import rollup_pb2 as pb

_LONG_NAMES = {"ACT": "the same act", "THREAD": "one conversation", "SOURCE": "one at the source", "STORY": "the same story"}


class RollUpBy(StrEnum):
    """What holds a group together, as the command names it."""

    ACT = "act"
    THREAD = "thread"
    SOURCE = "source"
    STORY = "story"


class Within(StrEnum):
    """How long a bucket is, as the command names it."""

    HOUR = "hour"
    SIX_HOURS = "six-hours"
    DAY = "day"


RolledUp = Annotated[bool, typer.Option("--roll-up", help="activities that belong together as one entry; --limit counts those")]
By = Annotated[list[RollUpBy] | None, typer.Option("--roll-up-by", help="belong together by: everything unless given")]
Bucket = Annotated[Within, typer.Option("--within", help="no group goes beyond such a stretch of time")]


def roll_up_of(by: Sequence[RollUpBy] | None, within: Within, *, rolled_up: bool) -> pb.RollUp | None:
    """Return what is asked for, None for a feed that isn't rolled up. Whoever says by what wants it rolled up."""
    if not (rolled_up or by):
        return None
    kinds = [pb.RollUpBy.Value(f"ROLL_UP_BY_{kind.name}") for kind in by or ()]
    return pb.RollUp(by=kinds, within=pb.RollUpWithin.Value(f"ROLL_UP_WITHIN_{within.name}"))


def group_line(rollup: pb.Rollup) -> str:
    """Return one line about a group, empty for an activity that is alone."""
    if not rollup.count:
        return ""
    people = ", ".join(actor.display_name or actor.name for actor in rollup.actors)
    others = rollup.actor_count - len(rollup.actors)
    who = f"{people} and {others} more" if others > 0 else people
    by = ", ".join(_LONG_NAMES[pb.RollUpBy.Name(kind).removeprefix("ROLL_UP_BY_")] for kind in rollup.by)
    return f"{rollup.count} by {who}: {by}, {rollup.unread_count} unread"
