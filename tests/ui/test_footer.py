"""The last row: an answer stands there for a moment, and the keys come back by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.journal.events import NightEnded
from cockpit.ui import footer
from tests.ui.console import console, middle


async def test_an_answer_goes_by_itself_and_the_keys_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with console(tmp_path) as c:
        monkeypatch.setattr(footer, "STAYS", 3600.0)
        await c.press("L")
        await c.sees("layout narrow")
        monkeypatch.setattr(footer, "STAYS", 0.1)  # of the next answer, which a slow machine may not get to show
        await c.press("L")
        await c.sees("? help")


async def test_a_later_answer_has_its_own_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(footer, "STAYS", 0.3)
    async with console(tmp_path) as c:
        c.app.board.say("heard")
        c.app.board.say("refused", "bad")  # a complaint stays longer than what stood there before
        await c.pilot.pause(0.6)
        assert "refused" in c.rows()[-1]


async def test_leaving_says_what_goes_on(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        await c.press("q")
    assert "the work goes on" in str(c.app.return_value)


async def test_leaving_an_ended_night_says_so(tmp_path: Path) -> None:
    night, clock = await middle(tmp_path)
    async with console(tmp_path, night=(night, clock)) as c:
        await night.writer.append(NightEnded("failed"))
        await c.sees("The night has ended: failed")
        await c.press("q")
    said = str(c.app.return_value)
    assert "the night has ended: failed" in said and "goes on" not in said
    await night.writer.close()
