"""How the engine itself is: the lag of its loop. Told over the socket too, since on a full disk nothing can be journaled."""

from __future__ import annotations

import asyncio
from collections import deque

PERIOD = 1.1  # seconds between two looks; of whole ones each would fall behind the work of a beat, and see none of it
KEEP = 545  # lags kept: ten minutes


class LoopLag:
    """How late the loop wakes from a sleep, in seconds."""

    def __init__(self) -> None:
        self._lags: deque[float] = deque(maxlen=KEEP)

    async def watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + PERIOD
            await asyncio.sleep(PERIOD)
            self._lags.append(max(0.0, loop.time() - due))

    def p99(self) -> float | None:
        if not self._lags:
            return None
        ordered = sorted(self._lags)
        return ordered[int(0.99 * (len(ordered) - 1))]
