"""A copy's timeout: whose time counts, and what is left when it is over."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from cockpit.steps import copy
from cockpit.steps.copy import clock, direct
from tests.copy import disks, trees
from tests.copy.context import Context, copying, fleet_of, plan_of
from tests.hosts.factory import Hosts


async def test_a_job_that_outlives_its_timeout_is_ended_and_locks_nobody_out(
    hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    src.path("/srv/big").write_bytes(os.urandom(8 << 20))
    monkeypatch.setattr(clock, "GRACE", 0.0)
    monkeypatch.setattr(direct, "left_to_a_job", lambda ctx: None)
    async with fleet_of([src, dst], tmp_path) as fleet:
        step = copying("/srv/big", "dst:/srv/", method="rsync", limit=100_000, timeout=4.0)
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        outcome = await asyncio.wait_for(copy.run(ctx), 30)
        assert outcome.result == "failed" and "timeout of 4 s" in (outcome.error or ""), outcome
        report = await fleet.remote("dst").inspect_job(ctx.detail["copy"]["job"], become=False)
        assert (report.phase, report.how) == ("ended", "cancelled")
        assert trees.left_behind(src, dst) == []
        step = copying("/srv/big", "dst:/srv/", method="rsync")
        retry = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", n=2)
        assert (await copy.run(retry)).result == "done"


async def test_a_survey_that_never_ends(hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    src.path("/srv/d").mkdir()
    monkeypatch.setattr(clock, "GRACE", 0.0)

    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(copy, "look_at_source", never)
    async with fleet_of([src, dst], tmp_path) as fleet:
        step = copying("/srv/d/", "dst:/srv/d/", timeout=1.0)
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        outcome = await asyncio.wait_for(copy.run(ctx), 20)
    assert outcome.result == "failed" and "timeout of 1 s" in (outcome.error or ""), outcome


async def test_a_persons_time_is_not_the_copys(hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    disks.mount(dst, "/srv/stick", "exfat")
    src.path("/srv/d").mkdir()
    (src.path("/srv/d") / "f").write_text("words")
    (src.path("/srv/d") / "link").symlink_to("f")
    monkeypatch.setattr(clock, "GRACE", 0.0)
    step = copying("/srv/d/", "dst:/srv/stick/d/", timeout=6.0)
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", person=asyncio.Event())
        running = asyncio.create_task(copy.run(ctx))
        async with asyncio.timeout(10), ctx.noted:
            await ctx.noted.wait_for(lambda: ctx.detail.get("clock", {"at": 1})["at"] is None)
        done, _ = await asyncio.wait({running}, timeout=7.0)
        assert not done, "it stands still while somebody thinks"
        assert ctx.person is not None
        ctx.person.set()
        outcome = await asyncio.wait_for(running, 20)
    assert outcome.result == "done", (outcome, ctx.errors)
    assert ctx.detail["clock"]["spent"] < 6


async def test_a_paused_job_is_not_ended_by_its_timeout(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    src.path("/srv/big").write_bytes(os.urandom(4 << 20))
    async with fleet_of([src, dst], tmp_path) as fleet:
        step = copying("/srv/big", "dst:/srv/", method="rsync", timeout=6.0)
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", rate=0.0)
        running = asyncio.create_task(copy.run(ctx))
        done, _ = await asyncio.wait({running}, timeout=10.0)
        assert not done, "a pause is nobody's timeout"
        await ctx.change_pace(None)
        outcome = await asyncio.wait_for(running, 30)
    assert outcome.result == "done", outcome
