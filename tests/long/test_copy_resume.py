"""Copies that are broken in the middle: found again, gone on with, never done when they are not, and no key left."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from cockpit import crash
from cockpit.fleet.api import FleetError, JobSpec, Lost
from cockpit.steps import copy
from cockpit.steps.copy import onejob
from tests.copy import trees
from tests.copy.context import Context, copying, fleet_of, plan_of
from tests.hosts.factory import Hosts
from tests.hosts.host import Host

DATA, HOLE = 12 << 20, 8 << 20
BIG = DATA + HOLE + DATA
SLOW = 6_000_000  # bytes per second: the copy takes about four seconds, and is caught in the middle


def rsyncs(host: Host) -> Callable[[int], bool]:
    def is_rsync(pid: int) -> bool:
        try:
            return Path(os.readlink(f"/proc/{pid}/exe")).name.startswith("rsync")
        except OSError:
            return False

    return is_rsync


async def stopped_at(ctx: Context, size: int) -> None:
    """Runs the copy and stops it, as an engine that ends does, when so many bytes have come."""
    running = asyncio.create_task(copy.run(ctx))
    async with asyncio.timeout(30):
        while not ctx.samples or ctx.samples[-1][1] < size:
            await ctx.moved.wait()
            ctx.moved.clear()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def through_losses(ctx: Context) -> copy.Outcome:
    """As the engine does: after a loss of contact wait for that server and call the step again."""
    while True:
        try:
            return await copy.run(ctx)
        except Lost as lost:
            await ctx.fleet.wait_contact(lost.server)
        except FleetError as error:
            if error.problem != "unreachable":
                raise
            await ctx.fleet.wait_contact(error.server)


def big(host: Host) -> Path:
    host.path("/srv/d").mkdir()
    for n in range(4):
        (host.path("/srv/d") / f"small{n}").write_bytes(os.urandom(50_000))
    path = host.path("/srv/d/z-big")
    with path.open("wb") as file:
        file.write(os.urandom(DATA))
        file.seek(HOLE, os.SEEK_CUR)
        file.write(os.urandom(DATA))
    return path


async def test_it_goes_on_without_the_cockpit_and_is_found(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = big(src)
    step = copying("/srv/d/", "dst:/srv/d/", limit=SLOW)
    plan = None
    detail = {}
    async with fleet_of([src, dst], tmp_path) as fleet:
        plan = plan_of(fleet, [src, dst], step)
        ctx = Context(fleet, plan, step, "src", detail=detail)
        engine = asyncio.create_task(copy.run(ctx))
        await asyncio.wait_for(ctx.moved.wait(), 20)
        engine.cancel()
        with suppress(asyncio.CancelledError):
            await engine
        assert trees.left_behind(src, dst), "the job still needs its key"
    async with fleet_of([src, dst], tmp_path) as fleet:
        again = Context(fleet, plan, step, "src", detail=detail, errors=ctx.errors, resumed=True)
        outcome = await through_losses(again)
        assert outcome.result == "done", (outcome, again.said, again.errors)
        assert detail["copy"]["starts"] == 1, "the same job, not another"
    assert dst.path("/srv/d/z-big").read_bytes() == source.read_bytes()
    assert trees.left_behind(src, dst) == []
    again.check_progress()


@pytest.mark.parametrize("killed", ["src", "dst"])
async def test_sigkill_of_one_side_is_transient_and_resumed(killed: str, hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = big(src)
    async with fleet_of([src, dst], tmp_path) as fleet:
        step = copying("/srv/d/", "dst:/srv/d/", limit=SLOW)
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        running = asyncio.create_task(copy.run(ctx))
        while dst.path("/srv/d/z-big").exists() is False or not dst.path("/srv/d/z-big").stat().st_size:
            async with asyncio.timeout(20):
                await asyncio.wait_for(ctx.moved.wait(), 20)
                ctx.moved.clear()
        victim = {"src": src, "dst": dst}[killed]
        assert victim.space.signal(signal.SIGKILL, rsyncs(victim))
        outcome = await asyncio.wait_for(running, 40)
        assert (outcome.result, outcome.transient) == ("failed", True), outcome
        assert trees.left_behind(src, dst) == []
        had = dst.path("/srv/d/z-big").stat().st_size
        assert 0 < had < BIG, "--inplace keeps what has arrived"
        fast = copying("/srv/d/", "dst:/srv/d/")
        retry = Context(fleet, plan_of(fleet, [src, dst], fast), fast, "src", n=2)
        outcome = await copy.run(retry)
        assert outcome.result == "done", (outcome, retry.errors)
        assert outcome.detail["moved_files"] == 1, "what was whole is not moved again"
        retry.check_progress()
    there = dst.path("/srv/d/z-big")
    assert there.read_bytes() == source.read_bytes()
    assert trees.allocated(there) <= trees.allocated(source) + (1 << 20), "the hole beyond the break is a hole"


async def test_the_target_reboots(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = big(src)
    step = copying("/srv/d/", "dst:/srv/d/", limit=SLOW)
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        running = asyncio.create_task(through_losses(ctx))
        await asyncio.wait_for(ctx.moved.wait(), 20)
        await asyncio.to_thread(dst.reboot)
        outcome = await asyncio.wait_for(running, 60)
        assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
        assert ctx.detail["copy"]["starts"] == 2
    assert dst.path("/srv/d/z-big").read_bytes() == source.read_bytes()
    assert trees.left_behind(src, dst) == []


@pytest.mark.parametrize("at", ["copy.route-made", "copy.job-noted"])
async def test_a_crash_right_after_a_note_leaves_no_key(
    at: str, hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    src, dst = hosts("src"), hosts("dst")
    src.path("/srv/f").write_text("f")
    src.own("/srv/f")
    step = copying("/srv/f", "dst:/tmp/")

    def dies(name: str) -> None:
        if name == at:
            raise asyncio.CancelledError

    async with fleet_of([src, dst], tmp_path) as fleet:
        plan = plan_of(fleet, [src, dst], step)
        ctx = Context(fleet, plan, step, "src")
        with monkeypatch.context() as patch, pytest.raises(asyncio.CancelledError):
            patch.setattr(crash, "point", dies)
            await copy.run(ctx)
        assert trees.left_behind(src, dst), "the route has been made"
        await copy.cleanup(ctx, ctx.detail)
        assert trees.left_behind(src, dst) == []
        await copy.cleanup(ctx, ctx.detail)
        again = Context(fleet, plan, step, "src", detail=ctx.detail, resumed=True)
        outcome = await copy.run(again)
        assert outcome.result == "done", (outcome, again.said, again.errors)
    assert trees.left_behind(src, dst) == []
    assert (src.path("/home/ops/.ssh/authorized_keys").read_text().count("\n")) == 1, "the person's own key stays"


async def test_a_target_that_another_job_writes_to(hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onejob, "LOCK_WAIT", 0.0)
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    src.path("/srv/d").mkdir()
    step = copying("/srv/d/", "dst:/srv/d/")
    async with fleet_of([src, dst], tmp_path) as fleet:
        other = JobSpec("other", "s2", 1, "sleep 600", lock="/srv/d")
        assert (await fleet.remote("dst").start_job(other)).phase == "running"
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        outcome = await copy.run(ctx)
        assert (outcome.result, outcome.transient) == ("failed", True)
        assert outcome.error == "another job writes to /srv/d/", "not: its job is absent"
        assert trees.left_behind(src, dst) == []
        await fleet.remote("dst").cancel_job("other", become=False)
        again = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", n=2)
        assert (await copy.run(again)).result == "done"


async def test_a_target_without_room_is_refused_before_anything_moves(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root", small={"/mnt": "4m"})
    big(src)
    step = copying("/srv/d/", "dst:/mnt/d/")
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        outcome = await copy.run(ctx)
        assert (outcome.result, outcome.transient) == ("failed", False)
        assert "4.19 MB free" in (outcome.error or "") and not list(dst.path("/mnt/d").iterdir()), outcome
        assert trees.left_behind(src, dst) == []


async def test_a_relay_goes_on_where_it_was(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", sftp_only=True)
    source = big(src)
    trees.sparse(src.path("/srv/d/disk.img"), 32 << 20, data=4 << 20)
    step = copying("/srv/d/", "dst:/vault/d/", limit=SLOW * 2)
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        await stopped_at(ctx, 12 << 20)
        parts = list(dst.seen("/vault/d").glob(".cockpit-*.part"))
        assert parts, "what is not whole does not stand under its name"
        fast = copying("/srv/d/", "dst:/vault/d/")
        again = Context(fleet, plan_of(fleet, [src, dst], fast), fast, "src", detail=ctx.detail, resumed=True)
        outcome = await through_losses(again)
        assert outcome.result == "done", (outcome, again.said)
        again.check_progress()
    there = dst.seen("/vault/d")
    assert trees.listing(there, seconds=True) == trees.listing(source.parent, seconds=True)
    assert trees.allocated(there / "disk.img") <= trees.allocated(source.parent / "disk.img") + 65536
    assert not list(there.glob(".cockpit-*"))


@pytest.mark.parametrize("method", ["sftp", "rsync"])
@pytest.mark.parametrize("what", ["tree", "file"])
async def test_parts_that_nobody_claims_are_gone_in_the_end(method: str, what: str, hosts: Hosts, tmp_path: Path) -> None:
    """The source was written anew after the try that left them: their names are of another version."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = big(src)
    (source.parent / ".cockpit-0123456789abcdef0123.part").write_text("the source's own")
    ends = ("/srv/d/", "dst:/srv/d/") if what == "tree" else ("/srv/d/z-big", "dst:/srv/d/z-big")
    async with fleet_of([src, dst], tmp_path) as fleet:
        step = copying(*ends, limit=SLOW, method="sftp")
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        await stopped_at(ctx, 4 << 20)
        there = dst.path("/srv/d")
        (there / ".cockpit-1.part").write_text("somebody's")
        assert len(list(there.glob(".cockpit-*.part"))) > 1
        os.utime(source, (10**9, 10**9))
        step = copying(*ends, method=method)
        again = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", n=2, before=[ctx.detail])
        outcome = await copy.run(again)
        assert outcome.result == "done", (outcome, again.errors)
    own = [".cockpit-0123456789abcdef0123.part"] * (what == "tree")
    assert sorted(path.name for path in there.glob(".cockpit-*")) == [*own, ".cockpit-1.part"]


