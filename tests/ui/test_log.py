"""The log under a flood: what is read stays where it is, nothing is hidden. A million lines: tests/long/test_screens_log.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events

from cockpit.journal.reader import Output
from cockpit.ui.board import Board
from cockpit.ui.logpane import LogPane
from tests.ui.console import Console, console, middle


async def _print(c: Console, first: int, count: int, task: str = "backup@fs01") -> None:
    """Lines `line 0001 …` from the job, at the test's clock."""
    text = "".join(f"line {i:07d} of the flood\n" for i in range(first, first + count)).encode()
    await c.night.writer.output(Output(c.clock.at, task, 1, "err", first * 26, text))
    await c.night.writer.flush()


def _log(c: Console) -> LogPane:
    board = c.app.screen
    assert isinstance(board, Board)
    pane = board.pane("log")
    assert isinstance(pane, LogPane)
    return pane


async def to_the_log(c: Console) -> None:
    await c.press("tab", "tab", "tab")
    await c.sees("━━ log fs01")


async def search(c: Console, words: str) -> None:
    await c.press("slash")
    await c.type(words)
    await c.press("enter")


def _marked(c: Console) -> set[str]:
    """The words that stand out in the lines of the log."""
    return {cell.text for line in _log(c)._painted for cell in line.cells if cell.tone == "match"}


async def test_it_follows_until_one_scrolls_and_g_resumes(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        await to_the_log(c)
        await _print(c, 0, 500)
        await c.sees("line 0000499")
        await c.press("pageup", "pageup")
        await c.sees("of 540 lines")
        top = _log(c)._painted[1]
        await _print(c, 500, 1000)
        await c.sees("+1,000 new, G resumes")
        assert _log(c)._painted[1] == top
        await c.press("G")
        await c.sees("line 0001499", "(follow)")


async def test_a_filter_by_server_step_and_stream_and_the_search_for_the_rest(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        await to_the_log(c)
        await _print(c, 0, 300)
        await c.press("slash")
        await c.type("sql01 backup")
        await c.press("enter")
        text = await c.sees("━━ log backup on sql01", "/sql01 backup", "backup@sql01 sent 39,000")
        assert "flood" not in text
        await c.press("slash", *["backspace"] * 20)
        await c.type("err 0000123")
        await c.press("enter")
        await c.sees("━━ log fs01 err", "/err 0000123: match", "line 0000123")
        await c.press("n")
        await c.sees("No further line with '0000123'")


async def test_enter_goes_to_the_nearest_match_and_marks_it_and_says_how_one_stands(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        await to_the_log(c)
        await _print(c, 0, 300)
        await search(c, "FLOOD")
        await c.sees("━━ log fs01", "/FLOOD: match", "line 0000299")
        assert _marked(c) == {"flood"}
        await c.press("N")
        await _print(c, 300, 5)
        await c.sees("+5 new, G resumes")  # what was found stays where it is
        await c.press("escape")
        await c.lost("/FLOOD")
        assert _marked(c) == set()
        await c.press("g")
        await c.sees("sent 0 files")
        await search(c, "line 0000")  # from what is seen on, where nothing is followed
        await c.sees("line 0000000")
        await c.press("N")
        await c.sees("No earlier line with 'line 0000'")


async def test_a_match_beyond_the_edge_is_turned_to(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        await to_the_log(c)
        text = b"begin " + b"middle " * 40 + b"needle end\nlast\n"
        await c.night.writer.output(Output(c.clock.at, "backup@fs01", 1, "err", 0, text))
        await c.night.writer.flush()
        await c.sees("last")
        await search(c, "needle")
        await c.sees("/needle: match", "middle needle end")
        await c.press("escape")
        await search(c, "begin")
        await c.sees("begin middle")


async def test_words_that_no_line_has_are_said_to_have_no_match(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        await to_the_log(c)
        await search(c, "zzz")
        await c.sees("━━ log fs01", "/zzz: no match ━", "(follow)")
        await _print(c, 0, 10)
        await c.sees("/zzz: no match in the first 40")
        await c.press("n")
        await c.sees("/zzz: no match ━")
        await c.press("shift+tab", "shift+tab", "shift+tab", "j", "j")  # the log speaks of another server, and looks for the same
        await c.sees("log dc01")
        assert _marked(c) == set()


async def test_a_filter_that_was_left_is_there_again(tmp_path: Path) -> None:
    night = await middle(tmp_path)
    async with console(tmp_path, night=night, remembers=True) as c:
        await to_the_log(c)
        await search(c, "sql01 files")
        await c.sees("log sql01", "/sql01 files: match")
        await c.press("q")
    async with console(tmp_path, night=night, remembers=True) as c:
        await c.sees("log sql01", "sql01 sent", "/sql01 files")
    await night[0].writer.close()


async def test_following_can_be_stopped_and_taken_up_again(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        await to_the_log(c)
        await c.press("f")
        await _print(c, 0, 10)
        await c.sees("+10 new, G resumes")
        await c.press("f")
        await c.sees("(follow)", "line 0000009")


async def test_a_line_that_goes_on_beyond_the_edge_says_so_and_is_copied_whole(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        await to_the_log(c)
        line = "begin " + "middle " * 40 + "end"
        await c.night.writer.output(Output(c.clock.at, "backup@fs01", 1, "err", 0, f"{line}\n".encode()))
        await c.night.writer.flush()
        await c.sees("begin middle")
        assert next(row for row in c.rows() if "begin middle" in row).rstrip().endswith("…")
        assert line in _log(c).copied()
        await c.press(*["right"] * 14)
        await c.sees("… middle middle middle middle end ")


async def test_hostile_output_disturbs_nothing(tmp_path: Path) -> None:
    night, clock = await middle(tmp_path)
    evil = b"\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m \xff\xfe\x00 [bold]x[/bold] \xe2\x80\xae rtl\n"
    evil += b"A" * 1_000_000 + b"\nafter\n"
    await night.writer.output(Output(clock.at, "backup@fs01", 1, "err", 0, evil))
    await night.writer.flush()
    async with console(tmp_path, (200, 60), night=(night, clock)) as c:
        text = await c.sees("after", "[bold]x[/bold]")
        assert "\x1b" not in text and "\x07" not in text and "\u202e" not in text
        assert all(len(row) <= 200 for row in c.rows())
    await night.writer.close()


@pytest.mark.parametrize("word", ["sqxrco1 am", "quit?", "y:z L@"])
async def test_typing_into_a_filter_fires_no_action(tmp_path: Path, word: str) -> None:
    async with console(tmp_path) as c:
        await c.press("slash")
        before = c.app.screen
        for char in word:
            await c.press({" ": "space", "?": "question_mark", ":": "colon", "@": "at"}.get(char, char))
        assert c.app.screen is before and c.app.is_running and c.engine.asked == []
        await c.sees(word)
        await c.press("escape")
        await c.lost("/ " + word)


async def test_a_burst_of_keys_after_the_slash_is_text_and_not_commands(tmp_path: Path) -> None:
    """Typed faster than the screen is drawn: every letter of it is a key that acts."""
    async with console(tmp_path) as c:
        for key in ("slash", "r", "s", "c", "x", "o", "a"):
            c.app.post_message(events.Key(key, None if len(key) > 1 else key))
        await c.sees("rscxoa")
        assert c.engine.asked == []
