"""All keys, from the registry: which work here, and why the others don't. Below them what the signs and headings mean.

Knows what is registered; refuses to know what it does."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from cockpit.ui.actions import ACTIONS, Action, bindings
from cockpit.ui.deck import Deck
from cockpit.views import signs


class Help(ModalScreen[None]):
    DEFAULT_CSS = """
    Help { align: center middle; background: transparent; color: $foreground; }
    Help > #box {
        width: 84; max-width: 100%; height: auto; max-height: 100%; scrollbar-size: 0 0;
        border: solid $primary; padding: 0 1; margin: 2 0 1 0; background: $background;
    }
    Help Static { height: auto; }
    """
    BINDINGS = bindings("down", "up", "top", "bottom", "page_down", "page_up", "back")

    def __init__(self, deck: Deck) -> None:
        super().__init__()
        self._deck = deck

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="box"):
            yield Static("\n".join(self._text()), markup=False)

    def _text(self) -> list[str]:
        lines = ["j, k and PgDn scroll, Esc closes. Signs and headings: below the keys.", ""]
        for group in dict.fromkeys(a.group for a in ACTIONS):
            of_group = [a for a in ACTIONS if a.group == group and self._here(a)]
            if of_group:
                lines += [group.upper() + self._off(of_group[0]), *(self._line(a) for a in of_group), ""]
        for title, meanings in signs.sections():
            lines += [title.upper(), *(f"  {sign:<13}{means}" for sign, means in meanings), ""]
        return lines

    def _here(self, action: Action) -> bool:
        return action.acts or self._deck.works(action)

    def _off(self, action: Action) -> str:
        return f"  (off: {self._deck.off})" if action.acts and self._deck.off else ""

    def _line(self, action: Action) -> str:
        off = "  (off)" if action.acts and self._deck.off else ""
        return f"  {action.shown or ':':<11}{action.words}{off}"

    @property
    def _box(self) -> VerticalScroll:
        return self.query_one("#box", VerticalScroll)

    def action_down(self) -> None:
        self._box.scroll_down(animate=False)

    def action_up(self) -> None:
        self._box.scroll_up(animate=False)

    def action_page_down(self) -> None:
        self._box.scroll_page_down(animate=False)

    def action_page_up(self) -> None:
        self._box.scroll_page_up(animate=False)

    def action_top(self) -> None:
        self._box.scroll_home(animate=False)

    def action_bottom(self) -> None:
        self._box.scroll_end(animate=False)

    def action_back(self) -> None:
        self.dismiss()
