"""Rows 1 and 2, which survive every size: will we open on time, and who or what needs a person now.

Draws what `views.header` says; refuses to know why.
"""

from __future__ import annotations

from cockpit.ui.painting import Drawn, Painted
from cockpit.views import header
from cockpit.views.model import Night


class Header(Painted):
    DEFAULT_CSS = "Header { height: 2; }"

    def __init__(self) -> None:
        super().__init__(id="header")
        self._night: Night | None = None

    def show(self, night: Night) -> None:
        self._night = night
        self.paint()

    def lines(self, width: int, height: int) -> list[Drawn]:
        if self._night is None:
            return [Drawn(())]
        return [Drawn(header.row1(self._night, width)), Drawn(header.row2(self._night, width))]
