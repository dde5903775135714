"""What of a line is drawn again: every cell that changed, and of the others as few as can be."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.ui.painting import Drawn, changes
from cockpit.views.model import Cell
from cockpit.views.words import within

WIDTH = 12
texts = st.text("ab1 漢", max_size=5)
cells = st.lists(st.builds(Cell, texts, st.sampled_from(["", "bad"])), max_size=6).map(tuple)


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


def looks(line: Drawn) -> list[tuple[str, str]]:
    """What stands in every column; a wide character in two of them."""
    drawn = [(char, cell.tone) for cell in within(line.cells, WIDTH) for char in cell.text for _ in range(1 + (char == "漢"))]
    return (drawn + [(" ", "")] * WIDTH)[:WIDTH]


@settings(max_examples=300, deadline=None)
@given(cells, cells)
def test_what_is_drawn_again_makes_the_new_line_of_the_old(old: tuple[Cell, ...], new: tuple[Cell, ...]) -> None:
    seen, wanted = looks(Drawn(old)), looks(Drawn(new))
    for x, size in changes(Drawn(old), Drawn(new), WIDTH):
        seen[x : x + size] = wanted[x : x + size]
    assert seen == wanted
