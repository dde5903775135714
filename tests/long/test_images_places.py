"""Block devices: a physical disk into an image and an image onto a disk, by loop devices; what may not be written to. By
python3, and by a POSIX shell where there is none."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any

from cockpit.steps import copy
from cockpit.steps.api import Outcome
from tests.copy.context import Context, copying, fleet_of, plan_of
from tests.copy.images import COUNT, HALVES, MIB, allocated, dense, mover, same, sparse
from tests.copy.loops import Loop
from tests.hosts import require
from tests.hosts.factory import Hosts
from tests.hosts.host import Host

ENTRY = bytes.fromhex("00000000 83000000 00080000 00500000")  # of a partition table: 10 MiB of Linux at 1 MiB


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


@HALVES
async def test_a_device_in_use_or_too_small_is_refused(
    python: bool, server: dict[str, Any], loop: Loop, hosts: Hosts, tmp_path: Path
) -> None:
    src, dst = hosts("src", user="root", **server), hosts("dst", user="root", **server)
    dense(src.path("/srv/image"), 20 * MIB)
    for size, mounted, words in ((10, False, "has 10485760 bytes, its source 20971520"), (30, True, "is mounted or in use")):
        device = loop(dense(tmp_path / f"disk{size}", size * MIB))
        if mounted:
            made = dst.run(f"mkfs.ext4 -q {device} && mount {device} /mnt")
            assert made.returncode == 0, made.stderr
        async with mover(src, dst, "pull", tmp_path) as moving:
            run = await moving.start([("/srv/image", device)], python=python)
            outcome = await asyncio.wait_for(run.follow(), 30)
        assert outcome is not None and not outcome.transient and words in (outcome.error or ""), outcome
    dst.run("umount /mnt")


def partitioned(loop: Loop, disk: Path) -> tuple[str, str]:
    """A disk of 16 MiB with one partition. Its device, and the partition's numbers."""
    disk.write_bytes((bytes(446) + ENTRY).ljust(510, b"\0") + b"\x55\xaa")
    os.truncate(disk, 16 * MIB)
    device = loop(disk)
    subprocess.run(["partx", "-a", device], check=True)
    name = Path(device).name
    return device, Path(f"/sys/block/{name}/{name}p1/dev").read_text().strip().replace(":", " ")


@HALVES
async def test_a_disk_with_a_used_partition_is_refused(
    python: bool, server: dict[str, Any], loop: Loop, hosts: Hosts, tmp_path: Path
) -> None:
    """Nobody has mounted the disk itself, and all of it would be overwritten."""
    require("partx", "mkswap", "swapon", root=True)
    src, dst = hosts("src", user="root", **server), hosts("dst", user="root", **server)
    image, disk = dense(src.path("/srv/image"), 5 * MIB), tmp_path / "disk"
    device, number = partitioned(loop, disk)
    assert dst.run(f"mknod /srv/part b {number}").returncode == 0
    async with mover(src, dst, "pull", tmp_path) as moving:
        for take, give in (("mkfs.ext4 -q /srv/part && mount /srv/part /mnt", "umount /mnt"),
                           ("mkswap -f /srv/part && swapon /srv/part", "swapoff /srv/part")):  # fmt: skip
            taken = dst.run(take)
            assert taken.returncode == 0, taken
            try:
                for target in (device, "/srv/part"):
                    run = await moving.start([("/srv/image", target)], python=python)
                    outcome = await asyncio.wait_for(run.follow(), 30)
                    assert outcome is not None and "is mounted or in use" in (outcome.error or ""), (take, target, outcome)
            finally:
                dst.run(give)
        await moving.move(("/srv/image", "/srv/part"), python=python)
    dst.run(f"blockdev --flushbufs {device}")
    assert disk.read_bytes()[MIB : 6 * MIB] == image.read_bytes()


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
