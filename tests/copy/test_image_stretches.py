"""A chunk between two files, whatever lies there already: the blocks that are wanted become the source's, all others stay.

Two blocks go together; of a pair both, one or none may hold data, be wanted, or be shorter than a block.
"""

from __future__ import annotations

import mmap
import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from cockpit.fleet.image.blocks import BLOCK, DIGEST, Buffer, blocks, whole
from cockpit.fleet.image.disk import Disk
from cockpit.fleet.image.ends import FarSource, FarTarget, Here, serve
from cockpit.fleet.image.faults import Broken, Fault
from cockpit.fleet.image.source import Source
from cockpit.fleet.image.target import Target
from cockpit.fleet.image.wire import Wire

HASH = "sha256"
RUNS = (512, 4096, 3 * 4096 + 7, BLOCK // 2, BLOCK, 2 * BLOCK + 4096)
GAPS = (0, 1, 4096, 5 * 4096, BLOCK, 3 * BLOCK)


def filled(path: Path, rng: random.Random, size: int) -> bytes:
    """Runs of data and holes, some of the data zeros."""
    at = rng.choice(GAPS)
    with path.open("wb") as file:
        while at < size:
            run = min(rng.choice(RUNS), size - at)
            file.seek(at)
            file.write(bytes(run) if rng.random() < 0.2 else rng.randbytes(run))
            at += run + rng.choice(GAPS)
        file.truncate(size)
    return path.read_bytes()


@contextmanager
def far(end: Source | Target, role: str) -> Iterator[Wire]:
    """At the other end of two pipes, as it is behind an ssh."""
    (there, ours), (here, theirs) = os.pipe(), os.pipe()
    wire, its = Wire(here, ours), Wire(there, theirs)

    def answer() -> None:
        with suppress(Broken, Fault):
            serve(its, end, role, 1)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield wire
    wire.close()
    thread.join(10)
    its.close()


@contextmanager
def ends(way: str, source: Path, target: Path) -> Iterator[tuple[Here | FarSource, Here | FarTarget]]:
    a, b = Source([os.fsencode(source)]), Target([os.fsencode(target)])
    if way == "pull":
        with far(a, "source") as wire:
            yield FarSource(wire), Here(b)
    elif way == "push":
        with far(b, "target") as wire:
            yield Here(a), FarTarget(wire)
    else:
        yield Here(a), Here(b)
    a.close()
    b.close()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # receipts


@pytest.mark.parametrize("way", ["local", "pull", "push"])
@pytest.mark.parametrize("seed", range(12))
def test_what_is_wanted_comes_and_all_else_stays(tmp_path: Path, way: str, seed: int) -> None:
    rng = random.Random(seed)
    here, there = tmp_path / "here", tmp_path / "there"
    size = rng.choice([1, 4097, BLOCK - 1, BLOCK + 512, 3 * BLOCK, 4 * BLOCK + 5, 9 * BLOCK, 16 * BLOCK])
    data, before = filled(here, rng, size), filled(there, rng, size)
    grid = blocks(size)
    with ends(way, here, there) as (source, target):
        state = target.call("prepare", 0, source.call("look", 0), [HASH])
        assert state["state"] == "compare"
        wanted = bytes(rng.random() < 0.5 for _ in grid)
        rest = target.call("digest", 0, 0, size, HASH, False)
        text, moved = target.take(0, 0, size, HASH, True, wanted, rest, source.read(0, 0, size, HASH, wanted))
        now = there.read_bytes()
        for n, (at, long) in enumerate(grid):
            assert now[at : at + long] == (data if wanted[n] else before)[at : at + long], (n, wanted)
        ours = source.call("digest", 0, 0, size, HASH)
        mixed = b"".join((ours if wanted[n] else rest)[n * DIGEST : (n + 1) * DIGEST] for n in range(len(grid)))
        assert text == whole(mixed, size).hex() and moved <= sum(long for n, (_, long) in enumerate(grid) if wanted[n])
        text, _ = target.take(0, 0, size, HASH, True, None, b"", source.read(0, 0, size, HASH, None))
        assert there.read_bytes() == data and text == whole(ours, size).hex()
        assert target.call("digest", 0, 0, size, HASH, True) == ours


@pytest.mark.parametrize("way", ["local", "pull", "push"])
@pytest.mark.parametrize("seed", range(6))
def test_of_a_fresh_target_the_holes_stay(tmp_path: Path, way: str, seed: int) -> None:
    rng = random.Random(seed)
    here, there = tmp_path / "here", tmp_path / "there"
    size = rng.choice([4097, 3 * BLOCK, 9 * BLOCK + 5])
    data = filled(here, rng, size)
    with ends(way, here, there) as (source, target):
        assert target.call("prepare", 0, source.call("look", 0), [HASH])["state"] == "write"
        text, moved = target.take(0, 0, size, HASH, False, None, b"", source.read(0, 0, size, HASH, None))
        assert text and there.read_bytes() == data
        assert there.stat().st_blocks <= here.stat().st_blocks + 8 * len(RUNS) and moved <= 512 * here.stat().st_blocks


def test_a_proof_of_an_odd_size_reads_the_disk(tmp_path: Path) -> None:
    """What somebody has mapped the cache doesn't let go of: all but the last sector is read past it."""
    size = 3 * BLOCK + 5
    path = tmp_path / "disk"
    path.write_bytes(os.urandom(size))
    disk, buffer = Disk(os.fsencode(path), os.O_RDONLY), Buffer()
    assert disk.direct >= 0, "the tests need a file system that knows O_DIRECT"
    os.fsync(disk.fd)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        assert mapped[:] == path.read_bytes()
        before = read_from_disks()
        assert disk.load(buffer.view[: BLOCK + 5], 2 * BLOCK, straight=True)
        assert read_from_disks() - before >= BLOCK
        assert buffer.view[: BLOCK + 5] == mapped[2 * BLOCK :]
        assert not disk.load(buffer.view, 2 * BLOCK, straight=True), "there are not so many"
    disk.close()


def read_from_disks() -> int:
    """Bytes, by this process."""
    counts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counts["read_bytes"])
