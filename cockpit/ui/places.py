"""Where the panes stand and which has the keys: layout, turns, zoom, and the way back.

Knows ids of panes and layouts; refuses to know what a pane shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cockpit.ui.layouts import Layout, fitting
from cockpit.ui.toosmall import TooSmall

if TYPE_CHECKING:
    from cockpit.ui.board import Board

HOME = "servers"
ROUND = ("servers", "steps", "transfers", "log", "needs", "proofs", "matrix", "throughput", "handover", "detail", "timeline")


class Places:
    def __init__(self, board: Board, layouts: list[Layout]) -> None:
        self._board, self._layouts = board, layouts
        self._layout: Layout | None = None
        self._wanted: str | None = None  # the layout that a person chose; None: by size
        self._front: str | None = None  # of those that take turns, the one that is seen
        self._zoomed: str | None = None
        self._before = HOME
        self.here = HOME  # the pane that has the keys, also while a dialog or the filter has them

    @property
    def zoomed(self) -> bool:
        return self._zoomed is not None

    @property
    def small(self) -> bool:
        """Too small for any layout: nothing but rows 1 and 2 is seen."""
        return self._board.has_class("-small")

    # --- layouts

    def choose(self) -> None:
        """The layout for this size, or the one that a person chose while it fits."""
        board, possible = self._board, fitting(self._layouts, *self._board.size)
        board.set_class(not possible, "-small")
        board.query_one(TooSmall).say(self._layouts[0], board.size)
        if not possible:
            return
        chosen = next((f for f in possible if f.name == self._wanted), possible[0])
        if chosen is not self._layout:
            self._put(chosen)

    def _put(self, chosen: Layout) -> None:
        for layout in self._layouts:
            self._board.set_class(layout is chosen, layout.name)
        self._layout = chosen
        turns = chosen.turns
        front = next((n for n in (self.here, self._front) if n in turns), turns[0] if turns else None)
        if front:
            self._bring(front)
        self._board.call_after_refresh(self._settle)

    def _settle(self) -> None:
        """The keys never stay with a pane that is no longer seen."""
        if self.here not in self.order():
            self.go_to(HOME)
        self._board.placed()

    def want(self, name: str) -> bool:
        """This layout, as long as it fits. False: it does not fit now."""
        self._wanted = name
        self.choose()
        return self._layout is not None and self._layout.name == name

    def next_layout(self) -> str | None:
        """Change to the next layout that fits; its name, or None where there is no other."""
        possible = fitting(self._layouts, *self._board.size)
        if len(possible) < 2 or self._layout not in possible:
            return None
        name = possible[(possible.index(self._layout) + 1) % len(possible)].name
        self.want(name)
        return name

    # --- the keys

    def order(self) -> list[str]:
        """Ids of the panes that Tab reaches in this layout, in its order."""
        turns = self._layout.turns if self._layout else ()
        zoomed = self.zoomed
        return [n for n in ROUND if n in turns or self._board.pane(n).display or zoomed]

    def go_to(self, name: str) -> None:
        """Give a pane the keys; one that takes turns with others comes to the front."""
        if self._layout and name in self._layout.turns:
            self._bring(name)
        if self.zoomed:
            self.zoom(name)
        self.came_to(name)
        # At once: pane.focus() waits its turn, and the next key of a burst would go to the pane before.
        self._board.set_focus(self._board.pane(name), scroll_visible=False)
        self._board.placed()

    def came_to(self, name: str) -> None:
        if name != self.here:
            self._before, self.here = self.here, name

    def step(self, direction: int) -> None:
        order = self.order()
        at = order.index(self.here) if self.here in order else 0
        self.go_to(order[(at + direction) % len(order)])

    def back(self) -> None:
        self.go_to(self._before if self._before in self.order() else HOME)

    def _bring(self, name: str) -> None:
        self._front = name
        for pane in self._board.panes:
            pane.set_class(pane.id == name, "-front")

    def zoom(self, name: str | None) -> None:
        """One pane in the place of all (None: all again)."""
        self._zoomed = name
        self._board.set_class(name is not None, "-zoom")
        for pane in self._board.panes:
            pane.set_class(pane.id == name, "-zoomed")
        self._board.call_after_refresh(self._board.placed)

    # --- coming back

    def place(self) -> dict[str, Any]:
        return {"here": self.here, "layout": self._wanted, "zoom": self._zoomed}

    def restore(self, place: dict[str, Any]) -> None:
        known = {p.id for p in self._board.panes}
        self._wanted = place.get("layout")
        self.here = place["here"] if place.get("here") in known else HOME
        self.choose()
        self.go_to(self.here)
        if place.get("zoom") in known:
            self.zoom(place["zoom"])
