import pytest

from services.cli.dead_letters import DeadLetter
from services.cli.replaying import replay_letters
from services.runtime.settings import Settings


def letter(service: str, origin: str) -> DeadLetter:
    return DeadLetter(service, 0, 7, 0, "not-a-feed", "", origin, 1, b"k", b"v", ())


@pytest.mark.parametrize(
    ("service", "origin", "told"),
    [
        ("ingest", "blog", "mapped again as source blog"),
        ("refine", "sluice.activities.raw.v1/1/2", "sluice.activities.raw.v1 again"),
        ("indexer", "sluice.activities.v1/1/2", "sluice-activities at the version of sluice.activities.v1/1/2"),
        ("feeds", "sluice.relations.v1/1/2", "sluice.relations.v1 still has it"),
    ],
)
async def test_a_dry_run_says_what_would_be_done_and_asks_no_server(service, origin, told):
    (line,) = await replay_letters(Settings(), [letter(service, origin)], dry_run=True)
    assert line.startswith(f"{service}/0/7 (not-a-feed): ")
    assert told in line


async def test_no_letters_need_no_server():
    """An empty queue is answered at once, whatever is away."""
    assert await replay_letters(Settings(), [], dry_run=False) == []
