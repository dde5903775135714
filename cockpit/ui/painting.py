"""A pane that is a picture of text: lines of toned spans, of which only what changed is drawn again.

Knows widths and tones; refuses to know what the lines say. Every pane of the screen is one of these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from cockpit.ui.tones import style
from cockpit.views.model import Cell
from cockpit.views.words import text_of, within


@dataclass(frozen=True, slots=True)
class Drawn:
    """One line of a pane. under: "", "cursor", "resting" or "alarm" (see `tones.style`)."""

    cells: tuple[Cell, ...]
    under: str = ""
    key: str | None = None  # of the row it shows, so that the mouse finds it


EMPTY = Drawn(())
ONE_COLUMN = re.compile("[ -~À-ɏ…≤─-▟]*")  # what every terminal gives one column: ASCII, Latin letters, cockpit's own signs


def changes(old: Drawn, new: Drawn, width: int) -> list[tuple[int, int]]:
    """What of the new line to draw over the old one: (first column, columns). A clock and seven ages tick in lines that stand
    still otherwise: drawn whole, they are some thousand bytes a second, on which a slow terminal falls behind. A line with a
    character that the terminal may see wider or narrower than rich is drawn whole: nobody knows where its cells stand."""
    before, after = within(old.cells, width), within(new.cells, width)
    if old.under != new.under or not ONE_COLUMN.fullmatch(text_of(before + after)):
        return [(0, width)]
    found: list[tuple[int, int]] = []
    x = 0
    for a, b in zip(before, after, strict=False):
        size = len(b.text)
        if len(a.text) != size:
            break
        if a != b and size:
            found.append((x, size))
        x += size
    else:
        if len(before) == len(after):
            x = width  # no end was left out
    return [(at, min(size, width - at)) for at, size in [*found, (x, width)] if at < width]


class Painted(Widget):
    """Subclasses say `lines(width, height)`; `paint()` compares with what stands and draws the difference."""

    DEFAULT_CSS = """
    Painted { width: 100%; height: 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._painted: list[Drawn] = []

    def lines(self, width: int, height: int) -> list[Drawn]:
        raise NotImplementedError

    def paint(self) -> None:
        """Draw again what differs from what is on the screen. Cheap to call when nothing does."""
        width, height = self.size
        if not (width and height and self.is_attached):
            return
        fresh = self.lines(width, height)[:height]
        fresh += [EMPTY] * (height - len(fresh))
        stale, self._painted = self._painted, fresh
        if len(stale) != len(fresh):
            self.refresh()
            return
        lines = [(y, changes(stale[y], line, width)) for y, line in enumerate(fresh) if line != stale[y]]
        changed = [Region(x, y, size, 1) for y, found in lines for x, size in found]
        if changed:
            self.refresh(*changed)

    def on_resize(self) -> None:
        self._painted = []
        self.paint()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Copies: Textual's compositor notes in a strip that its whole is itself. In those that Textual keeps for a widget such a
        cycle grows old, and what is old is looked for every ten minutes: a log that runs fast left 200 MB in that time."""
        return [Strip(strip, strip.cell_length) for strip in super().render_lines(crop)]

    def render_line(self, y: int) -> Strip:
        width, theme = self.size.width, self.app.theme
        line = self._painted[y] if y < len(self._painted) else EMPTY
        segments = [Segment(c.text, style(theme, c.tone, line.under)) for c in within(line.cells, width) if c.text]
        return Strip(segments).adjust_cell_length(width, style(theme, "", line.under))
