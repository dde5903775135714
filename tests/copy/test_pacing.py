"""A job is told each new pace, however often it takes."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from cockpit.fleet.api import FleetError, Lost
from cockpit.plan.model import Copy, Place
from cockpit.steps.api import Pace
from cockpit.steps.copy import onejob


class Told:
    """A context of one pace after another, and a server that refuses the first times."""

    def __init__(self, *refusals: Exception) -> None:
        self.step = SimpleNamespace(action=Copy(Place(None, "/a"), Place("dst", "/b"), limit=500))
        self.refusals, self.heard, self.said = list(refusals), list[bytes](), list[str]()
        self.now, self.enough = Pace(1000), asyncio.Event()

    def pace(self) -> Pace:
        return self.now

    async def pace_changed(self, last: Pace) -> Pace:
        self.enough.set()
        return await asyncio.Future()

    def remote(self, name: str) -> Told:
        return self

    def say(self, text: str) -> None:
        self.said.append(text)

    async def tell_job(self, job: str, text: bytes, *, become: bool) -> Any:
        if self.refusals:
            self.now = Pace(200)  # it has changed meanwhile
            raise self.refusals.pop(0)
        self.heard.append(text)


async def test_a_pace_that_could_not_be_told_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onejob, "TELL_AGAIN", 0)
    full = FleetError("dst", "other", "its disk is full")
    ctx = Told(full, full, Lost("dst", "gone"), TimeoutError())
    telling = asyncio.create_task(onejob.pacing(ctx, "dst", "job", False))  # type: ignore[arg-type]
    await asyncio.wait_for(ctx.enough.wait(), 30)
    telling.cancel()
    assert ctx.heard == [b"200"], "the newest one, not the one that was refused"
    assert len(ctx.said) == 1 and "disk is full" in ctx.said[0]
