"""What a report is made of: sections of words and tables, and times as paper needs them. Knows nothing of nights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from cockpit.views.model import Cell, Column, Row, Table


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    words: tuple[str, ...] = ()
    table: Table | None = None


@dataclass(frozen=True, slots=True)
class Report:
    title: str
    sections: tuple[Section, ...]


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Cell]]) -> Table:
    """Rows of texts or toned cells; keyed by their number, since paper never moves."""
    made = tuple(Row(str(i), tuple(c if isinstance(c, Cell) else Cell(c) for c in row)) for i, row in enumerate(rows))
    return Table(tuple(Column(name, 0) for name in columns), made)


def stamp(at: float | None, utc_offset: float) -> str:
    """ "2026-11-28 03:12:47" on the plan's clock; "" for unknown."""
    if at is None:
        return ""
    return datetime.fromtimestamp(at, timezone(timedelta(seconds=int(utc_offset)))).strftime("%Y-%m-%d %H:%M:%S")


def offset_words(seconds: float) -> str:
    """ "-08:00", after "UTC"."""
    sign, whole = "-" if seconds < 0 else "+", int(abs(seconds))
    return f"{sign}{whole // 3600:02d}:{whole % 3600 // 60:02d}"
