"""Trees over shards, between real servers: what arrives, what is sent again after a break, and what the last pass says."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet import shards
from cockpit.steps import copy
from cockpit.steps.copy import trees as parts
from tests.copy import trees
from tests.copy.context import Context, copying, fleet_of, plan_of
from tests.hosts.factory import Hosts
from tests.hosts.host import Host
from tests.hosts.space import until
from tests.long.test_copy_resume import rsyncs, through_losses

MANY, EACH = 120, 200_000
SLOW = 4_000_000  # bytes per second: six seconds for all


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trees of a few megabytes are cut as a large one would be."""
    monkeypatch.setattr(parts, "SMALL", 0)
    monkeypatch.setattr(shards, "SMALLEST", 2 << 20)
    monkeypatch.setattr(shards, "BIGGEST", 3 << 20)


def many(host: Host) -> Path:
    root = host.path("/srv/d")
    for n in range(MANY):
        path = root / f"dir{n // 10}/f{n:03}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(EACH))
    (root / "dir9/twin").hardlink_to(root / "dir0/f000")
    for path in (*root.rglob("*"), root):
        os.utime(path, ns=(10**18, 10**18))
    return root


def arrived(host: Host) -> list[Path]:
    """Files that are whole. What a trial of the target made may be gone again while it is looked at."""
    found = (Path(place) / name for place, _, names in os.walk(host.path("/srv/d")) for name in names if name.startswith("f"))
    return [path for path in found if path.stat().st_size == EACH]


def kept(*hosts: Host) -> list[Path]:
    return [path for host in hosts for path in host.root.glob("**/jobs/*/shards-*")]


def owners(root: Path) -> list[tuple[int, int]]:
    return [(path.lstat().st_uid, path.lstat().st_gid) for path in sorted(root.rglob("*"))]


def done_shards(host: Host) -> int:
    with suppress(FileNotFoundError):  # something that was tried on its disk went while this looked
        return sum(1 for place in kept(host) for _ in place.glob("done/*"))
    return 0


