"""What a power cut or a disk that gave up has left under the right names, sizes and times is not taken for what was copied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet.api import FleetError, Lost
from cockpit.steps import copy
from cockpit.steps.copy import direct
from cockpit.steps.copy.places import ends
from tests.copy import trees
from tests.copy.context import Context, copying, fleet_of, plan_of
from tests.hosts.factory import Hosts

STEP = copying("src:/srv/d/", "dst:/srv/d/")


async def through_losses(ctx: Context) -> copy.Outcome:
    while True:
        try:
            return await copy.run(ctx)
        except (Lost, FleetError) as problem:
            await ctx.fleet.wait_contact(problem.server)


async def test_a_power_cut_before_the_sync_is_noticed(hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = trees.make(src, "/srv/d", files=5)
    real, cuts = direct.synced, []

    async def cut(*args: Any) -> str:
        if not cuts:
            cuts.append(dst.reboot())
            trees.emptied(dst.path("/srv/d/sub/f001"))
        return await real(*args)

    monkeypatch.setattr(direct, "synced", cut)
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], STEP), STEP, "src")
        outcome = await through_losses(ctx)
        assert outcome.result == "done", (outcome, ctx.said)
    assert any("dst was started anew" in words for words in ctx.said), ctx.said
    assert trees.listing(dst.path("/srv/d")) == trees.listing(source)
    assert trees.left_behind(src, dst) == []


@pytest.mark.parametrize("said", ["Read-only file system (30)", "Input/output error (5)"])
async def test_a_disk_that_gave_up_under_an_earlier_try_is_not_believed(hosts: Hosts, tmp_path: Path, said: str) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = trees.make(src, "/srv/d", files=5)
    async with fleet_of([src, dst], tmp_path) as fleet:
        first = Context(fleet, plan_of(fleet, [src, dst], STEP), STEP, "src")
        assert (await copy.run(first)).result == "done"
        trees.emptied(dst.path("/srv/d/sub/f001"))
        begun = direct.noted(first)
        assert begun is not None
        words = direct.doubt.disk_of(begun, f'rsync: [receiver] write failed on "/srv/d/x": {said}\nrsync error: code 11\n')
        again = Context(fleet, plan_of(fleet, [src, dst], STEP), STEP, "src", n=2, before=[first.detail | {"disk": words}])
        outcome = await copy.run(again)
        assert outcome.result == "done", (outcome, again.said)
    assert any("the disk gave up under this copy" in text and said[:-5] in text for text in again.said), again.said
    assert trees.listing(dst.path("/srv/d")) == trees.listing(source)


async def test_words_of_other_troubles_are_none_of_the_disks(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    trees.make(src, "/srv/d", files=5)
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], STEP), STEP, "src")
        assert (await copy.run(ctx)).result == "done"
    begun = direct.noted(ctx)
    assert begun is not None and begun.boot
    for said in ("No space left on device (28)", "Permission denied (13)"):
        assert not direct.doubt.disk_of(begun, f'rsync: [receiver] mkstemp "/srv/d/x" failed: {said}\n')


async def test_a_doubt_outlives_the_job_that_it_began_anew(hosts: Hosts, tmp_path: Path) -> None:
    """The second job's note has the new boot, and may be lost as the first was."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = trees.make(src, "/srv/d", files=5)
    async with fleet_of([src, dst], tmp_path) as fleet:
        first = Context(fleet, plan_of(fleet, [src, dst], STEP), STEP, "src")
        assert (await copy.run(first)).result == "done"
        target, now = ends(first)[1], first.detail["copy"]["boot"]
        first.detail["copy"] |= {"boot": "another"}
        assert "was started anew" in await direct.doubt.why(first, target)
        first.detail["copy"] |= {"boot": now}
        assert "was started anew" in await direct.doubt.why(first, target)
    assert trees.listing(dst.path("/srv/d")) == trees.listing(source)
