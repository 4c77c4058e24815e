"""Two ways to one answer: the second is tried when the first is too slow or can't."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

A = TypeVar("A")


async def first_answer(
    one: Callable[[], Awaitable[A]], other: Callable[[], Awaitable[A]], patience_s: float | None, gives_up: type[Exception]
) -> A:
    """Return what one returns, or what other does, which is asked when one raises gives_up or has taken patience_s seconds.

    patience_s: None waits for one however long it takes. The first that doesn't give up decides, by its answer or by its error;
    the slower is cancelled. When both give up, the error of other is raised.
    """
    asked = [asyncio.ensure_future(one())]
    try:
        await asyncio.wait(asked, timeout=patience_s)
        if asked[0].done() and not isinstance(asked[0].exception(), gives_up):
            return asked[0].result()
        asked.append(asyncio.ensure_future(other()))
        while waiting := [task for task in asked if not task.done()]:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in asked:
                if task.done() and not isinstance(task.exception(), gives_up):
                    return task.result()
        return asked[1].result()
    finally:
        for task in asked:
            task.cancel()
