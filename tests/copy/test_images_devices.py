"""Block devices: a physical disk into an image and an image onto a disk, by loop devices; what may not be written to."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.copy.images import MIB, allocated, dense, mover, same, sparse
from tests.hosts import require
from tests.hosts.factory import Hosts

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
