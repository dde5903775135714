"""The screen on the wall: nothing in it is cut that has to be read from across the room."""

from __future__ import annotations

import re
from pathlib import Path

from tests.ui.console import console


async def test_a_proof_stands_there_whole(tmp_path: Path) -> None:
    async with console(tmp_path, (200, 60)) as seen:
        text = await seen.sees("EVIDENCE")
        row = next(line for line in seen.rows() if "prove/" in line and "dc01" in line and "FAIL" in line)
        assert re.search(r"dc01 +prove/same-content +xFAIL +\d\d:\d\d|dc01 +prove/\S+ +xFAIL +fresh +\d\d:\d\d", row), text
        assert "1,204 files, 18.2 GB" in row
        assert "CHECK" in text and "matrix" in text.lower()


async def test_a_time_left_has_its_range(tmp_path: Path) -> None:
    for size in ((200, 60), (120, 40)):
        async with console(tmp_path / str(size[0]), size) as seen:
            await seen.sees("backup@fs01", "1MIN")
            row = next(line for line in seen.rows() if "backup@fs01" in line and ">copy" in line)
            assert re.search(r"212M +212M 8m\d\d \(≤\d+m\) at \d\d:\d\d", row), row
