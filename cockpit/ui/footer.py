"""The last row: the keys that work now, and the answer to what was asked last.

Knows the registry and the bindings in force; refuses to know what they do.
"""

from __future__ import annotations

from textual.timer import Timer
from textual.widgets import Input

from cockpit.ui.actions import ACTIONS
from cockpit.ui.painting import Drawn, Painted
from cockpit.views.model import Cell, Tone

STAYS = 6.0  # seconds that an answer hides the keys
COMPLAINT_STAYS = 15.0  # the same where it says that something did not work


class Footer(Painted):
    """`say(text, tone)` puts a sentence in the place of the keys, until the next key is pressed or it has stood long enough."""

    def __init__(self) -> None:
        super().__init__(id="footer")
        self._said: Cell | None = None
        self._label = ""
        self._going: Timer | None = None

    def say(self, text: str, tone: Tone = "strong") -> None:
        self._said = Cell(" " + " ".join(text.split()), tone)
        if self._going is not None:
            self._going.stop()
        self._going = self.set_timer(COMPLAINT_STAYS if tone in ("warn", "bad") else STAYS, self.hush)
        self.paint()

    def hush(self) -> None:
        if self._said is not None:
            self._said = None
            self.paint()

    def label(self, text: str) -> None:
        """Words at the right end: why the acting keys are off."""
        if text != self._label:
            self._label = text
            self.paint()

    def lines(self, width: int, height: int) -> list[Drawn]:
        if self._said is not None:
            return [Drawn((self._said,))]
        label = f" {self._label} " if self._label else ""
        cells: list[Cell] = []
        room = width - len(label)
        for key, word in self._keys():
            text = f"{key} {word}"
            if len(text) + 2 > room:
                continue
            cells += [Cell(f" {key}", "strong"), Cell(f" {word} ", "dim")]
            room -= len(text) + 2
        return [Drawn((*cells, Cell(" " * max(0, room)), Cell(label, "warn")))]

    def _keys(self) -> list[tuple[str, str]]:
        """(key, word) of what is bound here and now, in the registry's order of rank."""
        if self.app.screen is not self.screen:
            return []  # a dialog has the keys, and names its own
        if isinstance(self.screen.focused, Input):
            return [("Enter", "keep the filter"), ("Esc", "as it was before")]
        bound = {b.binding.id: b.enabled for b in self.screen.active_bindings.values()}
        here = self.screen.focused.id if self.screen.focused is not None else None
        works = [a for a in ACTIONS if a.rank and bound.get(a.id) and a.pane in ("", here)]
        shown = sorted(works, key=lambda a: (a.rank, not a.pane))
        return [(a.shown, a.short) for a in shown]
