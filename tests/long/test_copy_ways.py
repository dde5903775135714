"""Which way a copy goes: sudo on either side, missing tools, other SSH servers, jump hosts, this machine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from cockpit.steps import copy
from cockpit.steps.copy import way as ways
from tests.copy import trees
from tests.copy.context import Context, copying, fleet_of, plan_of
from tests.copy.test_way_kept import NO_WAY, PULLED
from tests.hosts.factory import Hosts


@pytest.mark.parametrize(("ours", "theirs", "way"), [
    ({"sudo": "nopasswd"}, {"sudo": "nopasswd"}, "pull"),
    ({"sudo": "nopasswd"}, {"sudo": "password"}, "pull"),  # the side that runs the job gives its password to the wrapper
    ({"sudo": "password"}, {"user": "root"}, "push"),  # the other side can't be asked for one
    ({"user": "root"}, {"user": "root", "without": ("ssh",)}, "push"),
    ({"user": "root", "server": "dropbear"}, {"user": "root"}, "push"),  # it does not know from= and expiry-time=
    ({"user": "root", "noisy_rc": True}, {"user": "root"}, "push"),  # what its shell prints would go before the data
    ({"user": "root"}, {"user": "root", "read_only_home": True}, "pull"),
    ({"user": "root"}, {"user": "root", "userland": "busybox", "shell": "busybox", "sh": "busybox"}, "pull"),
    ({"user": "root", "userland": "busybox", "sh": "busybox"}, {"user": "root", "without": ("ssh-keygen",)}, "push"),
    ({"user": "root", "without": ("rsync",)}, {"user": "root"}, "relay"),
    ({"user": "root", "without": ("ssh",)}, {"user": "root", "without": ("ssh-keygen",)}, "relay"),
    ({"user": "root"}, {"sftp_only": True}, "relay"),
])  # fmt: skip
async def test_the_way_that_works(ours: dict[str, Any], theirs: dict[str, Any], way: str, hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", **ours), hosts("dst", **theirs)
    source = trees.make(src, "/srv/d", files=8, special=way != "relay")
    if src.user == "ops":
        (source / "sub/f000").chmod(0o600)
        src.run("chown root:root /srv/d/sub/f000")
    to = "/vault/d/" if dst.sftp_only else "/srv/d/"
    step = copying("src:/srv/d/", f"dst:{to}")
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        outcome = await copy.run(ctx)
        assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
        assert outcome.detail["way"] == way, ctx.said
    relayed = way == "relay"
    assert trees.listing(dst.seen(to), seconds=relayed) == trees.listing(source, seconds=relayed)
    assert trees.left_behind(src, dst) == []
    ctx.check_progress()


async def test_both_ask_for_a_sudo_password(hosts: Hosts, tmp_path: Path) -> None:
    """Neither can be the other's far side; the relay becomes root on both."""
    src, dst = hosts("src", sudo="password"), hosts("dst", sudo="password")
    src.path("/srv/d").mkdir()
    src.path("/srv/d/f").write_text("f")
    src.path("/srv/d/f").chmod(0o600)
    step = copying("src:/srv/d/", "dst:/srv/d/")
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        outcome = await copy.run(ctx)
        assert (outcome.result, outcome.detail.get("way")) == ("done", "relay"), (outcome, ctx.said)
        assert any("password" in words for words in ctx.said)


async def test_behind_a_jump_host(hosts: Hosts, tmp_path: Path) -> None:
    """Two servers that can't see each other, one behind a bastion: relayed, and back again."""
    bastion = hosts("bastion", bastion=True)
    far, near = hosts("far", user="root", via=bastion), hosts("near", user="root")
    source = trees.make(near, "/srv/d", files=4, special=False)
    async with fleet_of([bastion, far, near], tmp_path) as fleet:
        plan = [bastion, far, near]
        for step, where in ((copying("near:/srv/d/", "far:/srv/d/"), "far"), (copying("far:/srv/d/", "near:/srv/back/"), "near")):
            ctx = Context(fleet, plan_of(fleet, plan, step), step, where, night=where)
            outcome = await copy.run(ctx)
            assert outcome.result == "done", (outcome, ctx.said)
    assert trees.listing(near.path("/srv/back"), seconds=True) == trees.listing(source, seconds=True)
    assert trees.left_behind(far, near) == []


@pytest.mark.parametrize("sftp_only", [False, True])
async def test_from_and_to_this_machine(sftp_only: bool, hosts: Hosts, tmp_path: Path) -> None:
    box = hosts("box", sftp_only=sftp_only)
    here = tmp_path / "here"
    (here / "sub").mkdir(parents=True)
    (here / "sub/f").write_text("from here")
    (here / "link").symlink_to("sub/f")
    place = "/vault/in" if sftp_only else "/tmp/in"
    async with fleet_of([box], tmp_path) as fleet:
        steps = {"push": copying(f"local:{here}/", f"box:{place}/"), "pull": copying(f"box:{place}/", f"local:{tmp_path}/back/")}
        for way, step in steps.items():
            ctx = Context(fleet, plan_of(fleet, [box], step), step, "box", night=way)
            outcome = await copy.run(ctx)
            assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
            assert outcome.detail["way"] == ("relay" if sftp_only else way), ctx.said
    assert trees.listing(tmp_path / "back", seconds=True) == trees.listing(here, seconds=True)
    assert trees.left_behind(box) == []


async def test_a_storage_network_is_used_where_given(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    src.path("/srv/f").write_text("f")
    step = copying("src:/srv/f", "dst:/srv/")
    async with fleet_of([src, dst], tmp_path, src={"data_host": "127.77.255.254"}, dst={"data_host": dst.address}) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        outcome = await copy.run(ctx)
        assert (outcome.result, outcome.detail["way"]) == ("done", "push"), (outcome, ctx.said)
        assert any("127.77.255.254" in words for words in ctx.said), "the address that did not answer is named"


async def test_a_cancel_ends_the_waiting(hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    src, dst = hosts("src", **NO_WAY[0]), hosts("dst", **NO_WAY[1])
    trees.make(src, "/srv/d", files=5)
    monkeypatch.setattr(ways, "PAUSES", (3600.0,))
    step = copying("/srv/d/", "dst:/srv/d/")
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", n=2, before=[PULLED])
        running = asyncio.create_task(copy.run(ctx))
        async with asyncio.timeout(30):
            while not any("tried again" in words for words in ctx.said):
                await ctx.spoke.wait()
                ctx.spoke.clear()
        ctx.cancel.set()
        outcome = await asyncio.wait_for(running, 20)
    assert outcome.result == "cancelled" and trees.left_behind(src, dst) == []
