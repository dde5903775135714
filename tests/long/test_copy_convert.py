"""`convert`: the copied image in another format, made by the real qemu-img, proven, and never in place of what isn't ours."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from cockpit.steps import copy
from cockpit.steps.api import Outcome
from cockpit.steps.copy.convert import Heard, format_of, result_of
from tests.copy import trees
from tests.copy.context import Context, copying, fleet_of, plan_of
from tests.copy.disks import failing, mended, read_anew, seen
from tests.hosts.factory import Hosts
from tests.hosts.host import Host
from tests.long.test_copy_resume import through_losses


def image(host: Host, size: int = 24 << 20) -> Path:
    path = host.path("/srv/vm.img")
    trees.sparse(path, size, data=2 << 20)
    return path


def info(path: Path, format_: str) -> dict[str, Any]:
    said = subprocess.run(["qemu-img", "info", "-f", format_, "--output=json", str(path)], capture_output=True, check=True)
    return dict(json.loads(said.stdout))


def same(one: Path, other: Path, format_: str) -> bool:
    words = ["qemu-img", "compare", "-f", "raw", "-F", format_, str(one), str(other)]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


async def convert(hosts: list[Host], place: Path, to: str, **more: Any) -> tuple[Any, Context]:
    async with fleet_of(hosts, place) as fleet:
        step = copying("src:/srv/vm.img", "dst:/srv/vm.img", convert=to)
        ctx = Context(fleet, plan_of(fleet, hosts, step), step, "src", **more)
        return await copy.run(ctx), ctx


@pytest.mark.parametrize("to", ["qcow2", "vhdx", "vmdk"])
async def test_beside_the_image_and_identical(to: str, hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", sudo="nopasswd")
    source = image(src)
    source.chmod(0o640)
    outcome, ctx = await convert([src, dst], tmp_path, to)
    assert outcome.result == "done" and outcome.detail["converted"] == f"/srv/vm.{to}", (outcome, ctx.said, ctx.errors)
    made = dst.path(f"/srv/vm.{to}")
    assert info(made, to)["format"] == to and same(source, made, to)
    assert dst.path("/srv/vm.img").read_bytes() == source.read_bytes()
    assert made.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in dst.path("/srv").iterdir() if "part" in path.name] == []
    phases = [phase for phase, *_ in ctx.samples]
    assert phases.index("convert") > phases.index("copy") and phases[-1] == "verify"
    percents = [(done, total) for phase, done, total, *_ in ctx.samples if phase == "convert" and total]
    assert percents == sorted(percents) and percents[-1][0] == percents[-1][1] == 24 << 20


async def test_a_later_pass_replaces_its_own_and_nobody_elses(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source, made = image(src), dst.path("/srv/vm.qcow2")
    outcome, ctx = await convert([src, dst], tmp_path, "qcow2", night="one")
    assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
    with source.open("r+b") as file:
        file.write(os.urandom(1 << 20))
    outcome, ctx = await convert([src, dst], tmp_path, "qcow2", night="two")
    assert outcome.result == "done" and same(source, made, "qcow2"), (outcome, ctx.said)
    made.write_bytes(b"somebody's disk")
    dst.path("/srv/vm.img").unlink()
    outcome, ctx = await convert([src, dst], tmp_path, "qcow2", night="three")
    assert outcome.result == "failed" and "was not made by this step" in (outcome.error or ""), outcome
    assert made.read_bytes() == b"somebody's disk"
    assert not dst.path("/srv/vm.img").exists(), "refused before anything moves"


async def test_without_qemu_img_nothing_moves(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root", without=("qemu-img",))
    image(src)
    outcome, _ = await convert([src, dst], tmp_path, "qcow2")
    assert outcome.result == "failed" and "no qemu-img" in (outcome.error or "")
    assert not dst.path("/srv/vm.img").exists()


async def test_a_tree_is_no_image(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    src.path("/srv/vm.img").mkdir()
    outcome, _ = await convert([src, dst], tmp_path, "qcow2")
    assert outcome.result == "failed" and "not one file" in (outcome.error or "")


async def test_what_a_guest_wrote_does_not_choose_the_format(hosts: Hosts, tmp_path: Path) -> None:
    """A raw disk that begins like a qcow2 with a backing file of the host stays the bytes that it is."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    secret = dst.path("/srv/secret")
    secret.write_bytes(b"the host's own" * 100_000)
    evil = src.path("/srv/vm.img")
    src.run("qemu-img create -q -f qcow2 -u -b /srv/secret -F raw /srv/vm.img 16M")
    assert evil.read_bytes()[:4] == b"QFI\xfb"
    outcome, ctx = await convert([src, dst], tmp_path, "vmdk")
    assert outcome.result == "done" and same(evil, dst.path("/srv/vm.vmdk"), "vmdk"), (outcome, ctx.errors)
    assert b"the host's own" not in dst.path("/srv/vm.vmdk").read_bytes()


