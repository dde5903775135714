"""Copies that outlive their key: it is renewed while they run, and where nobody renewed it the next try has another."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from cockpit.fleet import routes
from cockpit.steps.copy import keys
from tests.copy import trees
from tests.copy.context import Context, copying, fleet_of, plan_of
from tests.copy.test_resume import through_losses
from tests.hosts.factory import Hosts
from tests.hosts.host import Host
from tests.hosts.space import until
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


async def test_a_line_is_extended_as_it_is_and_a_removed_one_stays_away(hosts: Hosts, tmp_path: Path) -> None:
    src = hosts("src", user="root")
    file = src.path("/root/.ssh/authorized_keys")
    before = file.read_text()
    line = 'restrict,from="10.0.0.1",expiry-time="202001010000",command="a b" ssh-ed25519 AAAA cockpit-route-x'
    file.write_text(f"{before}{line}\n")
    async with fleet_of([src], tmp_path) as fleet:
        await routes.renew("cockpit-route-x", fleet.remote("src"))
        others, _, new = file.read_text().rstrip().rpartition("\n")
        assert others.strip() == before.strip() and re.sub(r"20\d{10}", "202001010000", new) == line != new, new
        file.write_text(before)
        await routes.renew("cockpit-route-x", fleet.remote("src"))
    assert file.read_text() == before
