"""What is cut off an update, and that one of another shape is left as it is: a mistake here would end the screen."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import pytest
from rich.segment import Segment
from textual.strip import Strip

from cockpit.ui.sparing import spare


def strip(text: str) -> Strip:
    return Strip([Segment(text)])


def update(**other: Any) -> SimpleNamespace:
    """As Textual makes them: of each line the pieces that stand side by side by their first column, and where each ends."""
    parts = {"spans": [(0, 7, 9)], "chops": [{0: None, 5: strip("fs01 9s copy")}], "chop_ends": [[5, 17]]}
    return SimpleNamespace(**parts | other)


def test_a_line_is_cut_where_what_changed_begins_and_where_it_ends() -> None:
    given = update()
    spare(given)
    assert given.chops == [{0: None, 5: strip("fs"), 7: strip("01"), 9: strip(" 9s copy")}]
    assert given.chop_ends == [[5, 7, 9, 17]]


OTHERS: dict[str, Any] = {
    "nothing": None,
    "words": "an update",
    "no spans": SimpleNamespace(chops=[{}], chop_ends=[[]]),
    "a span of another kind": update(spans=[(0, 7, 9, 1)]),
    "a span that is none": update(spans=[None]),
    "a span that ends where it begins": update(spans=[(0, 7, 7)]),
    "a span that ends before": update(spans=[(0, 9, 7)]),
    "columns that are no numbers": update(spans=[(0, "7", "9")]),
    "a line that is not there": update(spans=[(1, 7, 9)]),
    "fewer lines of ends": update(chop_ends=[]),
    "fewer ends than pieces": update(chop_ends=[[17]]),
    "ends that are none": update(chop_ends=[[5, None]]),
    "lines by number": update(chops={0: {0: strip("fs01 9s copy 61%!")}}, chop_ends={0: [17]}),
    "a line of pairs": update(chops=[[(0, None), (5, strip("fs01 9s copy"))]]),
    "pieces that are words": update(chops=[{0: None, 5: "fs01 9s copy"}]),
    "a piece that is shorter than its place": update(chops=[{0: None, 5: strip("f")}]),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_an_update_of_another_shape_is_left_as_it_is(other: Any) -> None:
    before = deepcopy(other)
    spare(other)
    assert other == before
