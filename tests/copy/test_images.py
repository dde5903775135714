"""Images between two real servers by chunks with receipts: what arrives, and what is moved.

tests/long/test_images_targets.py has it the other way.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.copy.images import MIB, Way, allocated, dense, mover, same, sparse
from tests.hosts.factory import Hosts


@pytest.mark.parametrize("way", ["pull"])
async def test_dense_sparse_odd_and_empty_files_in_one_job(way: Way, hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    place = src.path("/srv/d")
    place.mkdir()
    dense(place / "dense", 70 * MIB + 12_345)
    sparse(place / "sparse", 400 * MIB + 1, 20, 700_001)
    (place / "hole").touch()
    os.truncate(place / "hole", 50 * MIB)
    (place / "empty").touch()
    name = "o'dd \"$HOME\" `x` é\n-z"
    dense(place / name, 5000)
    for path in place.iterdir():
        path.chmod(0o640)
        os.chown(path, 1000, 42)
        os.utime(path, ns=(10**18, 10**18 + 123_456_789))
    names = ["dense", "sparse", "hole", "empty", name]
    dst.path("/srv/in").mkdir()
    async with mover(src, dst, way, tmp_path) as moving:
        run = await moving.move(*((f"/srv/d/{each}", f"/srv/in/{each}") for each in names))
    for each in names:
        here, there = place / each, dst.path("/srv/in") / each
        assert same(here, there), each
        assert allocated(there) <= allocated(here) + 32768, each
        told, seen = here.stat(), there.stat()
        assert (seen.st_mode, seen.st_uid, seen.st_gid, seen.st_mtime_ns) == (told.st_mode, 1000, 42, told.st_mtime_ns)
    part = run.part
    assert (part.bytes_done, part.files_done, part.phase) == (part.size, len(names), "verify")
    done = [seen[1] for seen in run.seen]
    assert done == sorted(done)
    detail = part.detail()
    assert 83 * MIB < detail["moved"] < 85 * MIB, "holes cost nothing"
    assert len(detail["digests"]) == len(names) and detail["seconds_copy"] > 0
    assert sorted(os.listdir(dst.path("/srv/in"))) == sorted(names), "nothing else lies beside them"


async def test_another_stream_is_called_where_that_pays(hosts: Hosts, tmp_path: Path) -> None:
    """A login costs the two servers as much as some chunks; of little there is to do, one stream brings all as soon."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    dense(src.path("/srv/little"), 16 * MIB)
    dense(src.path("/srv/much"), 128 * MIB)
    async with mover(src, dst, "pull", tmp_path) as moving:
        little = await moving.move(("/srv/little", "/srv/little"))
        assert little.part.detail()["streams"] == 1
        much = await moving.move(("/srv/much", "/srv/much"), told=b"%d" % (40 * MIB))
    detail = much.part.detail()
    assert detail["streams"] == 2
    assert 0.8 * 128 / 40 < detail["seconds_copy"] < 2 * 128 / 40, "whatever their number, they share what they may use"
    assert same(src.path("/srv/much"), dst.path("/srv/much"))
