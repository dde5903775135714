"""Copies that outlive their key: it is renewed while they run, and where nobody renewed it the next try has another."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cockpit.fleet import openroute
from cockpit.fleet.api import Remote
from cockpit.steps.copy import keys
from tests.copy import trees
from tests.copy.context import Context, copying, fleet_of, plan_of
from tests.hosts.factory import Hosts
from tests.hosts.host import Host
from tests.hosts.space import until
from tests.long.test_copy_resume import through_losses
from tests.long.test_copy_trees import SLOW, done_shards, many, small_is_large

__all__ = ["small_is_large"]


def expire(host: Host) -> None:
    """As if the copy had begun two days ago."""
    file = host.path("/root/.ssh/authorized_keys")
    text, n = re.subn(r'expiry-time="\d+"', 'expiry-time="202001010000"', file.read_text())
    assert n == 1
    file.write_text(text)


@pytest.mark.parametrize("renewed", [True, False])
async def test_a_key_that_expires_under_a_copy(
    renewed: bool, hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(keys, "RENEW", 0.2 if renewed else keys.RENEW)
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = many(src)
    async with fleet_of([src, dst], tmp_path) as fleet:
        step = copying("/srv/d/", "dst:/srv/d/", limit=SLOW)
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        running = asyncio.create_task(through_losses(ctx))
        await asyncio.to_thread(until, lambda: done_shards(dst) >= 2, "two shards are through", 40)
        expire(src)
        src.drop_connections()
        outcome = await asyncio.wait_for(running, 60)
        if not renewed:
            assert (outcome.result, outcome.transient) == ("failed", True), (outcome, ctx.said, ctx.errors)
            ctx = Context(fleet, ctx.plan, step, "src", n=2)
            outcome = await through_losses(ctx)
        assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
    assert trees.listing(dst.path("/srv/d")) == trees.listing(source)
    assert trees.left_behind(src, dst) == []


LINE = 'restrict,from="10.0.0.1",expiry-time="202001010000",command="a b" ssh-ed25519 AAAA cockpit-route-x'


@dataclass
class Asking(Context):
    """third: set when it is about to be renewed for the third time."""

    times: int = 0
    third: asyncio.Event = field(default_factory=asyncio.Event)

    def remote(self, server: str | None = None) -> Remote:
        self.times += 1
        if self.times == 3:
            self.third.set()
        return super().remote(server)


async def test_an_engine_that_comes_late_renews_at_once_and_says_once_where_it_cannot(
    hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    src = hosts("src")
    file = src.path("/home/ops/.ssh/authorized_keys")
    with file.open("a") as old:
        old.write(f"{LINE}\n")
    step = copying("/srv/d/", "dst:/srv/d/")
    route = {"tag": "cockpit-route-x", "source": ["src", False], "target": ["dst", False]}
    async with fleet_of([src], tmp_path) as fleet:
        ctx = Asking(fleet, plan_of(fleet, [src], step), step, "src")
        await keys.keep_valid(ctx, "dst")  # none was noted
        ctx.detail["route"] = route
        late = asyncio.create_task(keys.keep_valid(ctx, "dst", at_once=True))
        await asyncio.to_thread(until, lambda: LINE not in file.read_text(), "it is renewed", 20)
        late.cancel()
        monkeypatch.setattr(keys, "RENEW", 0.05)
        file.parent.chmod(0o500)
        ctx.times = 0
        later = asyncio.create_task(keys.keep_valid(ctx, "dst", at_once=True))
        await asyncio.wait_for(ctx.third.wait(), 30)
        later.cancel()
    assert len(ctx.said) == 1 and "could not be renewed on src" in ctx.said[0], ctx.said


async def test_a_line_is_extended_as_it_is_and_a_removed_one_stays_away(hosts: Hosts, tmp_path: Path) -> None:
    src = hosts("src", user="root")
    file = src.path("/root/.ssh/authorized_keys")
    before = file.read_text()
    file.write_text(f"{before}{LINE}\n")
    async with fleet_of([src], tmp_path) as fleet:
        await openroute.renew("cockpit-route-x", fleet.remote("src"))
        others, _, new = file.read_text().rstrip().rpartition("\n")
        assert others.strip() == before.strip() and re.sub(r"20\d{10}", "202001010000", new) == LINE != new, new
        file.write_text(before)
        await openroute.renew("cockpit-route-x", fleet.remote("src"))
    assert file.read_text() == before
