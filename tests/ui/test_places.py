"""Where things stand: rows 1 and 2 at every size, layouts by size and by key, zoom, panes, the way back."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.ui import layouts
from cockpit.ui.board import Board
from tests.ui.console import Console, console, middle


def test_layouts_are_found_and_say_for_which_terminal_they_are() -> None:
    found = {layout.name: (layout.columns, layout.rows) for layout in layouts.load()}
    assert {"narrow", "night", "wall"} <= set(found)
    for size, name in (((80, 23), "narrow"), ((120, 40), "night"), ((200, 60), "wall")):
        assert layouts.fitting(layouts.load(), *size)[0].name == name
    assert layouts.fitting(layouts.load(), 60, 15) == []


def test_a_layout_without_its_size_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "mine.tcss").write_text("/* nice */\n")
    with pytest.raises(ValueError, match="from 80x20"):
        layouts.load(tmp_path)


@pytest.mark.parametrize("size", [(80, 23), (120, 40), (200, 60), (60, 15), (40, 10)])
async def test_rows_1_and_2_survive_every_size(tmp_path: Path, size: tuple[int, int]) -> None:
    async with console(tmp_path, size) as c:
        first, second = c.rows()[:2]
        assert "OPEN" in first and "NEED YOU" in second
        assert len(c.rows()) == size[1]


async def test_resizing_keeps_the_selection_and_a_small_terminal_says_what_it_needs(tmp_path: Path) -> None:
    async with console(tmp_path, (80, 23)) as c:
        await c.press("j", "j", "j")
        await c.sees(">sql01")
        for size in ((200, 60), (60, 15), (80, 23)):
            await c.pilot.resize_terminal(*size)
            if size == (60, 15):
                await c.sees("80x20", "60x15", "OPEN", "NEED YOU")
            else:
                await c.sees(">sql01")
        board = c.app.screen
        assert isinstance(board, Board) and board.server == "sql01"


async def test_l_goes_round_the_layouts_that_fit(tmp_path: Path) -> None:
    async with console(tmp_path, (200, 60)) as c:
        await c.sees("matrix", "hand-over")
        await c.press("L")
        await c.sees("layout night")
        await c.press("L")
        await c.sees("layout narrow")
        await c.press("L")
        await c.sees("layout wall", "matrix")
    async with console(tmp_path / "small", (80, 23)) as c:
        await c.press("L")
        await c.sees("No other layout fits")


async def test_zoom_gives_one_pane_the_screen_and_esc_takes_it_back(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        await c.press("tab", "z")
        await c.lost("servers, critical")
        assert "17 Finalize" in c.text() and "OPEN" in c.rows()[0]
        await c.press("escape")
        await c.sees("servers, critical")


async def test_a_checklist_that_has_the_screen_leaves_room_for_its_notes(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        await c.press("j", "j", "tab", "z")
        await c.sees("ACTUAL", "FORECAST", "xFAILED", "3 of 1,204 files differ: users.db")


@pytest.mark.parametrize("size", [(80, 23), (120, 40)])
async def test_tab_reaches_every_pane_of_the_layout_and_comes_round(tmp_path: Path, size: tuple[int, int]) -> None:
    async with console(tmp_path, size) as c:
        board = c.app.screen
        assert isinstance(board, Board)
        order = board.places.order()
        reached = []
        for _ in order:
            reached.append(board.here.id)
            await c.sees("━━")
            await c.press("tab")
        assert reached == order and board.here.id == order[0]
        await c.press("shift+tab")
        assert board.here.id == order[-1]


async def test_enter_goes_from_server_to_steps_to_detail_and_esc_back(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        await c.press("j", "j", "enter")
        await c.sees("━━ dc01")
        await c.press("enter")
        await c.sees("━━ detail prove@dc01", "3 of 1,204 files differ", "f shows the log")
        await c.press("escape")
        await c.sees("━━ dc01", "── detail", "f shows the log")
        await c.press("f")
        await c.sees("━━ log dc01")


async def test_coming_back_finds_server_filter_pane_and_scroll_place(tmp_path: Path) -> None:
    night = await middle(tmp_path)
    async with console(tmp_path, remembers=True, night=night) as c:
        await c.press("j", "j", "j", "tab", "slash")
        await c.type("data")
        await c.press("enter")
        await c.sees("/data", "━━ sql01")
        await c.press("q")
    async with console(tmp_path, remembers=True, night=night) as c:
        text = await c.sees("━━ sql01", "/data")
        assert "Groundwork" not in text
    async with console(tmp_path, remembers=True, night=night, who="anna") as c:
        await c.sees("fs01: 4 of 17")  # another person stands elsewhere
    await night[0].writer.close()


def _shown(c: Console) -> list[str]:
    """The pane that has the keys, below its title."""
    return ["".join(cell.text for cell in line.cells) for line in c.app.board.here._painted[1:]]


@pytest.mark.parametrize("pane", ["steps", "log"])
async def test_coming_back_finds_what_was_scrolled_to(tmp_path: Path, pane: str) -> None:
    """The rows that stood there, with the cursor where it was among them, and not merely the pane."""
    night = await middle(tmp_path)
    async with console(tmp_path, (80, 23), remembers=True, night=night) as c:
        await c.press("j", "j", "j", *["tab"] * (1 if pane == "steps" else 3))
        await c.sees(*(("━━ sql01: 4 of 17",) if pane == "steps" else ("━━ log sql01", "40 lines (follow)")))
        await c.press(*(("G", "k", "k", "k") if pane == "steps" else ("pageup",)))
        await c.sees(">. 14" if pane == "steps" else " of 40 lines")
        there = _shown(c)
        await c.press("q")
    async with console(tmp_path, (80, 23), remembers=True, night=night) as c:
        await c.until(lambda: c.app.board.here.id == pane and _shown(c) == there, lambda: f"{there} is not\n{c.text()}")
    await night[0].writer.close()
