"""A chunk that is asked for while the one before still comes: it follows at once, and is thrown away where it is not wanted."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from cockpit.fleet.image.blocks import BLOCK, CHUNK
from cockpit.fleet.image.ends import AHEAD, FarSource, serve
from cockpit.fleet.image.faults import Broken, Fault
from cockpit.fleet.image.source import Source
from cockpit.fleet.image.wire import Wire

HASH = "sha256"


@contextmanager
def source(path: Path) -> Iterator[FarSource]:
    """The file at the other end of two pipes, as it is behind an ssh."""
    (there, ours), (here, theirs) = os.pipe(), os.pipe()

    def answer() -> None:
        with suppress(Broken, Fault):
            serve(Wire(there, theirs), Source([os.fsencode(path)]), "source", 1)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    far = FarSource(Wire(here, ours))
    try:
        yield far
    finally:
        far.close()
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(os.urandom(2 * CHUNK + BLOCK))
    return path


def read(far: FarSource, at: int, length: int, *, then: int | None = None) -> bytes:
    """The bytes of a chunk. then: where the next one begins, which is asked for meanwhile."""
    found, blocks = bytearray(length), far.read(0, at, length, HASH, None)
    if then is not None:
        far.ahead(0, then, CHUNK, HASH, None)
    for n, held, buffer in blocks:
        for start, size in held:
            found[n * BLOCK + start : n * BLOCK + start + size] = buffer.view[start : start + size]
    return bytes(found)


def test_the_next_chunk_follows(image: Path) -> None:
    data = image.read_bytes()
    with source(image) as far:
        assert read(far, 0, CHUNK, then=CHUNK) == data[:CHUNK]
        assert far.waits
        assert read(far, CHUNK, CHUNK) == data[CHUNK : 2 * CHUNK]
        assert not far.waits


def test_any_other_question_throws_it_away(image: Path) -> None:
    data = image.read_bytes()
    with source(image) as far:
        read(far, 0, CHUNK, then=CHUNK)
        assert far.call("look", 0)["size"] == len(data)
        assert read(far, 2 * CHUNK, BLOCK) == data[2 * CHUNK :]
        read(far, 0, CHUNK, then=CHUNK)
        assert read(far, 0, CHUNK) == data[:CHUNK], "the same once more, as after a digest that was another"


def test_a_source_that_became_shorter_is_told_with_the_chunk_that_lacks(image: Path) -> None:
    with source(image) as far:
        read(far, 0, CHUNK)
        os.truncate(image, CHUNK + BLOCK // 2)
        far.ahead(0, CHUNK, CHUNK, HASH, None)
        with pytest.raises(Fault, match="became shorter"):
            read(far, CHUNK, CHUNK)


def test_nobody_waits_any_more_for_what_a_closed_stream_would_bring(image: Path) -> None:
    """Each stream that broke would leave a thread behind, with the memory of its blocks."""
    before = set(threading.enumerate())
    with source(image) as far:
        read(far, 0, CHUNK, then=CHUNK)
        deadline = time.monotonic() + 30
        while far._arrivals._come.qsize() < AHEAD:  # nobody takes what comes, until there is no memory for more
            assert time.monotonic() < deadline
            time.sleep(0.001)
        fetching = [thread for thread in set(threading.enumerate()) - before if "_fetch" in thread.name]
    assert fetching
    for thread in fetching:
        thread.join(10)
        assert not thread.is_alive()
