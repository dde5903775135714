"""Replay is the same screen with another clock: what it shows at a moment is what was live then, and it can be moved at will."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.journal.events import AttemptEnded, NoteAdded
from cockpit.ui.dialogs import Dialog
from cockpit.ui.source import moment
from tests.ui.console import OPENS, console, middle, replay


def _body(rows: list[str]) -> list[str]:
    """Row 2, the servers and what stands beside them: row 1 says what it is, and the replay bar takes a row from the log."""
    return [row.rstrip() for row in rows[1:12]]


@pytest.mark.parametrize("size", [(80, 23), (120, 40), (200, 60)])
async def test_replay_shows_at_a_moment_what_was_live_then(tmp_path: Path, size: tuple[int, int]) -> None:
    night, clock = await middle(tmp_path)
    async with console(tmp_path, size, acting=False, night=(night, clock)) as c:
        live = (await c.sees(" ALL  ")).split("\n")  # the panes have found their heights
    at = clock.at
    clock.at += 300  # the night goes on
    await night.writer.append(AttemptEnded("backup@fs01", 1, "done", 0), NoteAdded("later", ""), who="anna")
    async with replay(night, clock, at=at, size=size) as r:
        assert "REPLAY" in r.rows()[0] and "REPLAY" not in live[0]
        await r.until(lambda: _body(r.rows()) == _body(live), lambda: "\n".join(["", *_body(r.rows()), "is not", *_body(live)]))
    await night.writer.close()


async def test_the_keys_move_the_clock_and_acting_ones_do_nothing(tmp_path: Path) -> None:
    night, clock = await middle(tmp_path)
    async with replay(night, clock, at=OPENS + 3600) as r:
        await r.sees("05:00:00", "PAUSED", "acting keys are off")
        await r.press("right_parenthesis")
        await r.sees("05:00:10")
        await r.press("right_curly_bracket", "left_parenthesis")
        await r.sees("05:05:00")
        await r.press("greater_than_sign")
        await r.sees("120x")
        await r.press("less_than_sign", "less_than_sign")
        await r.sees("30x")
        await r.press("t")
        await r.sees("HH:MM", "Enter  do it")
        await r.type("04:30")
        await r.press("enter")
        await r.sees("04:30:00")
        await r.press("tab", "s", "r", "c", "x", "o")
        assert not isinstance(r.app.screen, Dialog)
        await r.press("space")
        await r.lost("PAUSED")
        await r.press("space")
        await r.sees("PAUSED")
    await night.writer.close()


async def test_events_and_marks_are_stepped_through_both_ways(tmp_path: Path) -> None:
    night, clock = await middle(tmp_path)
    async with replay(night, clock, at=OPENS + 600) as r:
        source = r.app.source
        await r.press("full_stop")
        after = source.clock.now()
        assert after > OPENS + 600
        await r.press("comma")
        assert source.clock.now() < after
        await r.press("right_square_bracket")
        mark = source.clock.now()
        assert mark >= after
        await r.press("left_square_bracket")
        assert source.clock.now() < mark
    await night.writer.close()


@pytest.mark.parametrize(("text", "hours"), [("04:00", 0), ("23:59:30", 19.9916), ("03:12", 23.2)])
def test_a_time_of_day_is_the_first_such_time_of_the_night(text: str, hours: float) -> None:
    assert moment(text, OPENS, OPENS + 86_400, 0.0) == pytest.approx(OPENS + hours * 3600, abs=1)


@pytest.mark.parametrize("text", ["", "25:00", "3.12", "03:61", "noon"])
def test_what_is_no_time_of_day_is_refused_with_the_form_wanted(text: str) -> None:
    with pytest.raises(ValueError, match="HH:MM"):
        moment(text, OPENS, OPENS + 86_400, 0.0)
