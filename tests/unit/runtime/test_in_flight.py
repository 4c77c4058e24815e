import asyncio

import pytest

from services.runtime.in_flight import InFlight


async def entered(room, size):
    """Start entering and let it go as far as it gets."""
    task = asyncio.ensure_future(room.enter(size))
    await asyncio.sleep(0)
    return task


async def test_records_beyond_the_number_wait_until_one_leaves():
    room = InFlight(max_records=2, max_bytes=1000)
    await room.enter(1)
    await room.enter(1)
    third = await entered(room, 1)
    assert (third.done(), room.waiting) == (False, 1)
    room.leave(1)
    await third
    assert (room.records, room.waiting) == (2, 0)


async def test_bytes_are_bounded_and_a_giant_goes_alone():
    room = InFlight(max_records=10, max_bytes=100)
    await room.enter(60)
    giant = await entered(room, 500)
    assert not giant.done()
    room.leave(60)
    await giant
    small = await entered(room, 1)
    assert not small.done()
    room.leave(500)
    await small


async def test_who_came_first_goes_first():
    """A small record must not overtake a large one for ever."""
    room = InFlight(max_records=10, max_bytes=100)
    await room.enter(90)
    large, small = await entered(room, 50), await entered(room, 5)
    assert not small.done()
    room.leave(90)
    await asyncio.gather(large, small)


@pytest.mark.parametrize("admitted", [False, True])
async def test_who_gives_up_takes_no_room(admitted):
    room = InFlight(max_records=1, max_bytes=100)
    await room.enter(10)
    waiting, next_one = await entered(room, 10), await entered(room, 10)
    if admitted:
        room.leave(10)  # its turn is set, but it has not run yet
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    if not admitted:
        room.leave(10)
    await next_one
    room.leave(10)
    assert (room.records, room.bytes, room.waiting) == (0, 0, 0)
