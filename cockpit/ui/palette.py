"""Commands by name, behind `:` and Ctrl+P: every action of the registry, every pane, server, layout and theme.

Textual's own palette opens with an emoji, which breaks columns in tmux; this one is a line and a list. Carries nothing out
itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.fuzzy import Matcher
from textual.screen import ModalScreen
from textual.widgets import Input

from cockpit.ui.painting import Drawn, Painted
from cockpit.views.model import Cell
from cockpit.views.words import pad

MOVES = {"down": 1, "ctrl+n": 1, "tab": 1, "pagedown": 10, "up": -1, "ctrl+p": -1, "shift+tab": -1, "pageup": -10}


@dataclass(frozen=True, slots=True)
class Command:
    """words: what it does, beside its name."""

    name: str
    words: str
    run: Callable[[], object]


class Found(Painted):
    """The commands that fit what was typed, the best first."""

    DEFAULT_CSS = "Found { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self.commands: list[Command] = []
        self.at = 0

    def put(self, commands: list[Command]) -> None:
        self.commands, self.at = commands, 0
        self.paint()

    def move(self, by: int) -> None:
        self.at = max(0, min(self.at + by, len(self.commands) - 1))
        self.paint()

    def lines(self, width: int, height: int) -> list[Drawn]:
        first = max(0, self.at - height + 1)
        shown = self.commands[first : first + height]
        if not shown:
            return [Drawn((Cell(" no command fits", "dim"),))]
        return [self._line(c, first + i == self.at) for i, c in enumerate(shown)]

    def _line(self, command: Command, here: bool) -> Drawn:
        cells = (Cell(">" if here else " ", "strong"), Cell(pad(command.name, 26)), Cell(" " + command.words, "dim"))
        return Drawn(cells, "cursor" if here else "")


class Palette(ModalScreen[Command | None]):
    DEFAULT_CSS = """
    Palette { align: center top; background: transparent; color: $foreground; }
    Palette > #box {
        margin-top: 2; width: 90; max-width: 100%; height: 20; max-height: 80%;
        border: solid $primary; padding: 0 1; background: $background;
    }
    Palette Input { height: 1; background: $panel; color: $foreground; }
    """

    def __init__(self, commands: list[Command]) -> None:
        super().__init__()
        self._commands = commands

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            field = Input(select_on_focus=False, compact=True)
            field.cursor_blink = False
            yield field
            yield Found()

    def on_mount(self) -> None:
        self.query_one(Found).put(self._commands)

    def on_input_changed(self, event: Input.Changed) -> None:
        if not event.value.strip():
            self.query_one(Found).put(self._commands)
            return
        matcher = Matcher(event.value)
        scored = [(max(matcher.match(c.name), matcher.match(c.words) * 0.5), -i) for i, c in enumerate(self._commands)]
        best = sorted((s for s in scored if s[0] > 0), reverse=True)
        self.query_one(Found).put([self._commands[-i] for _, i in best])

    def on_key(self, event: events.Key) -> None:
        by = MOVES.get(event.key)
        if by is not None:
            event.stop()
            event.prevent_default()
            self.query_one(Found).move(by)
        elif event.key == "escape":
            event.stop()
            self.dismiss(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        found = self.query_one(Found)
        self.dismiss(found.commands[found.at] if found.commands else None)
