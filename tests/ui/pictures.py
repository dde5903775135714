"""A pane of one line that shows what it was given, the next with each key: what a terminal makes of a line drawn over another."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from textual.app import App, ComposeResult
from textual.screen import Screen

from cockpit.ui.painting import Drawn, Painted
from cockpit.ui.sparing import spare
from cockpit.ui.tones import themes
from cockpit.views.model import Cell


class Picture(Painted):
    def __init__(self, pictures: list[list[str]]) -> None:
        super().__init__()
        self.pictures = pictures

    def lines(self, width: int, height: int) -> list[Drawn]:
        return [Drawn(tuple(Cell(text) for text in self.pictures[0]))]


class Pictures(App[None]):
    def __init__(self, pictures: list[list[str]]) -> None:
        super().__init__()
        self.register_theme(themes()[0])
        self.theme = themes()[0].name
        self.picture = Picture(pictures)

    def compose(self) -> ComposeResult:
        yield self.picture

    def on_mount(self) -> None:
        self.set_interval(0.02, self.picture.paint)

    def on_key(self) -> None:
        self.picture.pictures = self.picture.pictures[1:]

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        """As cockpit's own screen does."""
        spare(renderable)
        super()._display(screen, renderable)


if __name__ == "__main__":
    for name in ("COLUMNS", "LINES"):  # pytest exports them, and they are not this terminal's
        os.environ.pop(name, None)
    Pictures(json.loads(sys.argv[1])).run()
