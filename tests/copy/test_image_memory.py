"""The memory that an image goes through: in one piece where the system has any, so that a disk takes a stretch in one turn."""

from __future__ import annotations

import re
from pathlib import Path

from cockpit.fleet.image.blocks import BLOCK, STRETCH, Buffer

HUGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def huge_at(address: int) -> int:
    """Kilobytes of huge pages in this process' mapping that holds the address."""
    found, here = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if span := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            here = int(span[1], 16) <= address < int(span[2], 16)
        elif here and line.startswith(("AnonHugePages:", "ShmemPmdMapped:")):
            found += int(line.split()[1])
    return found


def test_a_stretch_is_one_piece_of_memory_where_the_system_gives_any() -> None:
    """Shared memory has none on most systems, whatever is asked: a disk took each block in 256 pieces, five times as slowly."""
    buffers = [Buffer() for _ in range(8)]
    for n, buffer in enumerate(buffers):
        buffer.view[:] = bytes([n + 1]) * STRETCH
    assert [buffer.view[STRETCH - 1] for buffer in buffers] == list(range(1, 9))
    if not HUGE.exists() or "[never]" in HUGE.read_text():
        assert not any(huge_at(buffer.address) for buffer in buffers), "it says that it has none"
    else:
        assert any(huge_at(buffer.address) for buffer in buffers)


def test_zeros_are_seen_and_made() -> None:
    buffer = Buffer()
    assert buffer.zeros(BLOCK) and buffer.zeros(BLOCK, BLOCK)
    buffer.view[STRETCH - 1] = 1
    assert buffer.zeros(BLOCK) and buffer.zeros(BLOCK - 1, BLOCK) and not buffer.zeros(BLOCK, BLOCK)
    buffer.clear()
    assert buffer.zeros(BLOCK, BLOCK)