@pytest.mark.parametrize(("ours", "theirs", "way"), [
    ({"user": "root"}, {"user": "root"}, "pull"), ({"sudo": "password"}, {"user": "root"}, "push"),
    ({"sudo": "nopasswd"}, {"sudo": "nopasswd"}, "pull"), ({"user": "root"}, None, "local"),
    ({"user": "root", "without": ("python3",)}, {"user": "root", "userland": "busybox", "sh": "busybox"}, "pull"),
])  # fmt: skip
async def test_a_tree_over_shards(
    ours: dict[str, Any], theirs: dict[str, Any] | None, way: str, hosts: Hosts, tmp_path: Path,
) -> None:  # fmt: skip
    src = hosts("src", **ours)
    dst = hosts("dst", **theirs) if theirs else src
    source = trees.make(src, "/srv/data", files=200)
    for name in ("#comment", "; so"):
        (source / "sub" / name).write_text(name)
    src.own("/srv/data/sub")
    os.utime(source / "sub", ns=(10**18, 10**18))
    step = copying("src:/srv/data", f"{dst.name}:/srv/new/", streams=3)
    async with fleet_of({src.name: src, dst.name: dst}.values(), tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        outcome = await copy.run(ctx)
        assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
        assert outcome.detail["way"] == way and outcome.detail["streams"] == 3, (outcome.detail, ctx.said)
        assert any("shards over 3 streams" in words for words in ctx.said)
    there = dst.path("/srv/new/data")
    assert trees.listing(there) == trees.listing(source)
    assert (there / "twin").stat().st_ino == (there / "sub/f002").stat().st_ino
    assert trees.allocated(there / "disk.img") <= trees.allocated(source / "disk.img") + 65536, "holes stay holes"
    assert owners(there) == owners(source)
    ctx.check_progress()
    assert trees.left_behind(src, dst) == [] and kept(src, dst) == []


# An rsync that finds no target directory makes it, and fails where another has made it meanwhile. These always lose that race.
LATE = """#!/bin/sh
case "$*" in
    *--files-from=*) [ -d /srv/new/data ] || exit 11 ;;
esac
exec /usr/bin/rsync "$@"
"""


async def test_several_begin_in_a_new_directory(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root", without=("python3",))
    source = trees.make(src, "/srv/data", files=200)
    rsync = dst.root / ".sbin/rsync"  # /usr/local/sbin, the first place where root looks
    rsync.write_text(LATE)
    rsync.chmod(0o755)
    step = copying("src:/srv/data", "dst:/srv/new/", streams=2)
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        outcome = await copy.run(ctx)
    assert outcome.result == "done" and outcome.detail["streams"] == 2, (outcome, ctx.said, ctx.errors)
    assert trees.listing(dst.path("/srv/new/data")) == trees.listing(source)


@pytest.mark.parametrize("victim", ["job", "src", "dst", "sshd"])
async def test_killed_in_the_middle(victim: str, hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = many(src)
    async with fleet_of([src, dst], tmp_path) as fleet:
        step = copying("/srv/d/", "dst:/srv/d/", limit=SLOW)
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        running = asyncio.create_task(through_losses(ctx))
        await asyncio.to_thread(until, lambda: done_shards(dst) >= 2, "two shards are through", 40)
        if victim == "sshd":
            src.drop_connections()
        elif victim == "job":
            assert dst.space.signal(signal.SIGKILL, lambda pid: b"COCKPIT_JOB=" in _environment(pid))
        else:
            host = src if victim == "src" else dst
            await asyncio.to_thread(until, lambda: host.space.signal(signal.SIGKILL, rsyncs(host)), "an rsync is killed")
        whole, had = len(arrived(dst)), done_shards(dst)
        await ctx.change_pace(None)
        outcome = await asyncio.wait_for(running, 100)
        if victim == "job":  # all of it, and nobody left to try a shard again
            assert (outcome.result, outcome.transient, outcome.exit) == ("failed", True, 137), outcome
            assert len(kept(dst)) == 1 and trees.left_behind(src, dst) == []
            ctx = Context(fleet, ctx.plan, step, "src", n=2)
            outcome = await through_losses(ctx)
            assert outcome.detail["moved_files"] <= MANY - whole + 2, "one file per stream at most is sent again"
        assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
        assert had >= 2 and whole > 10
    assert trees.listing(dst.path("/srv/d")) == trees.listing(source)
    assert (dst.path("/srv/d") / "dir9/twin").stat().st_nlink == 2
    assert trees.left_behind(src, dst) == [] and kept(dst) == []
    ctx.check_progress()


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


async def test_an_engine_that_comes_back_goes_on_with_the_next_part(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = many(src)
    step = copying("/srv/d/", "dst:/srv/d/", limit=SLOW)
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        engine = asyncio.create_task(copy.run(ctx))
        await asyncio.to_thread(until, lambda: done_shards(dst) >= 2, "two shards are through", 40)
        engine.cancel()
        with suppress(asyncio.CancelledError):
            await engine
        assert ctx.detail["copy"]["part"] == "files"
        again = Context(fleet, ctx.plan, step, "src", detail=ctx.detail, errors=ctx.errors, resumed=True)
        outcome = await through_losses(again)
        assert outcome.result == "done", (outcome, again.said, again.errors)
        assert (ctx.detail["copy"]["part"], ctx.detail["copy"]["starts"]) == ("settle", 1)
        assert outcome.detail["moved_files"] == MANY
        again.check_progress()
    assert trees.listing(dst.path("/srv/d")) == trees.listing(source)


async def test_a_pace_told_while_it_runs(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    many(src)
    step = copying("/srv/d/", "dst:/srv/d/")
    async with fleet_of([src, dst], tmp_path) as fleet:
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", rate=200_000)
        running = asyncio.create_task(copy.run(ctx))
        await asyncio.wait_for(ctx.moved.wait(), 40)
        await ctx.change_pace(None)  # at the old one it would take two minutes
        outcome = await asyncio.wait_for(running, 60)
        assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
        ctx.check_progress()


async def test_passes_after_the_first_and_the_final_one(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = many(src)
    async with fleet_of([src, dst], tmp_path) as fleet:
        step = copying("/srv/d/", "dst:/srv/d/", pass_="initial")
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        assert (await copy.run(ctx)).result == "done", (ctx.said, ctx.errors)
        (source / "dir1/f010").unlink()
        (source / "dir2/f020").write_bytes(b"changed")
        step = copying("/srv/d/", "dst:/srv/d/", pass_="final", delete=True)
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", night="s2")
        outcome = await copy.run(ctx)
        assert (outcome.result, outcome.detail["moved_files"]) == ("done", 1), (outcome, ctx.said, ctx.errors)
        assert not any("shards" in words for words in ctx.said), "a difference is carried by one pass"
        ctx.check_progress()
    assert trees.listing(dst.path("/srv/d")) == trees.listing(source)


async def test_what_vanishes_between_the_listing_and_the_copy(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = many(src)
    for pass_ in ("initial", "final"):
        async with fleet_of([src, dst], tmp_path) as fleet:
            step = copying("/srv/d/", f"dst:/srv/{pass_}/", pass_=pass_)
            ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", night=pass_, rate=SLOW)
            running = asyncio.create_task(copy.run(ctx))
            async with ctx.noted:
                await asyncio.wait_for(ctx.noted.wait_for(lambda ctx=ctx: "copy" in ctx.detail), 30)
            victim = {"initial": "dir11/f119", "final": "dir11/f118"}[pass_]
            (source / victim).unlink()
            await ctx.change_pace(None)
            outcome = await asyncio.wait_for(running, 60)
            assert outcome.result == "done", (pass_, outcome, ctx.said, ctx.errors)
        assert trees.listing(dst.path(f"/srv/{pass_}")).keys() == trees.listing(source).keys()


@pytest.mark.parametrize("without", [(), ("python3",)])
async def test_large_files_among_small_ones_go_by_chunks(
    without: tuple[str, ...], hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(parts, "LARGE", 1 << 20)
    src, dst = hosts("src", sudo="nopasswd"), hosts("dst", user="root", without=without)
    source = trees.make(src, "/srv/d", files=50)
    (source / "vm").mkdir()
    trees.sparse(source / "vm/db.img", 40 << 20, data=3 << 20)
    (source / "vm/linked.img").write_bytes(os.urandom(2 << 20))
    (source / "vm/second name").hardlink_to(source / "vm/linked.img")
    (source / "vm").chmod(0o750)
    for place in ("vm/db.img", "vm/linked.img", "vm", "."):
        os.utime(source / place, ns=(10**18, 10**18 + 123_456_789))
    async with fleet_of([src, dst], tmp_path) as fleet:
        step = copying("/srv/d/", "dst:/srv/d/", pass_="initial")
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        outcome = await copy.run(ctx)
        assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
        assert "3 large files go by chunks" in ctx.said, ctx.said
        assert set(ctx.detail["copy"]["done"]) == {"files", "images"}
        ctx.check_progress()
        there = dst.path("/srv/d")
        seconds = bool(without)  # no touch but GNU's sets more, and rsync leaves a time alone that is right to the second
        assert trees.listing(there, seconds=seconds) == trees.listing(source, seconds=seconds)
        assert (there / "vm/linked.img").stat().st_nlink == 2
        assert trees.allocated(there / "vm/db.img") <= trees.allocated(source / "vm/db.img") + 65536, "holes stay holes"
        with (source / "vm/db.img").open("r+b") as file:
            file.seek(1 << 20)
            file.write(b"changed")
        step = copying("/srv/d/", "dst:/srv/d/", pass_="final")
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", night="s2")
        outcome = await copy.run(ctx)
        assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
        if not without:  # without Python a whole chunk
            assert outcome.detail["moved"] < 2 << 20, "only what changed is moved"
    assert trees.listing(dst.path("/srv/d"), seconds=seconds) == trees.listing(source, seconds=seconds)
    assert trees.left_behind(src, dst) == [] and kept(src, dst) == []


@pytest.mark.parametrize("pass_", [None, "initial"])
async def test_one_large_file_goes_by_chunks(pass_: str | None, hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    trees.sparse(src.path("/srv/disk.img"), 40 << 20, data=3 << 20)
    async with fleet_of([src, dst], tmp_path) as fleet:
        step = copying("/srv/disk.img", "dst:/srv/vault/", method="image", pass_=pass_)
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        outcome = await copy.run(ctx)
        assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
        assert ctx.detail["copy"]["part"] == "images", "nothing is left for rsync"
        ctx.check_progress()
    there = dst.path("/srv/vault/disk.img")
    assert there.read_bytes() == src.path("/srv/disk.img").read_bytes()
    assert there.stat().st_mtime_ns == src.path("/srv/disk.img").stat().st_mtime_ns


@pytest.mark.parametrize(("start", "landing"), [("/srv/d/", "/srv/d"), ("/srv/d", "/srv/in/d")])
async def test_images_in_use_are_moved_once_by_the_first_pass(
    start: str, landing: str, hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """They are written to while they are copied: the pass over all leaves them to the final one, and only them."""
    monkeypatch.setattr(parts, "LARGE", 1 << 20)
    monkeypatch.setattr(shards, "LARGE", 1 << 20)
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    root = src.path("/srv/d")
    (root / "v[m]").mkdir(parents=True)
    odd = ["a.img", "v[m]/x*.img", "v[m]/x?\\y.img", "b\\s.img", "new\nline", "b\udcff\udcfe.img", " q'\"$x"]
    for name in odd:
        (root / name).write_bytes(os.urandom(3 << 20))
    (root / "v[m]/xx.img").touch()  # no byte of it: the first that is counted is an image's
    to = f"dst:{landing}/" if start.endswith("/") else f"dst:{os.path.dirname(landing)}/"
    async with fleet_of([src, dst], tmp_path) as fleet:
        step = copying(start, to, pass_="initial", delete=True, method="image", limit=4_000_000)
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        monkeypatch.setattr(shards, "cut", small_apart(shards.cut))
        monkeypatch.setattr(parts, "cut", shards.cut)
        running = asyncio.create_task(copy.run(ctx))
        await asyncio.wait_for(ctx.moved.wait(), 40)
        for name in odd:
            with (root / name).open("r+b") as file:
                file.write(b"written to")
        await ctx.change_pace(None)
        outcome = await asyncio.wait_for(running, 60)
        assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
        done = ctx.detail["copy"]["done"]
        assert done["images"]["files"] == len(odd)
        settled = outcome.detail["moved_files"] - sum(part["detail"].get("moved_files", 0) for part in done.values())
        assert settled == 0 and all((dst.path(landing) / name).exists() for name in odd), outcome.detail
        step = copying(start, to, pass_="final", delete=True)
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", night="s2")
        assert (await copy.run(ctx)).result == "done", (ctx.said, ctx.errors)
    assert trees.listing(dst.path(landing)) == trees.listing(root)


def small_apart(cut: Any) -> Any:
    """`cut` for which every file over a MiB is large, whatever the method says."""
    return lambda listing, **how: cut(listing, **how | {"large": 1 << 20})


@pytest.mark.parametrize("without", [(), ("python3",)])
async def test_receipts_go_with_the_records_of_their_night(without: tuple[str, ...], hosts: Hosts, tmp_path: Path) -> None:
    """And not those of another's."""
    src, dst = hosts("src", user="root"), hosts("dst", sudo="nopasswd", without=without)
    trees.sparse(src.path("/srv/disk.img"), 40 << 20, data=3 << 20)
    async with fleet_of([src, dst], tmp_path) as fleet:
        for night in ("s1", "s2"):
            step = copying("/srv/disk.img", f"dst:/srv/vault/{night}.img", method="image")
            ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src", night=night)
            assert (await copy.run(ctx)).result == "done", (ctx.said, ctx.errors)
        one = receipts(dst)
        await fleet.remote("dst").remove_jobs("s1")
        assert 0 < len(receipts(dst)) == len(one) // 2, one
        await fleet.remote("dst").remove_jobs("s2")
        assert receipts(dst) == []


def receipts(host: Host) -> list[Path]:
    return list(host.root.glob("**/.cockpit/images/*"))
