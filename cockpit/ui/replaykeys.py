"""The replay's keys: from the name of an action to the clock. Knows the transport and where to say what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cockpit.ui.dialogs import Answer, Choice, Dialog, Question
from cockpit.ui.replaybar import Transport
from cockpit.ui.source import Source

if TYPE_CHECKING:
    from cockpit.ui.app import CockpitApp

SHIFTS = {"seconds_back": -10.0, "seconds_on": 10.0, "minutes_back": -300.0, "minutes_on": 300.0}


class ReplayKeys:
    def __init__(self, app: CockpitApp, source: Source) -> None:
        assert source.controls is not None
        self._app, self._source = app, source
        self._transport = Transport(source.controls, source.reader)

    def act(self, name: str) -> None:
        if name == "go_to_time":
            self._ask_time()
            return
        if name in SHIFTS:
            self._transport.shift(SHIFTS[name])
        elif name == "pause":
            self._transport.pause()
        elif name in ("event_back", "event_on"):
            self._transport.event(1 if name == "event_on" else -1)
        elif name in ("slower", "faster"):
            self._transport.faster(1 if name == "faster" else -1)
        elif not self._transport.mark(1 if name == "mark_on" else -1):
            self._app.board.say("There is no further mark." if name == "mark_on" else "There is no earlier mark.")
        self._moved()

    def _moved(self) -> None:
        self._source.stale()
        self._app.redraw()

    def _ask_time(self) -> None:
        def wrong(text: str) -> str:
            try:
                self._source.moment(text.strip())
            except ValueError as problem:
                return str(problem)
            return ""

        choice = Choice("e", "", "", asks="HH:MM or HH:MM:SS, by the clock of the night:", wrong=wrong)

        def given(answer: Answer | None) -> None:
            if answer is not None:
                self._source.go_to(answer.value.strip())
                self._moved()

        self._app.push_screen(Dialog(Question("Go to a time", (), (choice,))), given)
