"""The one screen: wires the panes to the night, the layouts and each other. Panes draw and move themselves.

Knows the panes and what is selected; refuses to know where panes stand (`places`) and what a key does to the night (`deck`).
"""

from __future__ import annotations

from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.screen import Screen

from cockpit.journal.reader import JournalProblem
from cockpit.ui.actions import ACTING, Action, bindings
from cockpit.ui.alarms import Bell
from cockpit.ui.deck import Deck
from cockpit.ui.filterbar import FilterBar
from cockpit.ui.footer import Footer
from cockpit.ui.header import Header
from cockpit.ui.layouts import Layout
from cockpit.ui.logpane import LogPane
from cockpit.ui.pane import Pane
from cockpit.ui.panes import DetailPane, compose_panes, target_of
from cockpit.ui.places import Places
from cockpit.ui.proposals import Target
from cockpit.ui.replaybar import ReplayBar
from cockpit.ui.source import Source
from cockpit.ui.toosmall import TooSmall
from cockpit.views import needs
from cockpit.views.model import Night, Tone

DRAW_EVERY = 0.5  # seconds: the screen is drawn at most twice a second, however much happens


class Board(Screen[None]):
    AUTO_FOCUS = ""
    BINDINGS = bindings(
        "next_pane", "previous_pane", "back", "item", "next_match", "previous_match", "filter", "follow", "copy",
        "zoom", "next_layout",
        *(a.id for a in ACTING),
    )  # fmt: skip

    def __init__(self, source: Source, all_layouts: list[Layout], remembered: dict[str, Any]) -> None:
        super().__init__(id="board")
        self.source = source
        self.night: Night | None = None
        self.server: str | None = None  # the one that the steps, the log and the keys speak of
        self._remembered = remembered  # where this person stood
        self.places = Places(self, all_layouts)
        self._bell = Bell()
        self.deck = Deck(self, source)

    def compose(self) -> ComposeResult:
        yield Header()
        with Container(id="desk"):
            yield from compose_panes(self.source)
        yield TooSmall()
        with Vertical(id="foot"):
            yield FilterBar()
            if self.source.controls is not None:
                yield ReplayBar(self.source.controls)
            yield Footer()

    # --- the parts

    @property
    def panes(self) -> list[Pane]:
        return list(self.query(Pane))

    def pane(self, name: str) -> Pane:
        return self.query_one(f"#{name}", Pane)

    @property
    def here(self) -> Pane:
        """The pane that has the keys, or gets them back from the filter."""
        return self.pane(self.places.here)

    def say(self, text: str, tone: Tone = "strong") -> None:
        self.query_one(Footer).say(text, tone)

    def hush(self) -> None:
        """The answer on the last row was read: the keys come back."""
        for footer in self.query(Footer):
            footer.hush()

    def target(self) -> Target:
        """What an acting key is about now."""
        return self.here.target(self.server)

    # --- the night

    def look(self) -> None:
        """Look at the journal and show what is new; one that can't be read just now is said, not died of. One that could never
        be read leaves nothing to look at: its words stay in the terminal, where all of them can be read."""
        try:
            night = self.source.poll()
        except JournalProblem as problem:
            if self.night is None:
                self.app.exit(str(problem), return_code=2)
            else:
                self.say(str(problem), "bad")
            return
        if night is not None:
            self.show(night)
        else:
            self.show_log()

    def show(self, night: Night) -> None:
        first, self.night = self.night is None, night
        if first and self.server is None and night.plan.servers:
            self._speak_of(next(iter(night.plan.servers)))
        self.query_one(Header).show(night)
        self._say_what_is_off()
        for pane in self.panes:
            if pane.display:
                pane.show(night)
        for bar in self.query(ReplayBar):
            bar.show(night)
        if self._bell.rings(night) and self.source.controls is None:
            self.app.bell()

    def _say_what_is_off(self) -> None:
        self.query_one(Footer).label(f"{self.deck.off}: acting keys are off" if self.deck.off else "")

    def show_log(self) -> None:
        """Lines come between two facts, too."""
        log = self.pane("log")
        if self.night is not None and log.display:
            log.show(self.night)

    def _speak_of(self, server: str | None) -> None:
        if server != self.server:
            self.server = server
            for pane in self.panes:
                pane.speak_of(server)

    def on_pane_selected(self, event: Pane.Selected) -> None:
        target = event.pane.target(self.server)
        if event.pane.LEADS:
            self._speak_of(target.server)
        self.query_one(DetailPane).speak_of_task(target.task)

    def on_pane_opened(self, event: Pane.Opened) -> None:
        target = event.pane.target(self.server)
        if target.prompt or event.pane.OPENS is None:
            self.open_need(target)
        else:
            self.query_one(DetailPane).speak_of_task(target.task)
            self.go_to(event.pane.OPENS)

    def on_pane_said(self, event: Pane.Said) -> None:
        self.say(event.text)

    def open_need(self, target: Target) -> None:
        """What needs a person is opened: a question in its dialog, else the step or the server that it is about."""
        if self.places.small:
            return
        if target.prompt and self.deck.may_act:
            self.deck.answer(target.prompt)
        elif target.task:
            self.query_one(DetailPane).speak_of_task(target.task)
            self.go_to("detail")
        elif target.server:
            self.go_to_server(target.server)
        else:
            self.go_to("needs")
            off = self.deck.off
            self.say(f"It can't be answered here: {off}." if off else "It is about the whole night: a acknowledges it.")

    def action_item(self, number: int) -> None:
        """The numbered item of row 2."""
        if self.night is None:
            return
        found = {need.number: need for need in needs.items(self.night)}
        if number not in found:
            left = ", ".join(map(str, found)) or "nothing"
            self.say(f"Nothing has the number {number} now: {left} need{'s' if len(found) < 2 else ''} you.")
            return
        self.pane("needs").select(found[number].key)
        self.open_need(target_of(found[number], self.night))

    # --- acting

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "act":
            return self._on(self.deck.may_act and not self.places.small)
        if action == "item":
            return self._on(not self.places.small)
        return self._on(self.here.can_filter and not self.places.small) if action == "filter" else True

    @staticmethod
    def _on(works: bool) -> bool | None:
        return True if works else None

    def has(self, action: Action) -> bool:
        """Whether this action does anything on this screen; where nothing can be seen, nothing is decided."""
        return self.deck.works(action) and not (action.acts and self.places.small)

    def action_act(self, name: str) -> None:
        self.deck.act(name, self.target())

    # --- where the keys go

    def on_mount(self) -> None:
        self.restore(self._remembered)
        self._say_what_is_off()
        self.call_next(self.look)  # before the first layout: panes that know their night are measured and drawn once
        self.set_interval(DRAW_EVERY, self.look)

    def on_resize(self, event: events.Resize) -> None:
        self.places.choose()

    def go_to(self, name: str) -> None:
        """Give a pane the keys."""
        self.places.go_to(name)

    def go_to_server(self, server: str) -> None:
        self._speak_of(server)
        self.pane("servers").select(server)
        self.go_to("servers")

    def want_layout(self, name: str) -> None:
        if not self.places.want(name):
            self.say(f"The layout {name} needs a larger terminal.", "warn")

    def action_next_pane(self) -> None:
        self.places.step(1)

    def action_previous_pane(self) -> None:
        self.places.step(-1)

    def action_back(self) -> None:
        """Esc: first the filter goes, then the zoom, then the pane before this one comes back."""
        if self.here.filter_text:
            self.here.set_filter("")
        elif self.places.zoomed:
            self.places.zoom(None)
        else:
            self.places.back()

    def action_next_layout(self) -> None:
        name = self.places.next_layout()
        self.say(f"layout {name}" if name else "No other layout fits this terminal; a larger one has more.")

    def action_zoom(self) -> None:
        self.places.zoom(None if self.places.zoomed else self.places.here)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """A click gave a pane the keys."""
        if isinstance(event.widget, Pane) and event.widget.id:
            self.places.came_to(event.widget.id)
        self.query_one(Footer).paint()

    def on_screen_suspend(self) -> None:
        self.query_one(Footer).paint()

    def on_screen_resume(self) -> None:
        self.query_one(Footer).paint()

    def placed(self) -> None:
        """Panes came to be seen or went: show the night in those that are there."""
        if self.night is not None:
            self.show(self.night)

    # --- filter, matches, copy

    def action_filter(self) -> None:
        self.query_one(FilterBar).open(self.here)

    def on_filter_bar_closed(self, event: FilterBar.Closed) -> None:
        self.go_to(event.pane.id or "servers")

    def action_follow(self) -> None:
        """From any pane: to the log, and to its end."""
        self.go_to("log")
        self.query_one(LogPane).action_bottom()

    def action_next_match(self) -> None:
        self._next(1)

    def action_previous_match(self) -> None:
        self._next(-1)

    def _next(self, direction: int) -> None:
        """The next match of this pane's filter; without one, the next thing that needs a person."""
        if self.here.step_match(direction):
            return
        if self.here.id == "needs":
            self.here.step_row(direction)
        else:
            self.go_to("needs")
            self.here.end_row(direction)

    def action_copy(self) -> None:
        text = self.here.copied()
        if not text:
            self.say("Nothing is selected to copy.")
            return
        self.app.copy_to_clipboard(text)
        self.say(f"Copied {len(text.splitlines())} line(s) (through tmux only with `set -s set-clipboard on`).")

    # --- coming back

    def place(self) -> dict[str, Any]:
        """Where this person stands, as JSON, for `Memory`."""
        panes = {p.id: p.place() for p in self.panes}
        return {"server": self.server, "panes": panes, **self.places.place()}

    def restore(self, place: dict[str, Any]) -> None:
        """Stand where this person stood; called before the first night is shown."""
        if place.get("server"):
            self._speak_of(str(place["server"]))
        panes = place.get("panes") or {}
        for pane in self.panes:
            if pane.id in panes:
                pane.restore(panes[pane.id])
        self.places.restore(place)
