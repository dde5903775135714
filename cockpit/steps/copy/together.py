"""Several things at once, none of which goes on when another has failed. Knows no copy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")


async def both(one: Awaitable[T], other: Awaitable[U]) -> tuple[T, U]:
    """The first problem is raised when both have ended: what is made on a server after its clean-up would stay there."""
    ended = await asyncio.gather(one, other, return_exceptions=True)
    for each in ended:
        if isinstance(each, BaseException):
            raise each
    return ended  # type: ignore[return-value]


async def timed(one: Awaitable[T]) -> tuple[T, float]:
    """And the seconds that it took."""
    began = time.monotonic()
    return await one, round(time.monotonic() - began, 3)
