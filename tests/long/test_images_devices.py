"""Block devices as sources that live on while they are copied, and as targets larger than what comes: by python3 and without."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.copy.images import HALVES, MIB, dense, mover, same
from tests.copy.loops import Loop
from tests.hosts.factory import Hosts


@HALVES
async def test_an_image_that_fills_no_block_ends_on_a_larger_device(
    python: bool, server: dict[str, Any], loop: Loop, hosts: Hosts, tmp_path: Path
) -> None:
    """What lies behind it on the device is not its own."""
    src, dst = hosts("src", user="root", **server), hosts("dst", user="root", **server)
    image, disk = dense(src.path("/srv/image"), 17 * MIB + 1536), dense(tmp_path / "disk", 20 * MIB)
    behind, device = disk.read_bytes()[image.stat().st_size :], loop(disk)
    async with mover(src, dst, "push", tmp_path) as moving:
        await moving.move(("/srv/image", device), python=python)
        again = await moving.move(("/srv/image", device), python=python)
        assert again.part.moved == 0
    dst.run(f"blockdev --flushbufs {device}")
    assert disk.read_bytes() == image.read_bytes() + behind


@HALVES
async def test_a_device_written_to_meanwhile_is_noticed_and_copied_again(
    python: bool, server: dict[str, Any], loop: Loop, hosts: Hosts, tmp_path: Path
) -> None:
    """A device has no time of writing: its chunks are asked for again at the proof."""
    src, dst = hosts("src", user="root", **server), hosts("dst", user="root", **server)
    disk = dense(src.path("/srv/disk"), 96 * MIB)
    device = loop(disk)
    async with mover(src, dst, "pull", tmp_path) as moving:
        run = await moving.start([(device, "/srv/image")], told=b"40000000", python=python)
        following = asyncio.create_task(run.follow())
        await run.until("copy", 64 * MIB)
        src.run(f"printf meanwhile | dd of={device} conv=notrunc,fsync")
        moving.tell(None)
        outcome = await asyncio.wait_for(following, 30)
        assert outcome is not None and outcome.transient, outcome
        assert f"the source {device} was written to while it was copied" in (outcome.error or ""), outcome
        run = await moving.move((device, "/srv/image"), python=python)
        assert 0 < run.part.moved <= 16 * MIB and b"not what it was when that was copied before" in run.errors
    assert same(disk, dst.path("/srv/image"))


@HALVES
@pytest.mark.parametrize("end", ["done", "killed"])
async def test_the_final_pass_carries_what_a_device_was_given_since_the_initial_one(
    end: str, python: bool, server: dict[str, Any], loop: Loop, hosts: Hosts, tmp_path: Path
) -> None:
    src, dst = hosts("src", user="root", **server), hosts("dst", user="root", **server)
    size = 128 * MIB if python else 64 * MIB  # four chunks
    disk = dense(src.path("/srv/disk"), size)
    device = loop(disk)
    async with mover(src, dst, "pull", tmp_path) as moving:
        run = await moving.start([(device, "/srv/image")], live=True, python=python, told=b"40000000" if end == "killed" else b"")
        following = asyncio.create_task(run.follow())
        if end == "killed":
            await run.until("copy", size * 5 // 8 if python else size // 2)  # by dd, its last two chunks may end together
            init = dst.space.init
            dst.space.signal(signal.SIGKILL, lambda pid: pid != init and worker(pid))
            moving.tell(None)
        outcome = await asyncio.wait_for(following, 30)
        assert (outcome is None) == (end == "done"), outcome
        src.run(f"printf since | dd of={device} bs=1M seek=1 conv=notrunc,fsync; blockdev --flushbufs {device}")
        run = await moving.move((device, "/srv/image"), python=python)
        assert 0 < run.part.moved < size
    assert same(disk, dst.path("/srv/image"))


def worker(pid: int) -> bool:
    """Whether it is a process of an images' job."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return line.startswith(b"python3") or b"cockpit-image" in line
