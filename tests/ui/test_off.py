"""Keys that are off: on a terminal too small to see what they would do, after the end, where nothing can be filtered, in a
screen that only looks. And those that say why they do nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.journal.events import AlarmEnded, AttemptEnded, NightEnded, RetryAsked, ServerContacted, ServerLost, TransferPaused
from cockpit.ui.dialogs import Dialog
from cockpit.ui.filterbar import FilterBar
from cockpit.ui.footer import Footer
from cockpit.views import needs
from tests.ui.console import OPENS, Console, console, middle, replay

ACTS = ("space", "r", "s", "c", "x", "o", "a", "m", "p", "F", "b")


def _offered(c: Console) -> set[str]:
    return {word for _, word in c.app.board.query_one(Footer)._keys()}


async def test_on_a_terminal_too_small_to_see_it_nothing_is_decided(tmp_path: Path) -> None:
    async with console(tmp_path, (120, 40)) as c:
        await c.press("j", "j", "tab")
        await c.pilot.resize_terminal(60, 15)
        await c.sees("80x20", "OPEN", "NEED YOU")
        await c.press(*ACTS, "1", "2", "enter", "slash")
        assert not isinstance(c.app.screen, Dialog) and c.engine.asked == []
        await c.press("colon")
        await c.sees("next pane (Tab)")
        assert "hold all" not in c.text() and "skip (s)" not in c.text()
        await c.press("escape")
        await c.pilot.resize_terminal(120, 40)
        await c.press("s")
        await c.sees("Skip Prove the backup [prove] on dc01?")


async def test_after_the_end_acting_keys_are_off_and_the_footer_says_why(tmp_path: Path) -> None:
    night, clock = await middle(tmp_path)
    async with console(tmp_path, night=(night, clock)) as c:
        await c.sees("NEED YOU")
        await night.writer.append(NightEnded("done"))
        await c.sees("the night has ended: acting keys are off")
        assert not _offered(c) & {"start", "retry", "skip", "cancel", "hold", "go/no-go", "ack", "note"}
        await c.press("tab", *ACTS)
        assert not isinstance(c.app.screen, Dialog) and c.engine.asked == []
        await c.press("question_mark")
        await c.sees("(off: the night has ended)")
    await night.writer.close()


async def test_the_filter_opens_only_where_something_can_be_filtered(tmp_path: Path) -> None:
    async with console(tmp_path, (200, 60)) as c:
        board = c.app.board
        for name in board.places.order():
            board.go_to(name)
            await c.until(lambda name=name: board.here.id == name and board.here.has_focus)
            assert ("find" in _offered(c)) == board.here.can_filter, name
            await c.press("slash")
            assert board.query_one(FilterBar).has_class("-open") == board.here.can_filter, name
            if board.here.can_filter:
                await c.press("escape")


async def test_who_is_asked_only_where_a_name_is_recorded(tmp_path: Path) -> None:
    night, clock = await middle(tmp_path)
    async with replay(night, clock, at=OPENS + 3600) as r:
        assert "who" not in _offered(r)
        await r.press("at")
        assert not isinstance(r.app.screen, Dialog)
        await r.press("question_mark")
        text = await r.sees("LOOKING")
        assert "who is at the keys" not in text
    await night.writer.close()


async def test_a_acknowledges_the_oldest_alarm_and_no_decision(tmp_path: Path) -> None:
    night, clock = await middle(tmp_path)
    await night.writer.append(ServerLost("bkp01", "auth", "no such user"))
    async with console(tmp_path, night=(night, clock)) as c:
        c.app.board.go_to("needs")
        await c.until(lambda: c.app.board.here.selected == "failed-prove@dc01")
        for kind in ("stalled:backup@fs02#", "lost:bkp01#"):
            await c.press("a")
            await c.until(lambda kind=kind: c.engine.asked[-1:] != [] and c.engine.asked[-1]["target"].startswith(kind))
            await c.until(lambda kind=kind: not any(key.startswith(kind) for key in _keys(c)))
        await c.press("a")
        await c.sees("No alarm stands")
        assert len(c.engine.asked) == 2
    await night.writer.close()


async def test_an_alarm_that_ended_is_acknowledged_on_the_screen(tmp_path: Path) -> None:
    night, clock = await middle(tmp_path)
    await night.writer.append(ServerLost("bkp01", "auth", "no such user"))
    clock.at += 312
    await night.writer.append(ServerContacted("bkp01", "boot-bkp01"))
    async with console(tmp_path, (200, 60), night=(night, clock)) as c:
        await c.sees("was away 5m12, back")
        c.app.board.go_to("needs")
        await c.until(lambda: c.app.board.here.id == "needs")
        c.app.board.here.select(next(k for k in _keys(c) if k.startswith("lost:bkp01#")))
        await c.press("a")
        await c.lost("was away")
    await night.writer.close()


def _keys(c: Console) -> list[str]:
    return [row.key for row in c.app.board.pane("needs")._rows]  # type: ignore[attr-defined]


async def test_space_says_why_a_step_that_starts_by_itself_waits(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        await c.press("tab")
        c.app.board.here.select("park@fs01")
        await c.press("space")
        await c.sees("starts by itself when its turn comes. It is blocked: ")
        assert not isinstance(c.app.screen, Dialog)


@pytest.mark.parametrize("state", ["done", "dropped"])
async def test_r_offers_what_the_engine_does_again(tmp_path: Path, state: str) -> None:
    """A copy that is done is compared again, since a proof of it failed; one of a server that left is not."""
    async with console(tmp_path) as c:
        await c.press("j", "j", "tab")
        await c.sees("━━ dc01")
        c.app.board.here.select("backup@dc01")
        await c.sees(">= 05 Back")
        if state == "done":
            await c.press("r")
            assert "What was copied is compared" in await c.sees("Run again", "leave it as it is", "attempt 2")
        else:
            await c.app.source.commander.send("drop", "dc01", why="gone")  # type: ignore[union-attr]
            await c.sees("-DROPPED")
            await c.press("r")
            await c.sees("Dc01 was dropped from this night")


async def test_n_begins_with_the_oldest_and_goes_round_and_big_n_with_the_newest(tmp_path: Path) -> None:
    async with console(tmp_path, (200, 60)) as c:
        board = c.app.board
        for keys, at in (("n", 0), ("n", 1), ("N", 0), ("N", -1), ("n", 0), ("escape N", -1), ("escape n", 0)):
            await c.press(*keys.split())
            await c.until(lambda at=at: board.here.id == "needs" and board.here.selected == _keys(c)[at])


async def test_a_digit_goes_to_what_it_is_about_and_one_about_the_whole_night_says_so(tmp_path: Path) -> None:
    night, clock = await middle(tmp_path)
    async with console(tmp_path, acting=False, night=(night, clock)) as c:
        await c.press("1")
        await c.sees("━━ detail prove@dc01")
        await c.press("2")
        await c.until(lambda: c.app.board.here.id == "servers" and c.app.board.server == "fs02")
        await c.press("3")
        await c.sees("━━ detail backup@fs02")
    async with console(tmp_path, night=(night, clock)) as c:
        await night.writer.append(AlarmEnded("late#15", clock.at - 900, "by 16m at worst, in time again"))
        await c.sees("!4 NEED")
        board = c.app.board
        await c.press(str(next(n.number for n in needs.items(board.night) if n.key == "late#15")) if board.night else "9")
        await c.sees("It is about the whole night: a acknowledges it")
        await c.until(lambda: c.app.board.here.id == "needs")
    await night.writer.close()


async def test_y_copies_the_selected_row(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        await c.press("j", "j", "y")
        await c.sees("Copied 1 line")
        assert c.app.clipboard.startswith("dc01") and "06/17" in c.app.clipboard


async def test_the_cursor_stays_on_its_row_by_key_when_the_rows_are_sorted_anew(tmp_path: Path) -> None:
    night, clock = await middle(tmp_path)
    async with console(tmp_path, night=(night, clock)) as c:
        c.app.board.go_to("transfers")
        await c.until(lambda: c.app.board.here.has_focus)
        c.app.board.here.select("backup@web01")
        await c.sees(">backup@web01")
        before = [r.key for r in c.app.board.here._rows]  # type: ignore[attr-defined]
        broke_off = AttemptEnded("backup@fs01", 1, "failed", 1, "broke off")
        await night.writer.append(broke_off, RetryAsked("backup@fs01", by_plan=True))
        await night.writer.append(TransferPaused("backup@sql01"), who="maria")
        await c.until(lambda: [r.key for r in c.app.board.here._rows] != before)  # type: ignore[attr-defined]
        assert c.app.board.here.selected == "backup@web01"
        await c.sees(">backup@web01")
    await night.writer.close()
