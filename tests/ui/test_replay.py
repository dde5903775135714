"""Replay is the same screen with another clock: what it shows at a moment is what was live then, and it can be moved at will."""

from __future__ import annotations

from difflib import unified_diff
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cockpit.journal.events import AttemptEnded, Event, NoteAdded
from cockpit.journal.records import Sample
from cockpit.ui.dialogs import Dialog
from cockpit.ui.source import moment
from tests.ui.console import OPENS, Console, console, middle, replay
from tests.ui.journals import Recorded, SteppedClock, begin, to_the_middle


def _body(c: Console) -> list[str]:
    """All but row 1, which says what it is, and the last rows: the keys that work, in a replay above them its bar."""
    return [row.rstrip() for row in c.rows()[1 : -2 if c.app.source.controls else -1]]


async def _live(root: Path, size: tuple[int, int], every: int) -> tuple[Recorded, SteppedClock, dict[float, list[str]]]:
    """A night told in front of a live screen, and what stood there at each `every`-th of its moments, before the next one."""
    night, clock = await begin(root, opens=OPENS)
    seen: dict[float, list[str]] = {}
    async with console(root, size, acting=False, who="", night=(night, clock)) as c:
        append, moments = night.writer.append, [clock.at]

        async def look() -> None:
            now, clock.at = clock.at, moments[-1]
            await _settled(c)
            seen[clock.at], clock.at = _body(c), now

        async def watched(*events: Event, **said: Any) -> Any:
            if clock.at != moments[-1]:
                if len(moments) % every == 0:
                    await look()
                moments.append(clock.at)
            return await append(*events, **said)

        night.writer.append = watched  # type: ignore[method-assign]
        await to_the_middle(night, clock)
        moments.append(clock.at)
        await look()
        night.writer.append = append  # type: ignore[method-assign]
    return night, clock, seen


async def _settled(c: Console) -> None:
    """All that is journaled is on the screen, and the panes have found their heights."""
    last = c.app.source.reader.last_seq()
    await c.until(lambda: bool(c.app.board.night and c.app.board.night.state.seq == last and c.app.board.night.now == c.clock.at))
    before: list[str] = []
    while before != c.rows():
        before = c.rows()
        c.app.redraw()
        await c.pilot.pause(0.05)


@pytest.mark.parametrize("size", [(80, 23), (120, 40)])
async def test_replay_shows_at_each_moment_what_was_live_then(tmp_path: Path, size: tuple[int, int]) -> None:
    night, clock, seen = await _live(tmp_path, size, every=4)
    assert len(seen) >= 6
    clock.at += 300  # the night goes on
    await night.writer.append(AttemptEnded("backup@fs01", 1, "done", 0), NoteAdded("later", ""), who="anna")
    taller = size[0], size[1] + 1  # the bar has a row of its own
    async with replay(night, clock, at=OPENS + 60, size=taller) as r:
        for at, live in [*seen.items(), *reversed(seen.items())]:  # forwards, and back again
            assert r.app.source.controls is not None
            r.app.source.controls.seek(at)
            r.app.source.stale()
            words = partial(unified_diff, live, n=0)
            await r.until(lambda live=live: _body(r) == live, lambda words=words: "\n".join(["", *words(b=_body(r))]))
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


@pytest.mark.parametrize("text", ["03:59", "09:13", "04:30:20", "03:59:59", "23:00"])
def test_a_time_that_the_night_does_not_have_is_refused_with_its_span(text: str) -> None:
    with pytest.raises(ValueError, match="04:30:30 to 09:12:00"):
        moment(text, OPENS + 1830, OPENS + 5.2 * 3600, 0.0)


def test_the_minutes_in_which_a_night_begins_and_ends_are_of_it() -> None:
    assert moment("04:30", OPENS + 1830, OPENS + 5.2 * 3600, 0.0) == OPENS + 1800
    assert moment("09:12", OPENS + 1830, OPENS + 5.2 * 3600, 0.0) == OPENS + 5.2 * 3600


async def test_t_for_a_time_outside_the_night_stays_where_it_is_and_says_why(tmp_path: Path) -> None:
    night, clock = await middle(tmp_path)
    async with replay(night, clock, at=OPENS + 3600) as r:
        await r.press("t")
        await r.sees("HH:MM", "Enter  do it")
        await r.type("23:00")
        await r.press("enter")
        await r.sees("23:00 is not in this night, which goes from 04:00:00 to 05:45:40", "05:00:00")
    await night.writer.close()


async def test_t_and_a_time_typed_in_one_go_are_all_heard(tmp_path: Path) -> None:
    night, clock = await middle(tmp_path)
    async with replay(night, clock, at=OPENS + 3600) as r:
        await r.press("t", *"04:30:00", "enter")
        await r.sees("04:30:00")
    await night.writer.close()


@pytest.mark.parametrize("width", [80, 100, 120, 200])
async def test_the_replay_bar_names_all_its_keys_at_every_width(tmp_path: Path, width: int) -> None:
    night, clock = await middle(tmp_path)
    async with replay(night, clock, at=OPENS + 3600, size=(width, 24)) as r:
        assert r.app.source.controls is not None
        r.app.source.controls.speed = 3600
        r.app.source.stale()
        await r.sees("3600x")
        row = next(row for row in r.rows()[-3:] if "|| 3600x" in row)
        for key in ("Space play", "mark", "speed", "t time"):
            assert key in row
        await r.press("space")  # the key says what it does now
        await r.sees("> 3600x", "Space pause")
        await r.press("space")
        await r.sees("|| 3600x", "Space play")
    await night.writer.close()


@pytest.mark.parametrize("text", ["", "25:00", "3.12", "03:61", "noon", "03:12:60"])
def test_what_is_no_time_of_day_is_refused_with_the_form_wanted(text: str) -> None:
    with pytest.raises(ValueError, match="HH:MM"):
        moment(text, OPENS, OPENS + 86_400, 0.0)


async def test_a_replay_shows_that_the_engine_was_silent(tmp_path: Path) -> None:
    """Live it was red: replayed, the same minute said that nothing needs anybody."""
    night, clock = await middle(tmp_path)
    at = clock.at
    for second in range(0, 60, 2):
        night.writer.sample(Sample(at - 100 + second, "engine", {"lag_p99": 0.001}))
    await night.writer.flush()
    async with replay(night, clock, at=at - 45) as c:
        assert "ENGINE" not in c.rows()[0]
        c.app.source.controls.seek(at - 20)  # type: ignore[union-attr]
        c.app.source.stale()
        await c.sees("ENGINE SILENT")
        assert c.rows()[0].startswith("REPLAY 60x PAUSED ENGINE SILENT")
    await night.writer.close()
