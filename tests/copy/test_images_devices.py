"""Block devices: a physical disk into an image and an image onto a disk, by loop devices; what may not be written to."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cockpit.steps import copy
from cockpit.steps.api import Outcome
from tests.copy.context import Context, copying, fleet_of, plan_of
from tests.copy.images import COUNT, MIB, allocated, dense, mover, same, sparse
from tests.hosts import require
from tests.hosts.factory import Hosts
from tests.hosts.host import Host

Loop = Callable[[Path], str]


@pytest.fixture
def loop() -> Iterator[Loop]:
    """A block device over a file: the hosts share the machine's /dev."""
    require("losetup", "mkfs.ext4", root=True)
    made = []

    def attach(path: Path) -> str:
        device = subprocess.run(["losetup", "--find", "--show", path], capture_output=True, text=True, check=True).stdout.strip()
        made.append(device)
        return device

    try:
        yield attach
    finally:
        for device in made:
            subprocess.run(["losetup", "--detach", device], check=False)


async def test_a_disk_becomes_a_sparse_image_and_a_disk_again(loop: Loop, hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", sudo="nopasswd")
    disk = sparse(src.path("/srv/disk"), 200 * MIB, 5, 2 * MIB)
    physical = loop(disk)
    async with mover(src, dst, "pull", tmp_path) as moving:
        run = await moving.move((physical, "/srv/image"))
        image = dst.path("/srv/image")
        assert same(disk, image)
        assert run.part.size == 200 * MIB and run.part.moved < 30 * MIB, "zeros of a device are not moved"
        assert allocated(image) < 30 * MIB
    other = dense(tmp_path / "other", 210 * MIB)
    device = loop(other)
    async with mover(dst, src, "push", tmp_path) as moving:
        await moving.move(("/srv/image", device))
        src.run(f"blockdev --flushbufs {device}")
        with other.open("rb") as file:
            assert file.read(200 * MIB) == disk.read_bytes(), "what is a hole in the image is zeros on the disk"
        with image.open("r+b") as file:
            file.write(b"changed")
        run = await moving.move(("/srv/image", device))
        assert 0 < run.part.moved <= 2 * MIB


async def test_a_device_in_use_or_too_small_is_refused(loop: Loop, hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    dense(src.path("/srv/image"), 20 * MIB)
    for size, mounted, words in ((10, False, "has 10485760 bytes, its source 20971520"), (30, True, "is mounted or in use")):
        device = loop(dense(tmp_path / f"disk{size}", size * MIB))
        if mounted:
            made = dst.run(f"mkfs.ext4 -q {device} && mount {device} /mnt")
            assert made.returncode == 0, made.stderr
        async with mover(src, dst, "pull", tmp_path) as moving:
            run = await moving.start([("/srv/image", device)])
            outcome = await asyncio.wait_for(run.follow(), 30)
        assert outcome is not None and not outcome.transient and words in (outcome.error or ""), outcome
    dst.run("umount /mnt")


async def test_a_device_written_to_meanwhile_is_noticed(loop: Loop, hosts: Hosts, tmp_path: Path) -> None:
    """A device has no time of writing: its chunks are asked for again at the proof."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    disk = dense(src.path("/srv/disk"), 96 * MIB)
    device = loop(disk)
    async with mover(src, dst, "pull", tmp_path) as moving:
        run = await moving.start([(device, "/srv/image")], told=b"40000000")
        following = asyncio.create_task(run.follow())
        await run.until("copy", 64 * MIB)
        src.run(f"printf meanwhile | dd of={device} conv=notrunc,fsync")
        moving.tell(None)
        outcome = await asyncio.wait_for(following, 30)
        assert outcome is not None and "was written to while it was copied" in (outcome.error or ""), outcome


async def copied(hosts: list[Host], place: Path, source: str, target: str, **how: Any) -> tuple[Outcome, Context]:
    """A whole copy from the first of these hosts."""
    async with fleet_of(hosts, place) as fleet:
        step = copying(source, target, **how)
        ctx = Context(fleet, plan_of(fleet, hosts, step), step, hosts[0].name, night=f"s{next(COUNT)}")
        return await asyncio.wait_for(copy.run(ctx), 60), ctx


async def test_a_copy_goes_onto_a_free_device_by_method_image_alone(loop: Loop, hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    both = [src, dst]
    image = sparse(src.path("/srv/image"), 40 * MIB, 3, 2 * MIB)
    src.path("/srv/d").mkdir()
    disk = dense(tmp_path / "disk", 50 * MIB)
    device, small = loop(disk), loop(dense(tmp_path / "small", 10 * MIB))
    used = loop(dense(tmp_path / "used", 60 * MIB))
    assert dst.run(f"mkfs.ext4 -q {used} && mount {used} /mnt").returncode == 0
    for source, target, how, words in (
        ("/srv/image", device, {}, "among the devices"), ("/srv/image", device, {"method": "rsync"}, "among the devices"),
        ("/srv/image", "/dev", {"method": "image"}, "among the devices"), ("/srv/d/", device, {"method": "image"}, "is a device"),
        ("/srv/image", "/dev/null", {"method": "image"}, "is a device"),
        ("/srv/image", "/dev/none-such", {"method": "image"}, "is no block device"),
        ("/srv/image", small, {"method": "image"}, "has 10485760 bytes, its source 41943040"),
        ("/srv/image", used, {"method": "image"}, "is mounted or in use"),
    ):  # fmt: skip
        outcome, ctx = await copied(both, tmp_path, source, f"dst:{target}", **how)
        assert outcome.result == "failed" and words in (outcome.error or ""), (target, how, outcome, ctx.said)
    dst.run("umount /mnt")
    outcome, ctx = await copied(both, tmp_path, "/srv/image", f"dst:{device}", method="image")
    assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
    ctx.check_progress()
    src.run(f"blockdev --flushbufs {device}")
    with disk.open("rb") as file:
        assert file.read(40 * MIB) == image.read_bytes()


async def test_room_for_a_devices_zeros_is_asked_about(loop: Loop, hosts: Hosts, tmp_path: Path) -> None:
    """Its size is more than the target has free, its data is not."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root", small={"/mnt": "40m"})
    disk = sparse(src.path("/srv/disk"), 100 * MIB, 3, 2 * MIB)
    outcome, ctx = await copied([src, dst], tmp_path, loop(disk), "dst:/mnt/image")
    assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
    assert len(ctx.asked) == 1 and "Go on without room for all of it?" in ctx.asked[0][1], ctx.asked
    assert same(disk, dst.path("/mnt/image"))
