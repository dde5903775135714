"""A million lines are a window like any other: walked without waiting, searched while keys are heard."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cockpit.journal.reader import Output
from cockpit.ui import logsearch
from tests.ui.console import console, middle
from tests.ui.test_log import search, to_the_log


async def test_a_million_lines_are_walked_without_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night, clock = await middle(tmp_path)
    for block in range(100):
        text = "".join(f"line {block * 10_000 + i:07d} of the flood\n" for i in range(10_000)).encode()
        await night.writer.output(Output(clock.at, "backup@fs01", 1, "err", block * 260_000, text))
    await night.writer.flush()
    async with console(tmp_path, night=(night, clock)) as c:
        await to_the_log(c)
        await c.sees("1,000,040 lines", "line 0999999")
        took = []
        for key, seen in (("g", "sent 0 files"), ("G", "line 0999999"), ("pageup", "of 1,000,040"), ("g", "sent 0 files")):
            before = time.monotonic()
            await c.press(key)
            await c.sees(seen)
            took.append(time.monotonic() - before)
        assert max(took) < 1.0, took
        monkeypatch.setattr(logsearch, "SLICE", 0.0)  # a page a turn: long enough to press a key meanwhile, on any machine
        await search(c, "no such words")
        await c.sees("/no such words: looking")
        await c.press("G")
        await c.sees("line 0999999", "looking")  # keys are heard while it looks
        await c.sees("log fs01", "/no such words: no match ━")
        await c.press("escape", "g")
        await search(c, "line 0999990")
        await c.sees("/line 0999990: looking")
        (looking,) = (worker for worker in c.app.workers if worker.group == "search")
        await c.press("escape")  # nothing is looked for any longer: what that would have found must not be gone to
        await c.app.workers.wait_for_complete([looking])
        await c.sees("line 1 of 1,000,040 lines", "sent 0 files")
    await night.writer.close()
