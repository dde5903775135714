"""The row that moves a recorded night: where it stands between start and end, and the keys that move it.

Knows the clock's controls and the journal's facts by number; refuses to know what is drawn.
"""

from __future__ import annotations

from cockpit.journal.reader import Reader
from cockpit.ui.painting import Drawn, Painted
from cockpit.ui.source import Controls
from cockpit.units import clock_seconds
from cockpit.views.model import Cell, Night

SPEEDS = (0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
KEYS = (" , . event [ ] mark ( ) 10s { } 5min < > speed t time ",  # the richest that fits is shown, after Space
        " ,. event [] mark () 10s {} 5min <> speed t time ", " ,. [] () {} <> t ")
BAR = 10  # cells below which a bar says nothing
PAGE = 2_000  # facts looked at in one go when searching for a mark
# A mark is a fact that one would tell about the night: what a person decided, and what went wrong or was reached.
MARKS = frozenset({
    "GateAnswered", "BackoutStarted", "NoteAdded", "TaskMarkedDone", "TaskMarkedFailed", "ServerLost", "ServerDropped",
    "PromptOpened", "AttemptUnknown", "NightEnded", "EngineStarted", "EngineTroubled", "HostKeyAccepted",
})  # fmt: skip


class ReplayBar(Painted):
    def __init__(self, controls: Controls) -> None:
        super().__init__(id="replay")
        self._controls = controls
        self._night: Night | None = None

    def show(self, night: Night) -> None:
        self._night = night
        self.paint()

    def lines(self, width: int, height: int) -> list[Drawn]:
        c, offset = self._controls, self._night.state.utc_offset if self._night else 0.0
        state, space = (">", " Space pause") if c.playing else ("||", " Space play ")  # of one width: the bar stays where it is
        head, start, end = f" {state} {c.speed:g}x ", f"{clock_seconds(c.start, offset)} ", f" {clock_seconds(c.end, offset)}"
        for keys, ends in ((KEYS[0], True), (KEYS[1], True), (KEYS[1], False), (KEYS[2], False)):
            room = width - len(head) - len(space + keys) - (len(start) + len(end)) * ends
            if room >= (BAR if ends else 0):
                break
        bar = self._bar(room) if room >= BAR else ""
        return [Drawn((Cell(head + start * ends, "strong"), Cell(bar, "run"), Cell(end * ends), Cell(space + keys, "dim")))]

    def _bar(self, width: int) -> str:
        c = self._controls
        share = (c.now() - c.start) / (c.end - c.start) if c.end > c.start else 1.0
        at = round(share * (width - 1))
        return "=" * at + "O" + "-" * (width - 1 - at)


class Transport:
    """What the replay keys do. Moving by events and marks pauses, so that one can look."""

    def __init__(self, controls: Controls, reader: Reader) -> None:
        self._c, self._reader = controls, reader

    def pause(self) -> None:
        if self._c.playing:
            self._c.pause()
            return
        if self._c.now() >= self._c.end:
            self._c.seek(self._c.start)
        self._c.play()

    def shift(self, seconds: float) -> None:
        self._c.seek(self._c.now() + seconds)

    def faster(self, direction: int) -> None:
        here = min(range(len(SPEEDS)), key=lambda i: abs(SPEEDS[i] - self._c.speed))
        self._c.speed = SPEEDS[max(0, min(len(SPEEDS) - 1, here + direction))]

    def event(self, direction: int) -> None:
        """To the moment of the next or previous fact."""
        self._c.pause()
        seq = self._reader.seq_at(self._c.now())
        here = self._reader.time_of(seq) if seq else None
        step = seq + 1 if direction > 0 else seq
        at = self._reader.time_of(step)
        while direction < 0 and at is not None and here is not None and at >= here and step > 1:
            step -= 1
            at = self._reader.time_of(step)
        if at is not None:
            self._c.seek(at)

    def mark(self, direction: int) -> bool:
        """To the next or previous mark. False: there is none."""
        self._c.pause()
        now = self._c.now()
        at = self._mark_after(now) if direction > 0 else self._mark_before(now)
        if at is not None:
            self._c.seek(at)
        return at is not None

    def _mark_after(self, now: float) -> float | None:
        seq = self._reader.seq_at(now)
        while page := self._reader.facts(seq, None, PAGE):
            for fact in page:
                if fact.at > now and (fact.kind in MARKS or fact.who):
                    return fact.at
            seq = page[-1].seq
        return None

    def _mark_before(self, now: float) -> float | None:
        seq = self._reader.seq_at(now)
        while seq > 0:
            page = self._reader.facts(max(0, seq - PAGE), seq, PAGE)
            for fact in reversed(page):
                if fact.at < now and (fact.kind in MARKS or fact.who):
                    return fact.at
            seq = max(0, seq - PAGE)
        return None
