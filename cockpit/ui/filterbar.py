"""The line in which a filter is typed. While it is open every key is text, and no key is a command.

Knows one pane at a time; refuses to know how the pane filters.
"""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from cockpit.ui.pane import Pane


class FilterBar(Horizontal):
    DEFAULT_CSS = """
    FilterBar { height: 1; display: none; }
    FilterBar.-open { display: block; }
    FilterBar Static { width: auto; text-style: bold; }
    FilterBar Input { width: 1fr; height: 1; background: $background; color: $foreground; }
    """

    class Closed(Message):
        """The keys go back to the pane."""

        def __init__(self, pane: Pane) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self) -> None:
        super().__init__(id="filter")
        self._pane: Pane | None = None
        self._before = ""

    def compose(self) -> ComposeResult:
        yield Static("/", markup=False)
        field = Input(select_on_focus=False, compact=True)
        field.cursor_blink = False
        yield field

    def open(self, pane: Pane) -> None:
        self._pane, self._before = pane, pane.filter_text
        self.query_one(Static).update(f" {pane.id} / ")
        field = self.query_one(Input)
        with self.prevent(Input.Changed):
            field.value = pane.filter_text
        field.cursor_position = len(field.value)
        self.add_class("-open")
        # At once: field.focus() waits its turn, and what is typed meanwhile would be commands to the pane.
        self.screen.set_focus(field)

    def on_input_changed(self, event: Input.Changed) -> None:
        if self._pane is not None:
            self._pane.set_filter(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._pane is not None:
            self._pane.filter_kept()
        self._close()

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape":
            event.stop()
            if self._pane is not None:
                self._pane.set_filter(self._before)
            self._close()
        elif event.key in ("tab", "shift+tab"):
            event.stop()
            event.prevent_default()
            self._close()

    def _close(self) -> None:
        pane, self._pane = self._pane, None
        self.remove_class("-open")
        if pane is not None:
            self.post_message(self.Closed(pane))
