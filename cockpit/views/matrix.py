"""Servers by steps, one glyph per task: the whole night on one screen. The legend names glyphs and steps."""

from __future__ import annotations

from cockpit.plan.model import task_id
from cockpit.views.glyphs import legend as glyph_legend
from cockpit.views.glyphs import task_mark
from cockpit.views.model import Cell, Column, Line, Night, Row, Table
from cockpit.views.now import numbers, steps_of_phase, word
from cockpit.views.words import cut

NO_SERVER = "(all)"


def table(night: Night, width: int) -> Table:
    """A row per server (and for `local` and no server where steps run there), a column per step under its number."""
    steps = steps_of_phase(night.plan, night.state)
    names = [*night.plan.servers, *(["local"] if any("local" in s.servers for s in steps) else [])]
    names += [NO_SERVER] if any(not s.servers for s in steps) else []
    size = min(max((len(n) for n in names), default=6), max(6, width - 3 * len(steps) - 1))
    nos = numbers(night.plan)
    columns = (Column("SERVER", max(6, size)), *(Column(nos[s.id].partition("/")[0], 2, right=True) for s in steps))
    return Table(columns, tuple(_row(night, name) for name in names))


def _row(night: Night, name: str) -> Row:
    cells = [Cell(name, "strong")]
    for step in steps_of_phase(night.plan, night.state):
        own = (not step.servers) if name == NO_SERVER else name in step.servers
        task = night.state.tasks.get(task_id(step.id, None if name == NO_SERVER else name)) if own else None
        cells.append(task_mark(word(night, task)).dot() if task else Cell(""))
    return Row(name, tuple(cells))


def legend(night: Night, width: int) -> list[Line]:
    """The glyphs, then the steps by number, in as many columns as fit."""
    nos = numbers(night.plan)
    steps = [f"{nos[s.id].partition('/')[0]} {s.title}" for s in steps_of_phase(night.plan, night.state)]
    size = 22 if 66 <= width < 75 else 28  # a third column is worth a cut title
    return [*_flow(glyph_legend(), width, 12), *_flow([Cell(s, "dim") for s in steps], width, size)]


def _flow(cells: list[Cell], width: int, size: int) -> list[Line]:
    per_line = max(1, width // size)
    padded = [Cell(cut(c.text, size - 1).ljust(size), c.tone) for c in cells]
    return [tuple(padded[i : i + per_line]) for i in range(0, len(padded), per_line)]
