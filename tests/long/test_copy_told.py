"""How far a copy is, by the ways that the short suite does not go, and when its job is lost or tried again."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from cockpit.steps import copy
from cockpit.steps.copy import trees
from tests.copy import test_told as told
from tests.copy.context import Context, copying, fleet_of, plan_of
from tests.copy.test_told import MIB, shares
from tests.hosts.factory import Hosts
from tests.long.test_copy_resume import SLOW, big, rsyncs


async def test_percent_does_not_fall_when_a_job_is_lost_or_tried_again(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    big(src)
    async with fleet_of([src, dst], tmp_path) as fleet:
        step = copying("/srv/d/", "dst:/srv/d/", limit=SLOW)
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        running = asyncio.create_task(copy.run(ctx))
        async with asyncio.timeout(30):
            while not ctx.samples or ctx.samples[-1][1] < 8 * MIB:
                await ctx.moved.wait()
                ctx.moved.clear()
        assert dst.space.signal(signal.SIGKILL, rsyncs(dst))
        assert (await asyncio.wait_for(running, 40)).transient
        reached = ctx.samples[-1][1]
        retry = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", n=2, last=ctx.reached())
        assert (await asyncio.wait_for(copy.run(retry), 60)).result == "done", retry.errors
    assert retry.samples[0][:3] == ("scan", reached, ctx.samples[-1][2])
    assert shares(retry) == sorted(shares(retry)), retry.samples
    retry.check_progress()


@pytest.mark.parametrize(("method", "small"), [("auto", trees.SMALL), ("sftp", 0)])
async def test_the_largest_file_is_told_until_it_is_there(method: str, small: int, hosts: Hosts, tmp_path: Path) -> None:
    """By one rsync, and through this machine."""
    await told.test_the_largest_file_is_told_until_it_is_there(method, small, hosts, tmp_path)
