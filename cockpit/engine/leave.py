"""What a night takes away from its servers at its end: the locks, and of a night that is done the records of its jobs.

Records of any other end stay: somebody will want to look at what was printed where.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from cockpit.fleet.api import FleetError
from cockpit.plan.model import LOCAL

if TYPE_CHECKING:
    from cockpit.engine.core import Engine

log = logging.getLogger(__name__)
PATIENCE = 10.0  # seconds, all servers at once: the end of a night waits for no slow disk, and for no password


async def take_leave(engine: Engine, outcome: str) -> None:
    """Of every server that can be reached now; what is left on another is harmless there."""
    up = [name for name in engine.plan.servers if (s := engine.state.servers.get(name)) is not None and s.contact == "up"]
    here = [LOCAL] if any(task.server == LOCAL for task in engine.state.tasks.values()) else []
    done = (*up, *here) if outcome == "done" else ()
    await asyncio.gather(engine.claims.release(), *(_forget(engine, name) for name in done))


async def _forget(engine: Engine, server: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            await engine.fleet.remote(server).remove_jobs(engine.state.session)
    except (FleetError, TimeoutError, OSError) as problem:
        log.warning("the records of this night's jobs stay on %s: %s", server, problem or "it does not answer")
