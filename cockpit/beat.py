"""The beat to which the engine's looks keep, and those at running jobs: what is due in the same second looks together.

Each look finds its memory cold, and a host that lends memory may take it back in between: then fetching it costs more than the
work. Knows nobody who looks.
"""

from __future__ import annotations

import asyncio

SLACK = 0.01  # seconds: a timer that fires a little early must not beat twice, nor a beat that is as good as there be waited for


def after(now: float, period: float) -> float:
    """The next whole multiple of `period`. Seconds, all of the loop's clock, which is `time.monotonic`."""
    return ((now + SLACK) // period + 1) * period


async def beat(period: float) -> None:
    """Until the next one; period in seconds. Those that were missed are not made up for."""
    now = asyncio.get_running_loop().time()
    await asyncio.sleep(after(now, period) - now)
