"""What is found out before any job runs: a cancel ends it whatever a server is at, and a server that answers too late is said.

Knows no way and nothing of what is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from cockpit.fleet.api import FleetError
from cockpit.steps.api import Outcome, StepContext
from cockpit.steps.copy.keys import cleanup

CANCELLED = "cancelled; what has arrived stays and is not moved again"
LATE = "a server did not answer in time while this copy was prepared"
T = TypeVar("T")


async def heard(ctx: StepContext, work: Coroutine[Any, Any, T]) -> T | Outcome:
    """What the work finds out, or why it ended before. What it made on the servers is then taken away. Raises what it does."""
    running, cancel = asyncio.create_task(work), asyncio.create_task(ctx.cancel_event())
    try:
        await asyncio.wait({running, cancel}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            return running.result()
        ended = Outcome("cancelled", error=CANCELLED)
    except TimeoutError as late:
        ended = Outcome("failed", error=str(late) or LATE, transient=True)
    finally:
        for task in (running, cancel):
            task.cancel()
        await asyncio.gather(running, cancel, return_exceptions=True)
    with suppress(FleetError, TimeoutError):  # its key expires by itself
        await cleanup(ctx, ctx.detail)
    return ended