@pytest.mark.parametrize("lost", ["engine", "server"])
async def test_it_goes_on_after_a_loss(lost: str, hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = image(src, 300 << 20)
    async with fleet_of([src, dst], tmp_path) as fleet:
        step = copying("src:/srv/vm.img", "dst:/srv/vm.img", convert="qcow2")
        ctx = Context(fleet, plan_of(fleet, [src, dst], step), step, "src")
        engine = asyncio.create_task(copy.run(ctx))
        async with asyncio.timeout(60), ctx.noted:
            await ctx.noted.wait_for(lambda: "convert" in ctx.detail)
        engine.cancel()
        await asyncio.wait({engine})
        if lost == "server":
            dst.reboot()
        again = Context(fleet, ctx.plan, step, "src", detail=ctx.detail, errors=ctx.errors, resumed=True)
        outcome = await through_losses(again)
        assert outcome.result == "done" and outcome.detail["way"] == "pull", (outcome, again.said, again.errors)
    assert same(source, dst.path("/srv/vm.qcow2"), "qcow2")
    assert not dst.path("/srv/.vm.qcow2.cockpit-part").exists()


@pytest.mark.parametrize("to", ["qcow2", "vhdx", "vmdk"])
async def test_what_the_disk_could_not_write_back_is_never_done(to: str, hosts: Hosts, tmp_path: Path) -> None:
    """The image is on the disk and what was made of it is not, though it compares well: in memory."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = src.path("/srv/vm.img")
    source.write_bytes(os.urandom(7 << 20))
    failing(dst, "/srv/d")
    made = seen(dst, f"/srv/d/vm.{to}")
    step = copying("/srv/vm.img", "dst:/srv/d/vm.img", convert=to)
    async with fleet_of([src, dst], tmp_path) as fleet:
        plan = plan_of(fleet, [src, dst], step)
        ctx = Context(fleet, plan, step, "src")
        outcome = await copy.run(ctx)
        assert (outcome.result, outcome.transient) == ("failed", False), (outcome, ctx.said, ctx.errors)
        assert f"dst did not get all of /srv/d/vm.{to} to its disk" in (outcome.error or "")
        assert b"fsync failed" in ctx.errors and not made.exists()
        again = Context(fleet, plan, step, "src", detail=ctx.detail, resumed=True, errors=ctx.errors)
        assert (await copy.run(again)).error == outcome.error, "its job keeps what it heard"
        mended(dst)
        last = Context(fleet, plan, step, "src", n=2, before=[ctx.detail])
        outcome = await copy.run(last)
        assert outcome.result == "done", (outcome, last.said, last.errors)
    read_anew(dst, "/srv/d")
    assert same(source, made, to)


def processes(host: Host) -> list[tuple[bytes, str]]:
    """(first word of its command, its state as the kernel says it) of each of this host's."""
    found = []
    for place in (Path(f"/proc/{pid}") for pid in host.pids()):
        with suppress(OSError):
            word = (place / "cmdline").read_bytes().split(b"\0")[0]
            found.append((word, (place / "stat").read_text().rpartition(")")[2].split()[0]))
    return found


def stands_still(host: Host) -> bool:
    """One process of it is stopped, qemu-img or the shell that was to become it, and no qemu-img runs."""
    seen = processes(host)
    return "T" in [state for _, state in seen] and all(state == "T" for word, state in seen if word.endswith(b"qemu-img"))


class PausedAtOnce(Context):
    """Paused before the job begins, so that nothing can be over first."""

    async def note(self, **detail: Any) -> None:
        self.rate = 0 if "convert" in detail else self.rate
        await super().note(**detail)


async def begun_to_stand_still(ctx: PausedAtOnce, dst: Host) -> asyncio.Task[Outcome]:
    """The copy under way, once its conversion is stopped."""
    work = asyncio.create_task(copy.run(ctx))
    async with asyncio.timeout(90):
        while not stands_still(dst):
            assert not work.done(), (work.result(), ctx.said, ctx.errors)
            await asyncio.sleep(0.05)
    return work


@pytest.mark.parametrize("end", ["goes on", "cancelled"])
async def test_a_paused_one_stands_still(end: str, hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = image(src, 300 << 20)
    async with fleet_of([src, dst], tmp_path) as fleet:
        step = copying("src:/srv/vm.img", "dst:/srv/vm.img", convert="qcow2")
        ctx = PausedAtOnce(fleet, plan_of(fleet, [src, dst], step), step, "src")
        work = await begun_to_stand_still(ctx, dst)
        over, _ = await asyncio.wait({work}, timeout=2.5)
        assert not over and stands_still(dst)
        if end == "cancelled":
            ctx.cancel.set()
        else:
            await ctx.change_pace(None)
        outcome = await asyncio.wait_for(work, 60)
    assert outcome.result == ("cancelled" if end == "cancelled" else "done"), (outcome, ctx.said, ctx.errors)
    assert not any(word.endswith(b"qemu-img") or state == "T" for word, state in processes(dst))
    assert not dst.path("/srv/.vm.qcow2.cockpit-part").exists()
    assert dst.path("/srv/vm.qcow2").exists() == (end == "goes on")
    if end == "goes on":
        assert same(source, dst.path("/srv/vm.qcow2"), "qcow2")


DEAF = """#!/bin/sh
case $1 in convert) trap '' TERM; sleep 2;; esac
exec /srv/qemu-img "$@"
"""


async def test_of_a_cancelled_one_nothing_stays_however_late_it_hears(hosts: Hosts, tmp_path: Path) -> None:
    """Stopped between its fork and its exec it lost the TERM, went on, and made the file that had been taken away."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    image(src, 3 << 20)
    dst.path("/srv/deaf").write_text(DEAF)
    dst.path("/srv/deaf").chmod(0o755)
    dst.run("cp /usr/bin/qemu-img /srv/qemu-img; mount --bind /srv/deaf /usr/bin/qemu-img")
    async with fleet_of([src, dst], tmp_path) as fleet:
        step = copying("src:/srv/vm.img", "dst:/srv/vm.img", convert="qcow2")
        ctx = PausedAtOnce(fleet, plan_of(fleet, [src, dst], step), step, "src")
        work = await begun_to_stand_still(ctx, dst)
        ctx.cancel.set()
        outcome = await asyncio.wait_for(work, 60)
    assert outcome.result == "cancelled", (outcome, ctx.said, ctx.errors)
    assert [name for name in os.listdir(dst.path("/srv")) if "qcow2" in name] == []


def test_names_and_formats() -> None:
    assert result_of("/v/a.img", "qcow2") == "/v/a.qcow2" and result_of("/v/web.example", "raw") == "/v/web.example.raw"
    assert (format_of("/v/a.VMDK"), format_of("/v/a.img"), format_of("/v/a")) == ("vmdk", "raw", "raw")


def test_progress_in_any_pieces() -> None:
    heard, said = Heard(), b"size 1000\nconvert\n    (0.00/100%)\r    (100.00/100%)\r\ncompare\n    (50.00/100%)\r"
    for n in range(len(said)):
        heard.feed(said[n : n + 1])
    assert (heard.phase, heard.done) == ("verify", 500)
