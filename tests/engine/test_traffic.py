"""Who moves data learns of another pace at once: from a person's word, and from who comes and goes beside it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from cockpit.engine.traffic import Traffic
from cockpit.journal.events import Event, LimitChanged, TransferPaused, TransferResumed
from cockpit.steps.api import Pace
from tests.decide.simulated import World
from tests.decide.test_pace import PLAN


async def soon(changed: asyncio.Task[Pace]) -> Pace:
    return await asyncio.wait_for(changed, 30)


async def test_a_change_is_told_to_who_waits_for_one() -> None:
    world = World(PLAN)
    attempts: dict[str, Any] = {"long@b": SimpleNamespace(step=SimpleNamespace(kind="copy"), purpose="do")}
    traffic = Traffic(SimpleNamespace(plan=PLAN, state=world.state, attempts=attempts))  # type: ignore[arg-type]

    def say(event: Event) -> None:
        world.say(event, who="maria")
        traffic.seen(event)

    pace = traffic.pace("long@b")
    assert pace == Pace(900.0) and pace.told == b"900"
    for event, told in ((LimitChanged(300.0), b"300"), (TransferPaused("long@b"), b"0"), (TransferResumed("long@b"), b"300")):
        waits = asyncio.create_task(traffic.changed("long@b", pace))
        await asyncio.sleep(0)
        assert not waits.done()
        say(event)
        pace = await soon(waits)
        assert pace.told == told
    waits = asyncio.create_task(traffic.changed("long@b", pace))
    attempts["short@a"] = SimpleNamespace(step=SimpleNamespace(kind="copy"), purpose="do")
    traffic.shifted()
    assert await soon(waits) == Pace(150.0)
    assert await soon(asyncio.create_task(traffic.changed("long@b", pace))) == Pace(150.0), "one that was missed is told at once"


@pytest.mark.parametrize(("pace", "told"), [(Pace(), b""), (Pace(0.4), b"1"), (Pace(1e9), b"1000000000"), (Pace(5, True), b"0")])
def test_in_the_words_of_a_job(pace: Pace, told: bytes) -> None:
    assert pace.told == told
