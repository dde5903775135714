"""What lies at an image's target and is not its own, and what was done there since: by python3, and by a POSIX shell."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from tests.copy import test_images as images
from tests.copy.images import HALVES, MIB, dense, mover, same
from tests.hosts.factory import Hosts


async def test_dense_sparse_odd_and_empty_files_in_one_job_that_pushes(hosts: Hosts, tmp_path: Path) -> None:
    await images.test_dense_sparse_odd_and_empty_files_in_one_job("push", hosts, tmp_path)


@HALVES
async def test_other_names_of_a_target_keep_what_they_had(
    python: bool, server: dict[str, Any], hosts: Hosts, tmp_path: Path
) -> None:
    """A snapshot by hard links is another's, and so is the file that a symbolic link leads to."""
    src, dst = hosts("src", user="root", **server), hosts("dst", user="root", **server)
    here, there, snapshot = dense(src.path("/srv/big"), 3 * MIB), dst.path("/srv/big"), dst.path("/srv/snapshot")
    snapshot.write_bytes(b"old" * 1000)
    there.hardlink_to(snapshot)
    victim = dst.path("/srv/victim")
    victim.write_bytes(b"precious")
    dst.path("/srv/link").symlink_to("victim")
    dst.path("/srv/nowhere").symlink_to("none-such")
    async with mover(src, dst, "push", tmp_path) as moving:
        await moving.move(("/srv/big", "/srv/big"), python=python)
        for name in ("link", "nowhere"):
            run = await moving.start([("/srv/big", f"/srv/{name}")], python=python)
            outcome = await asyncio.wait_for(run.follow(), 30)
            words = f"the target /srv/{name} is no file and no block device"
            assert outcome is not None and not outcome.transient and outcome.error == words, outcome
    assert same(here, there) and there.stat().st_nlink == 1
    assert snapshot.read_bytes() == b"old" * 1000 and victim.read_bytes() == b"precious"
    assert not dst.path("/srv/none-such").exists()


def flip(path: Path, at: int) -> None:
    """Another byte there, and nothing that tells of it."""
    seen = path.stat()
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


@HALVES
async def test_the_final_pass_proves_what_was_done_before(
    python: bool, server: dict[str, Any], hosts: Hosts, tmp_path: Path
) -> None:
    """All of it at both ends, though sizes and times say that nothing has changed."""
    src, dst = hosts("src", user="root", **server), hosts("dst", user="root", **server)
    here, there = dense(src.path("/srv/big"), 17 * MIB + 5), dst.path("/srv/big")
    os.truncate(here, 33 * MIB)
    os.utime(here, (10**9, 10**9))
    pair = ("/srv/big", "/srv/big")
    async with mover(src, dst, "pull", tmp_path) as moving:
        await moving.move(pair, live=True, python=python)
        flip(there, 12_345)
        initial = await moving.move(pair, live=True, python=python)
        assert (initial.part.moved, initial.part.detail()["unchanged"]) == (0, 1) and not same(here, there)
        flip(here, 16 * MIB + 1)
        flip(there, 32 * MIB + 7)
        final = await moving.move(pair, python=python)
        assert same(here, there), bytes(final.errors)
        detail = final.part.detail()
        assert (detail["unchanged"], detail["again"]) == (0, 3) and 0 < final.part.moved <= 33 * MIB
        assert there.stat().st_mtime == 10**9
        again = await moving.move(pair, python=python)
        assert (again.part.moved, again.part.detail()["unchanged"]) == (0, 1)
        assert again.part.detail()["digests"] == detail["digests"] != initial.part.detail()["digests"]
