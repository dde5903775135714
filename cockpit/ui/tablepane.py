"""The generic table: draws a `views` Table with a cursor that stays on its row by key, however the rows are sorted.

Knows rows, keys and columns; refuses to know what they are about. A pane is one of these and a function of `views`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from textual import events

from cockpit.ui.actions import bindings
from cockpit.ui.painting import Drawn
from cockpit.ui.pane import Pane
from cockpit.views.model import Cell, Night, Row, Table
from cockpit.views.words import pad, widths


class TablePane(Pane):
    EMPTY = "nothing yet"
    SPARE: ClassVar[tuple[str, ...]] = ()  # titles of columns that go, in this order, where the open column gets too narrow
    LEAST: ClassVar[int] = 14  # cells that the open column needs
    RESTS: ClassVar[bool] = False  # without the keys its first rows are seen, whatever was selected in it before
    BINDINGS = bindings("down", "up", "top", "bottom", "page_down", "page_up", "open")

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self._table = Table((), ())
        self._rows: list[Row] = []
        self._key: str | None = None
        self._index = 0  # where the key stood last, for when its row goes
        self._top = 0
        self._stood: int | None = None  # the first row seen where this person left off, until the cursor is moved

    def table(self, night: Night, width: int) -> Table:
        """What to show now, in so many cells."""
        raise NotImplementedError

    # --- what is selected

    @property
    def selected(self) -> str | None:
        return self._key

    def select(self, key: str | None) -> None:
        """Put the cursor on this row; a key that is not there is kept until its row comes."""
        if key is None or key == self._key:
            return
        self._key, self._stood = key, None
        self._settle()
        self._reveal()
        self.paint()
        self.post_message(self.Selected(self, self._key))

    def keep(self, key: str | None) -> None:
        """The row that the cursor is to be on at the next drawing."""
        self._key = key or self._key

    def copied(self) -> str:
        row = self._row()
        return "  ".join(c.text.strip() for c in row.cells if c.text.strip()) if row else ""

    def place(self) -> dict[str, Any]:
        return {**super().place(), "key": self._key, "top": self._top}

    def restore(self, place: dict[str, Any]) -> None:
        self._key = place.get("key") or self._key
        self._stood = int(place.get("top") or 0)
        super().restore(place)

    def _row(self) -> Row | None:
        return self._rows[self._index] if self._rows and self._rows[self._index].key == self._key else None

    def _settle(self) -> None:
        """Find the key's row again; where it is gone, the row that took its place."""
        at = next((i for i, row in enumerate(self._rows) if row.key == self._key), None)
        if self.RESTS and not self.has_focus and self._rows:
            at, self._key = 0, self._rows[0].key
        if at is None and self._rows:
            at = min(self._index, len(self._rows) - 1)
            self._key = self._rows[at].key
        self._index = at or 0

    # --- drawing

    def show(self, night: Night) -> None:
        self.night = night
        self.refill()

    def set_filter(self, text: str) -> None:
        self.filter_text = text
        self.refill()

    def refill(self) -> None:
        if self.night is None or not self.size.width:
            return
        height = self.natural_height(0)
        self._table = self._narrowed(self.table(self.night, self.size.width - 1))
        words = self.filter_text.lower().split()
        self._rows = [r for r in self._table.rows if _matches(r, words)]
        self._settle()
        self._reveal()
        if self.natural_height(0) != height:
            self.refresh(layout=True)
        self.paint()

    def on_resize(self) -> None:
        self._painted = []
        self.refill()
        self.paint()

    def heading(self) -> str:
        return self._table.title or self.TITLE

    def aside(self) -> str:
        total, room = len(self._table.rows), self._room
        if self.filter_text:
            return f"{len(self._rows)} of {total}"
        if total > room:
            return f"{self._top + 1}-{min(self._top + room, total)} of {total}"
        return ""

    def _narrowed(self, table: Table) -> Table:
        for title in self.SPARE:
            open_ones = [size for c, size in zip(table.columns, widths(table, self.size.width - 1), strict=True) if not c.width]
            if not open_ones or open_ones[0] >= self.LEAST:
                break
            table = _without(table, title)
        return table

    def natural_height(self, width: int) -> int:
        return 1 + bool(any(c.title for c in self._table.columns)) + max(1, len(self._rows))

    @property
    def _room(self) -> int:
        """How many rows fit below the title and the column names."""
        return max(1, self.size.height - 1 - bool(any(c.title for c in self._table.columns)))

    def _reveal(self) -> None:
        """The cursor is seen. Panes find their heights in several steps: each begins anew from where a person left off."""
        top = self._top if self._stood is None else self._stood
        self._top = min(top, self._index, max(0, len(self._rows) - self._room))
        self._top = max(self._top, self._index - self._room + 1, 0)

    def lines(self, width: int, height: int) -> list[Drawn]:
        columns, sizes = self._table.columns, widths(self._table, width - 1)
        out = [self.title_line(width)]
        if any(c.title for c in columns):
            names = " ".join(pad(c.title, size, right=c.right) for c, size in zip(columns, sizes, strict=True))
            out.append(Drawn((Cell(" " + names, "dim"),)))
        out += [self.draw_row(row, sizes) for row in self._rows[self._top : self._top + self._room]]
        if not self._rows:
            empty = "nothing matches, Esc clears the filter" if self.filter_text else self.EMPTY
            out.append(Drawn((Cell(" " + empty, "dim"),)))
        return out

    def draw_row(self, row: Row, sizes: list[int]) -> Drawn:
        chosen = row.key == self._key
        under = ("cursor" if self.has_focus else "resting") if chosen else ""
        cells = [Cell(">" if chosen else " ", "strong")]
        for cell, column, size in zip(row.cells, self._table.columns, sizes, strict=False):
            cells.append(Cell(pad(cell.text, size, right=column.right) + " ", cell.tone))
        return Drawn(tuple(cells), under, row.key)

    # --- keys

    def _move(self, to: int) -> None:
        if self._rows:
            self.select(self._rows[max(0, min(to, len(self._rows) - 1))].key)

    def action_down(self) -> None:
        self._move(self._index + 1)

    def action_up(self) -> None:
        self._move(self._index - 1)

    def action_top(self) -> None:
        self._move(0)

    def action_bottom(self) -> None:
        self._move(len(self._rows) - 1)

    def action_page_down(self) -> None:
        self._move(self._index + self._room)

    def action_page_up(self) -> None:
        self._move(self._index - self._room)

    def action_open(self) -> None:
        if self._key is not None:
            self.post_message(self.Opened(self, self._key))

    def step_match(self, direction: int) -> bool:
        if not self.filter_text or not self._rows:
            return False
        self.step_row(direction)
        return True

    def step_row(self, direction: int) -> None:
        if self._rows:
            self._move((self._index + direction) % len(self._rows))

    def end_row(self, direction: int) -> None:
        self._move(0 if direction > 0 else len(self._rows) - 1)

    # --- mouse: works, never needed

    def on_click(self, event: events.Click) -> None:
        key = self._painted[event.y].key if event.y < len(self._painted) else None
        if key is not None:
            again = key == self._key and event.chain > 1
            self.select(key)
            if again:
                self.action_open()

    def on_mouse_scroll_down(self) -> None:
        self.action_down()

    def on_mouse_scroll_up(self) -> None:
        self.action_up()


def _without(table: Table, title: str) -> Table:
    gone = next((i for i, c in enumerate(table.columns) if c.title == title), None)
    if gone is None:
        return table
    rows = tuple(Row(r.key, (*r.cells[:gone], *r.cells[gone + 1 :])) for r in table.rows)
    return Table((*table.columns[:gone], *table.columns[gone + 1 :]), rows, table.title)


def _matches(row: Row, words: list[str]) -> bool:
    text = " ".join(c.text for c in row.cells).lower() + " " + row.key.lower() if words else ""
    return all(w in text for w in words)

