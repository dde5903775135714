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

from cockpit.fleet.image.blocks import BLOCK, CHUNK, DIGEST, STRETCH, ZERO, Buffer, blocks, digests, hasher, hashes, whole
from cockpit.fleet.image.disk import Disk
from cockpit.fleet.image.ends import HEAD, PIECE, Arrivals, FarSource, FarTarget, Here, serve
from cockpit.fleet.image.faults import Broken, Fault
from cockpit.fleet.image.source import Source
from cockpit.fleet.image.target import Target
from cockpit.fleet.image.wire import HEAD as FRAME
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
    try:
        yield wire
    finally:
        wire.close()
        thread.join(10)
        its.close()


@contextmanager
def ends(way: str, source: Path, target: Path) -> Iterator[tuple[Here | FarSource, Here | FarTarget]]:
    a, b = Source([os.fsencode(source)]), Target([os.fsencode(target)])
    try:
        if way == "pull":
            with far(a, "source") as wire:
                yield FarSource(wire), Here(b)
        elif way == "push":
            with far(b, "target") as wire:
                yield Here(a), FarTarget(wire)
        else:
            yield Here(a), Here(b)
    finally:
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
    begin = CHUNK * (seed % 2)
    data, before = filled(here, rng, begin + size), filled(there, rng, begin + size)
    grid = blocks(size)
    with ends(way, here, there) as (source, target):
        state = target.call("prepare", 0, source.call("look", 0), [HASH])
        assert state["state"] == "compare"
        wanted = bytes(rng.random() < 0.5 for _ in grid)
        chunk = (0, begin, size, HASH)
        rest = target.call("digest", *chunk, False)
        text, moved = target.take(*chunk, True, wanted, rest, source.read(*chunk, wanted))
        now = there.read_bytes()
        assert now[:begin] == before[:begin]
        for n, (at, long) in enumerate(grid):
            here_is = slice(begin + at, begin + at + long)
            assert now[here_is] == (data if wanted[n] else before)[here_is], (n, wanted)
        ours = source.call("digest", *chunk)
        mixed = b"".join((ours if wanted[n] else rest)[n * DIGEST : (n + 1) * DIGEST] for n in range(len(grid)))
        assert text == whole(mixed, size).hex() and moved <= sum(long for n, (_, long) in enumerate(grid) if wanted[n])
        text, _ = target.take(*chunk, True, None, b"", source.read(*chunk, None))
        assert there.read_bytes() == before[:begin] + data[begin:] and text == whole(ours, size).hex()
        assert target.call("digest", *chunk, True) == ours


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


def test_a_proof_leaves_the_rest_of_a_file_in_the_cache(tmp_path: Path) -> None:
    """An image that a guest runs from: read from the disk anew, all of it, while it is proven."""
    path = tmp_path / "disk"
    path.write_bytes(os.urandom(64 * BLOCK))
    disk, buffer = Disk(os.fsencode(path), os.O_RDONLY), Buffer()
    os.fsync(disk.fd)
    path.read_bytes()
    assert disk.load(buffer.view, 0, straight=True)
    before = read_from_disks()
    with path.open("rb") as file:
        file.seek(STRETCH)
        file.read()
    assert read_from_disks() - before < 8 * BLOCK
    disk.close()


@pytest.mark.parametrize("name", hashes())
def test_a_block_has_the_same_digest_wherever_it_lies(name: str) -> None:
    buffer, one = Buffer(), hasher(name)
    buffer.view[:BLOCK] = buffer.view[BLOCK:] = os.urandom(BLOCK)
    first, second = digests(one, buffer, STRETCH)
    assert first == second != ZERO
    buffer.view[STRETCH - 1] ^= 1
    assert digests(one, buffer, STRETCH)[0] == first != digests(one, buffer, STRETCH)[1]
    assert digests(one, buffer, BLOCK + 7) == [first, one(buffer, 7, BLOCK)]


ODD = {
    "no stretch begins there": [(1, [(0, 4096)])],
    "past the end": [(4, [(0, BLOCK), (BLOCK, 1)])],
    "beyond the chunk": [(6, [(0, 1)])],
    "twice": [(0, [(0, 4096)]), (0, [(8192, 4096)])],
    "backwards": [(2, [(0, 4096)]), (0, [(0, 4096)])],
    "pieces backwards": [(0, [(4096, 4096), (0, 100)])],
    "pieces over each other": [(0, [(0, 4096), (4095, 4096)])],
    "nothing": [(0, [(4096, 0)])],
}


@pytest.mark.parametrize("frames", ODD.values(), ids=ODD)
def test_what_was_not_asked_for_is_not_taken(frames: list[tuple[int, list[tuple[int, int]]]]) -> None:
    """A target would write it where it belongs to another chunk, or receipt what does not lie there."""
    into, there = os.pipe()
    wire = Wire(into, os.open(os.devnull, os.O_WRONLY))
    arrivals = Arrivals(wire)
    arrivals.expect(5 * BLOCK, HASH)

    def send() -> None:
        for n, held in frames:
            pieces = b"".join(PIECE.pack(*piece) for piece in held)
            payload = HEAD.pack(n, len(held)) + pieces + bytes(sum(long for _, long in held))
            with suppress(BrokenPipeError):  # no more of it is taken
                os.write(there, FRAME.pack(b"B", len(payload)) + payload)

    sending = threading.Thread(target=send)
    sending.start()
    with pytest.raises(Broken, match="not what was asked for"):
        for _ in arrivals.blocks():
            pass
    arrivals.close()
    wire.close()
    sending.join()
    os.close(there)
