"""What stands below rows 1 and 2 in a terminal too small for any layout: the size it needs. The work goes on."""

from __future__ import annotations

from textual.geometry import Size

from cockpit.ui.layouts import Layout
from cockpit.ui.painting import Drawn, Painted
from cockpit.views.model import Cell


class TooSmall(Painted):
    def __init__(self) -> None:
        super().__init__(id="too-small")
        self._words: tuple[str, ...] = ()

    def say(self, smallest: Layout, size: Size) -> None:
        self._words = (
            f"This terminal is {size.width}x{size.height}.",
            f"The panes need {smallest.columns}x{smallest.rows}.",
            "Make it larger, or the font smaller.",
            "The work goes on meanwhile.",
        )
        self.paint()

    def lines(self, width: int, height: int) -> list[Drawn]:
        return [Drawn(()), *(Drawn((Cell(" " + words, "strong"),)) for words in self._words)]
