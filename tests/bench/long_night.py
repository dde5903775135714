"""A night of 14 hours on seven servers, made by the real engine over scripted servers: about ten minutes.

17 steps: runs that print a gigabyte together, copies that tell of their progress eight times a second, proofs of 240 checks that
fail and are tried again all night; at the end a person is waited for, so that the night can be resumed. Knows no measuring.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from unittest.mock import patch

import psutil

from cockpit.engine import start
from cockpit.engine.options import Options, create_session
from cockpit.journal.lease import SessionDir
from cockpit.journal.reader import Reader
from cockpit.plan.reader import load
from cockpit.state.model import State
from cockpit.state.tail import Tail
from tests.bench.scripted import ScriptedFleet, Warp

HOUR = 3600
SPEED = 150.0  # how much faster the hours pass in which the engine waits
CHECKS = 240

HEAD = """[plan]
version = 1
name = "Seven servers, fourteen hours"
[window]
opens = "+0s"
closes = "+15h"
[limits]
jobs = 40
transfers = 8
"""


def plan_text() -> str:
    """Each server walks down: print, copy, prove; a proof passes only when its time has come."""
    servers = "".join(f'[servers.server{n}]\nhost = "127.0.0.1"\n' for n in range(7))
    steps = []
    for n in range(17):
        head = f'[[steps]]\nid = "step{n:02d}"\ntitle = "Step {n}"\non = "all"\nestimate = "49m"\n'
        match n % 3:
            case 0:
                steps.append(head + 'run = "print 24000000 2900"\n')
            case 1:
                steps.append(head + f'copy = {{ from = "/srv/{n}", to = "/vault/{n}", method = "rsync" }}\n')
            case _:
                checks = "".join(f'  {{ run = "check {c} of {n}", name = "check-{c}" }},\n' for c in range(CHECKS))
                steps.append(head + f"retries = 100\nverify = [\n{checks}]\n")
    steps.append('[[steps]]\nid = "over"\nmanual = "Hand over"\n')
    return HEAD + servers + "\n".join(steps)



def make(place: Path) -> tuple[SessionDir, list[tuple[float, float]]]:
    """The night's session, with XDG_STATE_HOME at `place`, and (hours, MB) of its engine now and then."""
    plan = place / "night.toml"
    plan.write_text(plan_text())
    here = patch.dict(os.environ, XDG_STATE_HOME=str(place))
    with Warp(SPEED) as warp, warp.journal_clock(), patch.object(start, "Fleet", ScriptedFleet), here:
        session = create_session(load(plan), Options("bench"))
        with asyncio.Runner(loop_factory=warp.loop) as runner:
            return session, runner.run(_night(session))


async def _night(session: SessionDir) -> list[tuple[float, float]]:
    running, began, sizes = asyncio.create_task(start.run_engine(session, {})), time.time(), []
    while True:
        await asyncio.wait({running}, timeout=HOUR / 2)
        sizes.append(((time.time() - began) / HOUR, psutil.Process().memory_info().rss / 1e6))
        print(f"  {sizes[-1][0]:.1f} h, engine {sizes[-1][1]:.0f} MB", file=sys.stderr, flush=True)
        if await asyncio.to_thread(waits_for_a_person, session):
            await stop(session)
            await running
            return sizes


def waits_for_a_person(session: SessionDir) -> bool:
    """Everything but the last step is done."""
    state = state_of(session)
    return sum(task.state == "done" for task in state.tasks.values()) == len(state.tasks) - 1


def state_of(session: SessionDir) -> State:
    reader = Reader.open(session.journal_path)
    try:
        tail = Tail(reader)
        tail.seek()
        return tail.state
    finally:
        reader.close()


async def stop(session: SessionDir) -> None:
    """As `cockpit stop` does."""
    reader, writer = await asyncio.open_unix_connection(session.socket_path)
    writer.write(b'{"verb": "stop", "as": "bench"}\n')
    await reader.readline()
    writer.close()


async def resume(session: SessionDir) -> float:
    """Seconds from starting an engine on it until it has said that it goes on and its servers were contacted."""
    epoch, began = state_of(session).epoch, time.perf_counter()
    running = asyncio.create_task(start.run_engine(session, {}))
    while (state := state_of(session)).epoch == epoch or any(s.contact != "up" for s in state.servers.values()):  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    took = time.perf_counter() - began
    await stop(session)
    await running
    return took