@pytest.mark.parametrize("lost", [False, True])
async def test_a_part_goes_on_only_where_it_is_the_sources(lost: bool, hosts: Hosts, tmp_path: Path) -> None:
    """A part is gone on with, but all of it is compared at the end: a byte that is wrong long before its end too. A server
    that lost power may hold zeros where it said that data was written: such a part is not trusted from the beginning."""
    src, dst = hosts("src", user="root"), hosts("dst", sftp_only=True)
    source = big(src)
    step = copying("/srv/d/z-big", "dst:/vault/", limit=SLOW)
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        await stopped_at(ctx, 10 << 20)
        part = next(dst.seen("/vault").glob(".cockpit-*.part"))
        with part.open("r+b") as file:
            file.write(b"\0" * part.stat().st_size if lost else b"MARK")
        fast = copying("/srv/d/z-big", "dst:/vault/")
        again = Context(fleet, plan_of(fleet, [src, dst], fast), fast, "src")
        assert (await copy.run(again)).result == "done"
    assert dst.seen("/vault/z-big").read_bytes() == source.read_bytes()
    once_more = [words for words in again.said if "/vault/z-big is not at the target what was read" in words]
    assert len(once_more) == (0 if lost else 1), again.said


async def test_the_far_sshd_dies_in_a_relay(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root", without=("rsync",))
    source = big(src)
    step = copying("/srv/d/", "dst:/srv/d/", limit=SLOW)
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        running = asyncio.create_task(through_losses(ctx))
        await asyncio.wait_for(ctx.moved.wait(), 20)
        await asyncio.to_thread(dst.drop_connections)
        outcome = await asyncio.wait_for(running, 60)
        assert outcome.result == "done", (outcome, ctx.said)
    assert dst.path("/srv/d/z-big").read_bytes() == source.read_bytes()
