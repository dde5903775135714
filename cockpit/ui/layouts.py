"""Where the panes stand: finds the layout files, and says which of them fits a terminal.

A layout is a file of Textual CSS whose first comment carries what code needs to know: the smallest terminal it is for, and
the panes that take turns in one place. Refuses to know any layout by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_HEAD = re.compile(r"/\*(.*?)\*/", re.S)
_FROM = re.compile(r"from (\d+)x(\d+)")
_TURNS = re.compile(r"turns: ([a-z ]+)")


@dataclass(frozen=True, slots=True)
class Layout:
    """columns, rows: the smallest terminal it is drawn for. turns: ids of the panes that share one place."""

    name: str
    columns: int
    rows: int
    turns: tuple[str, ...]
    path: Path

    def fits(self, width: int, height: int) -> bool:
        return width >= self.columns and height >= self.rows


def directory() -> Path:
    """`layouts/` beside the package in a checkout, inside it in an installed wheel. FileNotFoundError with both places."""
    package = Path(__file__).resolve().parent.parent
    for place in (package / "layouts", package.parent / "layouts"):
        if any(place.glob("*.tcss")):
            return place
    raise FileNotFoundError(f"no layouts (*.tcss) in {package / 'layouts'} or {package.parent / 'layouts'}: reinstall cockpit")


def load(place: Path | None = None) -> list[Layout]:
    """All layouts, the smallest first."""
    found = [_read(path) for path in sorted((place or directory()).glob("*.tcss"))]
    return sorted(found, key=lambda layout: (layout.columns * layout.rows, layout.name))


def fitting(layouts: list[Layout], width: int, height: int) -> list[Layout]:
    """Those that fit, the one with the most room first."""
    return [layout for layout in reversed(layouts) if layout.fits(width, height)]


def _read(path: Path) -> Layout:
    head = _HEAD.search(path.read_text())
    words = head.group(1) if head else ""
    size, turns = _FROM.search(words), _TURNS.search(words)
    if size is None:
        raise ValueError(f"{path}: the first comment must say for which terminal it is, as in `from 80x20`")
    return Layout(path.stem, int(size[1]), int(size[2]), tuple(turns[1].split()) if turns else (), path)
