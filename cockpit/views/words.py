"""Widths, cuts, plurals and small pictures in text. Knows nothing of nights.

Widths are terminal cells (East Asian characters take two), never characters. A cut never goes through a number: half
of 612 is a different truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from cockpit.units import plural as plural
from cockpit.views.model import Cell, Column, Line, Row, Table

BARS = "▁▂▃▄▅▆▇█"
CUT = "…"


def width(text: str) -> int:
    return cell_len(text)


def width_of(cells: Iterable[Cell]) -> int:
    return sum(cell_len(c.text) for c in cells)


def cut(text: str, cells: int) -> str:
    """At most this many cells, marked where it was cut; where the cut would go through a number, the number goes
    whole."""
    if cell_len(text) <= cells:
        return text
    if cells < 1:
        return ""
    end, used = 0, 0
    while used + cell_len(text[end]) < cells:
        used += cell_len(text[end])
        end += 1
    while end and _inside_number(text, end):
        end -= 1
    return text[:end].rstrip() + CUT


def within(cells: tuple[Cell, ...], room: int) -> tuple[Cell, ...]:
    """The cells that find room, the last one marked where it was cut: an end that nobody sees is no end."""
    if cell_len("".join(c.text for c in cells).rstrip()) <= room:
        return cells
    kept: list[Cell] = []
    for cell in cells:
        if room <= (size := cell_len(cell.text)):
            return (*kept, Cell(cut(cell.text if size > room else cell.text + CUT, room), cell.tone))
        kept.append(cell)
        room -= size
    return cells


def beyond(line: Line, left: int) -> Line:
    """The line without its first `left` cells."""
    kept: list[Cell] = []
    for cell in line:
        size = cell_len(cell.text)
        if left >= size:
            left -= size
            continue
        kept.append(Cell(cell.text[left if size == len(cell.text) else _reaching(cell.text, left) :], cell.tone))
        left = 0
    return tuple(kept)


def _reaching(text: str, room: int) -> int:
    """How many of its characters it takes to fill so many cells. Once through: such lines are long, and drawn often."""
    for n, char in enumerate(text):
        if room <= 0:
            return n
        room -= cell_len(char)
    return len(text)


def _inside_number(text: str, end: int) -> bool:
    """Whether text[:end] ends within a run of digits and what holds them together: 612.4, 03:12, 41,208, 4m12."""
    before, after = text[end - 1], text[end]
    if before.isdigit():
        goes_on = after in ".,:" and text[end + 1 : end + 2].isdigit()
        return after.isalnum() or after == "%" or goes_on
    return after.isdigit() and (before in ".,:+-" or before.isalpha())


def pad(text: str, cells: int, *, right: bool = False) -> str:
    """Exactly this many cells."""
    text = cut(text, cells)
    space = " " * (cells - cell_len(text))
    return space + text if right else text + space


def spark(rates: Sequence[float], cells: int) -> str:
    """The newest rates as bars against their own highest, oldest first; a measured nothing is the lowest bar."""
    shown = list(rates)[-cells:] if cells > 0 else []
    top = max(shown, default=0.0)
    return "".join(BARS[0] if top <= 0 else BARS[min(7, int(r / top * 7.999))] for r in shown)


def wrap(text: str, cells: int, indent: str = "") -> list[str]:
    """Words into lines of at most this many cells, all but the first indented; a word longer than a line is broken.
    A paragraph keeps the spaces that it begins with."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        begin = paragraph[: len(paragraph) - len(paragraph.lstrip(" "))]
        line = ""
        for word in _pieces(paragraph.split(), max(2, cells - max(len(indent), len(begin)))):
            if line and cell_len(line) + 1 + cell_len(word) > cells:
                lines.append(line)
                line = indent + word
            else:
                line = f"{line} {word}" if line else begin + word
        lines.append(line)
    return lines


def _pieces(words: Iterable[str], cells: int) -> Iterable[str]:
    for word in words:
        rest = word
        while cell_len(rest) > cells:
            end = next(i for i in range(1, len(rest)) if cell_len(rest[: i + 1]) > cells)
            yield rest[:end]
            rest = rest[end:]
        yield rest


def join(parts: Sequence[Sequence[Cell]], between: str) -> Line:
    """Groups of cells with a separator between those that are there."""
    line: list[Cell] = []
    for part in parts:
        if not part:
            continue
        if line:
            line.append(Cell(between, "dim"))
        line.extend(part)
    return tuple(line)


def first_that_fits(candidates: Iterable[Line], cells: int) -> Line:
    """Candidates from the richest to the poorest; the poorest, without the parts that do not fit, when none does."""
    last: Line = ()
    for last in candidates:
        if width_of(last) <= cells:
            return last
    kept: list[Cell] = []
    for cell in last:
        if width_of(kept) + cell_len(cell.text) > cells:
            break
        kept.append(cell)
    return tuple(kept)


def text_of(line: Iterable[Cell]) -> str:
    return "".join(c.text for c in line)


def widths(table: Table, cells: int) -> list[int]:
    """What each column gets of a pane of this width, one cell between columns; those of width 0 share what is
    left."""
    fixed = sum(c.width for c in table.columns) + max(0, len(table.columns) - 1)
    open_columns = [i for i, c in enumerate(table.columns) if not c.width]
    left = max(0, cells - fixed)
    found = [c.width for c in table.columns]
    for n, i in enumerate(open_columns):
        found[i] = left // len(open_columns) + (1 if n < left % len(open_columns) else 0)
    return found


def draw(table: Table, cells: int) -> list[str]:
    """A table as plain lines, its titles first: for reports, headless mode and tests. The screen draws its own."""
    sizes = widths(table, cells)
    lines = [_row([c.title for c in table.columns], table.columns, sizes)]
    return lines + [draw_row(row, table.columns, sizes) for row in table.rows]


def draw_row(row: Row, columns: Sequence[Column], sizes: Sequence[int]) -> str:
    return _row([c.text for c in row.cells], columns, sizes)


def _row(texts: Sequence[str], columns: Sequence[Column], sizes: Sequence[int]) -> str:
    cells = (pad(t, size, right=c.right) for t, c, size in zip(texts, columns, sizes, strict=True))
    return " ".join(cells).rstrip()
