"""Cuts never go through a number, and widths are cells."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.views.model import Cell, Column, Row, Table
from cockpit.views.words import beyond, cut, draw, first_that_fits, pad, plural, spark, text_of, width, within, wrap


@pytest.mark.parametrize(
    ("text", "cells", "shown"),
    [
        ("short", 10, "short"),
        ("parked at 612.4 GiB", 14, "parked at…"),
        ("since 03:12:47 now", 10, "since…"),
        ("took 4m12 in all", 8, "took…"),
        ("at 61% of it", 5, "at…"),
        ("slack +1h20 left", 9, "slack…"),
        ("1,234 files", 4, "…"),
        ("漢字漢字", 5, "漢字…"),
        ("anything", 0, ""),
    ],
)
def test_cuts(text: str, cells: int, shown: str) -> None:
    assert cut(text, cells) == shown


@given(st.text(st.sampled_from("ab 0123456789.,:%+-漢"), max_size=40), st.integers(0, 45))
def test_a_cut_fits_and_keeps_numbers_whole(text: str, cells: int) -> None:
    shown = cut(text, cells)
    assert width(shown) <= cells
    whole = set(re.findall(r"[0-9]+", text))
    assert set(re.findall(r"[0-9]+", shown)) <= whole
    assert width(pad(text, cells)) == cells


@given(st.text(st.sampled_from("ab 漢\n-"), max_size=80), st.integers(6, 30))
def test_wrapped_lines_fit_and_keep_every_letter(text: str, cells: int) -> None:
    lines = wrap(text, cells, "  ")
    assert all(width(line) <= cells for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_plurals() -> None:
    assert plural(1, "server") == "1 server"
    assert plural(1200, "server") == "1,200 servers"


def test_sparks() -> None:
    assert spark([], 6) == ""
    assert spark([0, 0], 6) == "▁▁"
    assert spark([0, 5, 10], 6) == "▁▄█"
    assert len(spark(range(100), 6)) == 6


def test_the_richest_that_fits() -> None:
    candidates = [(Cell("a long wording"),), (Cell("short"),)]
    assert first_that_fits(candidates, 20)[0].text == "a long wording"
    assert first_that_fits(candidates, 8)[0].text == "short"
    assert first_that_fits(candidates, 3) == ()


def test_a_table_takes_its_width() -> None:
    table = Table((Column("NAME", 0), Column("N", 3, right=True)), (Row("a", (Cell("a rather long name"), Cell("12"))),))
    assert draw(table, 12) == ["NAME       N", "a rathe…  12"]


@pytest.mark.parametrize(
    ("texts", "room", "shown"),
    [
        (("at 01:02", " copied it"), 18, ("at 01:02", " copied it")),
        (("at 01:02", " copied it"), 15, ("at 01:02", " copie…")),
        (("at 01:02", " copied it"), 8, ("at…",)),  # more follows, and a time is not cut in two
        (("at 01:02", "    "), 8, ("at 01:02", "    ")),  # spaces alone are no loss
        (("一二三", "x"), 6, ("一二…",)),
    ],
)
def test_a_line_beyond_its_room_is_marked(texts: tuple[str, ...], room: int, shown: tuple[str, ...]) -> None:
    assert tuple(c.text for c in within(tuple(map(Cell, texts)), room)) == shown


@pytest.mark.parametrize(("left", "shown"), [(0, "ab一二c"), (1, "b一二c"), (2, "一二c"), (3, "二c"), (4, "二c"), (9, "")])
def test_a_line_turned_sideways_loses_cells_not_characters(left: int, shown: str) -> None:
    """A character of two cells that is half out of sight is gone: half of it can't be drawn."""
    assert text_of(beyond((Cell("a"), Cell("b一二"), Cell("c")), left)) == shown
