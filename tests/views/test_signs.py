"""What the panes draw is explained in the app: no mark, no phase and no heading without its meaning."""

from __future__ import annotations

import pytest

from cockpit.views import glyphs, header, matrix, needs, proofs, servers, signs, steps, transfers
from cockpit.views.model import Table
from cockpit.views.words import text_of
from tests.views.story import QUIET, SEVEN, Story, the_night

WIDTHS = (60, 80, 120, 200)
MEANINGS = [meaning for _, meanings in signs.sections() for meaning in meanings]


def _tables(width: int) -> list[Table]:
    night, owned = the_night().night(1500), Story(SEVEN.replace("[[steps]]", '[[steps]]\nowner = "ana"', 1)).night(20)
    tables = [view.table(night, width) for view in (servers, transfers, proofs, needs, matrix)]
    return [*tables, servers.table(owned, width), *(steps.checklist(night, name, width) for name in (None, "fs01"))]


def test_every_heading_of_a_pane_is_explained_and_no_other() -> None:
    drawn = {column.title for width in WIDTHS for table in _tables(width) for column in table.columns}
    named = {title for title in drawn if not title.strip().isdigit()}  # the matrix numbers its steps
    assert named - signs.PLAIN == set(signs.HEADINGS)


def test_every_mark_is_explained() -> None:
    marks = [m for m in vars(glyphs).values() if isinstance(m, glyphs.Mark)]
    for mark in [*marks, *glyphs.TASK.values(), *glyphs.PROOF.values()]:
        assert (mark.glyph + mark.short, mark.means) in MEANINGS and mark.means


@pytest.mark.parametrize("word", ["att", "lost", "ok"])
def test_what_the_row_of_all_servers_says_is_explained(word: str) -> None:
    assert any(word in sign for sign, _ in MEANINGS)


def test_what_row_1_says_is_explained() -> None:
    nights = (the_night().night(1500), Story(QUIET).night(600))
    parts = [part for night in nights for part in text_of(header.row1(night, 200)).split(" | ")[1:]]
    assert any(part.startswith("GO BY") for part in parts)
    for part in parts:
        assert any(part.startswith(sign) for sign, _ in signs.TOP), part
