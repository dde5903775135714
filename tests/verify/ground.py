"""One attempt of a verify step over real servers, its verdicts in a list; and trees in which one thing is wrong."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cockpit.fleet.fleet import Fleet
from cockpit.plan.model import Check, Step, Verify
from cockpit.steps.api import Outcome
from cockpit.steps.verify import step as verify
from tests.copy.context import Context, fleet_of, place_of, plan_of
from tests.hosts.host import Host


@dataclass(frozen=True)
class Verdict:
    check: str
    kind: str
    result: str
    evidence: str
    started: float
    paths: list[tuple[str, str]]

    def __str__(self) -> str:
        return f"{self.result}: {self.evidence}"


@dataclass
class Verifying(Context):
    verdicts: list[Verdict] = field(default_factory=list)
    listed: asyncio.Event = field(default_factory=asyncio.Event)  # set when content begins to be read

    async def verdict(self, *told: Any) -> None:
        self.verdicts.append(Verdict(*told))

    def progress(self, phase: str, bytes_done: int, *more: Any, **named: Any) -> None:
        super().progress(phase, bytes_done, *more)
        if phase == "verify":
            (self.moved if bytes_done else self.listed).set()


@dataclass
class Bench:
    """Contact to hosts, and what is asked of them."""

    fleet: Fleet
    hosts: list[Host]

    def attempt(self, *checks: Check, on: str | None, **how: Any) -> Verifying:
        secrets = how.pop("given", {})
        step = Step("prove", "Prove", Verify(checks), (on,) if on else (), **how)
        return Verifying(self.fleet, plan_of(self.fleet, self.hosts, step), step, on, secrets=secrets)

    async def run(self, *checks: Check, on: str | None = None, **how: Any) -> tuple[Outcome, Verifying]:
        ctx = self.attempt(*checks, on=on or self.hosts[0].name, **how)
        outcome = await asyncio.wait_for(verify.run(ctx), 90)
        assert (outcome.result == "done") == all(v.result == "pass" for v in ctx.verdicts)
        return outcome, ctx

    async def one(self, check: Check, *, on: str | None = None, **how: Any) -> Verdict:
        _, ctx = await self.run(check, on=on, **how)
        (verdict,) = ctx.verdicts
        return verdict

    async def compare(self, *places: str, on: str | None = None, become: bool | None = None, **how: Any) -> Verdict:
        return await self.one(comparing(*places, **how), on=on, become=become)


def comparing(*places: str, name: str = "same", **how: Any) -> Check:
    return Check("compare", name, places=tuple(map(place_of, places)), **how)


@asynccontextmanager
async def bench(hosts: Iterable[Host], place: Path) -> AsyncIterator[Bench]:
    hosts = list(hosts)
    async with fleet_of(hosts, place) as fleet:
        yield Bench(fleet, hosts)


def plant(host: Host, path: str, content: dict[str, bytes | None]) -> Path:
    """Files (None: a directory) below a path that a client of the host sees; owned by its user, all of one time."""
    root = host.seen(path)
    root.mkdir(parents=True, exist_ok=True)
    for name, data in content.items():
        file = root / name
        if data is None:
            file.mkdir(parents=True, exist_ok=True)
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
    uid = 0 if host.user == "root" else 1000
    for each in (root, *root.rglob("*")):
        os.chown(each, uid, uid, follow_symlinks=False)
        os.utime(each, (10**9, 10**9), follow_symlinks=False)
    return root
