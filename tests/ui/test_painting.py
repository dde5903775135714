"""What of a line is drawn again: every cell that changed, and of the others as few as can be."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from cockpit.ui.painting import Drawn, changes
from cockpit.views.model import Cell
from cockpit.views.words import within

WIDTH = 12
WIDTHS = {"漢": 2, "👍": 2, "🏽": 2, "\u0301": 0, "\ufe0f": 0, "\U0001fae9": 0}  # in tmux 3.3a; else 1
PLAIN = "ab1 é"


def cells(alphabet: Iterable[str]) -> st.SearchStrategy[tuple[Cell, ...]]:
    texts = st.text(list(alphabet), max_size=5)
    return st.lists(st.builds(Cell, texts, st.sampled_from(["", "bad"])), max_size=6).map(tuple)


lines = cells(PLAIN) | cells([*PLAIN, "⚠", "न", "ि", *WIDTHS])


def row(*texts: str) -> Drawn:
    return Drawn(tuple(Cell(text) for text in texts))


def test_a_figure_that_changed_is_drawn_alone() -> None:
    old, new = row("fs01 ", "9s ", "copy ", " 61%"), row("fs01 ", "8s ", "copy ", " 62%")
    assert changes(old, new, 20) == [(5, 3), (13, 4)]
    assert changes(old, old, 20) == []


def test_what_moved_is_drawn_to_the_end() -> None:
    assert changes(row("fs01 ", "9s ", "copy"), row("fs01 ", "10s ", "copy"), 20) == [(5, 15)]
    assert changes(row("fs01"), row("fs01", "!"), 20) == [(4, 16)]
    assert changes(row("fs01", "!"), row("fs01"), 20) == [(4, 16)]


def test_a_cursor_is_drawn_from_edge_to_edge() -> None:
    assert changes(Drawn((Cell("a"),)), Drawn((Cell("a"),), "cursor"), 20) == [(0, 20)]


def test_a_mark_where_the_end_was_cut_is_drawn_with_the_end() -> None:
    assert changes(row("12345678", " "), row("12345678", "9"), 8) == [(0, 8)]


@pytest.mark.parametrize("mark", ["⚠\ufe0f", "❤\ufe0f", "1\ufe0f\u20e3", "👍🏽", "नि", "\U0001fae9", "漢", "e\u0301", "\t"])
def test_where_the_terminal_may_see_another_width_the_line_is_drawn_whole(mark: str) -> None:
    ticking, ticked = row("ok ", mark, " 8s"), row("ok ", mark, " 9s")
    assert changes(ticking, ticked, 20) == [(0, 20)]
    assert changes(ticked, row("ok ", "now", " 9s"), 20) == [(0, 20)]
    assert changes(row("ok ", "now", " 9s"), ticked, 20) == [(0, 20)]


def test_an_accent_that_changed_is_drawn() -> None:
    assert changes(row("e", "\u0301"), row("e", "\u0300"), 20) == [(0, 20)]
    assert changes(row("e", "\u0301"), row("e", ""), 20) == [(0, 20)]


@pytest.mark.parametrize("sign", ["é", "ß", "ø", "…", "≤", "─", "━", "▁", "█"])
def test_a_figure_beside_a_sign_of_cockpits_own_is_drawn_alone(sign: str) -> None:
    assert changes(row(sign, " 8s"), row(sign, " 9s"), 20) == [(1, 3)]


Seen = list[tuple[str, str]]  # what stands in every column of a terminal, and its tone


def draw(seen: Seen, line: Drawn, x: int, size: int) -> None:
    """Write these columns of the line, as rich counts them, to a terminal that counts otherwise."""
    strip = Strip([Segment(cell.text, tone(cell)) for cell in within(line.cells, WIDTH) if cell.text])
    for segment in strip.adjust_cell_length(WIDTH).crop(x, x + size):
        for char in segment.text:
            room = WIDTHS.get(char, 1)
            if room:
                seen[x : x + room] = [(char, str(segment.style or "none"))] * room
            elif x:
                seen[x - 1] = (seen[x - 1][0] + char, seen[x - 1][1])
            x += room


def tone(cell: Cell) -> Style:
    return Style(bold=True) if cell.tone else Style()


@settings(max_examples=500, deadline=None)
@given(lines, lines)
def test_what_is_drawn_again_makes_what_the_whole_line_makes(old: tuple[Cell, ...], new: tuple[Cell, ...]) -> None:
    seen: Seen = [(" ", "none")] * (2 * WIDTH)
    draw(seen, Drawn(old), 0, WIDTH)
    wanted = list(seen)
    draw(wanted, Drawn(new), 0, WIDTH)
    for x, size in changes(Drawn(old), Drawn(new), WIDTH):
        draw(seen, Drawn(new), x, size)
    assert seen == wanted
