"""The beat to which everything keeps that looks now and then: what is due in the same second looks together.

Each look finds its memory cold, and a host that lends memory may take it back in between: then eighteen wakes a second cost
eighteen times what one does, and the work itself hardly matters. Knows nobody who looks.
"""

from __future__ import annotations

import asyncio

SLACK = 0.01  # seconds: a timer that fires a little early must not beat twice


def after(now: float, period: float) -> float:
    """The first moment that is a whole multiple of `period`, on the same clock as `now`: seconds, of the loop's clock."""
    return ((now + SLACK) // period + 1) * period


async def beat(period: float) -> None:
    """Until the next one."""
    now = asyncio.get_running_loop().time()
    await asyncio.sleep(after(now, period) - now)
