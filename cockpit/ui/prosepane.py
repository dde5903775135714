"""A pane of written lines that scroll: detail, timeline, hand-over. Knows lines; refuses to know what they tell."""

from __future__ import annotations

from collections.abc import Callable

from cockpit.ui.actions import bindings
from cockpit.ui.painting import Drawn
from cockpit.ui.pane import Pane
from cockpit.views.model import Line, Night

Write = Callable[[Night, int], list[Line]]  # (night, width in cells) -> lines


class ProsePane(Pane):
    BINDINGS = bindings("down", "up", "top", "bottom", "page_down", "page_up")
    can_filter = False

    def __init__(self, id: str, write: Write | None = None, title: str = "") -> None:
        super().__init__(id)
        self._write, self._title = write, title or id
        self._text: list[Line] = []
        self._top = 0

    def written(self, night: Night, width: int) -> list[Line]:
        assert self._write is not None
        return self._write(night, width)

    def show(self, night: Night) -> None:
        before = len(self._text)
        self.night = night
        if self.size.width:
            self._text = self.written(night, self.size.width - 1)
        self._top = max(0, min(self._top, len(self._text) - self._room))
        if len(self._text) != before:
            self.refresh(layout=True)
        self.paint()

    def on_resize(self) -> None:
        if self.night is not None:
            self.show(self.night)
        super().on_resize()

    def natural_height(self, width: int) -> int:
        return 1 + len(self._text)

    def heading(self) -> str:
        return self._title

    def aside(self) -> str:
        hidden = len(self._text) - self._room
        return f"{self._top + 1}-{self._top + self._room} of {len(self._text)}" if hidden > 0 else ""

    @property
    def _room(self) -> int:
        return max(1, self.size.height - 1)

    def lines(self, width: int, height: int) -> list[Drawn]:
        shown = self._text[self._top : self._top + self._room]
        return [self.title_line(width), *(Drawn(line) for line in shown)]

    def copied(self) -> str:
        return "\n".join("".join(c.text for c in line).rstrip() for line in self._text)

    def _go(self, top: int) -> None:
        self._top = max(0, min(top, len(self._text) - self._room))
        self.paint()

    def action_down(self) -> None:
        self._go(self._top + 1)

    def action_up(self) -> None:
        self._go(self._top - 1)

    def action_page_down(self) -> None:
        self._go(self._top + self._room)

    def action_page_up(self) -> None:
        self._go(self._top - self._room)

    def action_top(self) -> None:
        self._go(0)

    def action_bottom(self) -> None:
        self._go(len(self._text))

    def on_mouse_scroll_down(self) -> None:
        self._go(self._top + 2)

    def on_mouse_scroll_up(self) -> None:
        self._go(self._top - 2)
