"""What a screen is built from: a journal's reader, a clock, and, where commands may be given, a commander.

The one place that turns them into a `Night`; live, attached, watched and replayed screens differ in these three only.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Protocol

from cockpit.journal.clock import Clock
from cockpit.journal.events import SessionStarted
from cockpit.journal.reader import Reader
from cockpit.state.model import State
from cockpit.state.tail import Tail
from cockpit.ui.commander import Commander
from cockpit.ui.pulse import Pulse
from cockpit.units import clock_seconds
from cockpit.views.model import Engine, Night
from cockpit.views.night import NightBuilder
from cockpit.views.now import attended

DAY = 86_400.0
SILENT = 10.0  # s without a sample of the engine's own, which comes every 2: a recorded one was dead then, or stood still
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


class Controls(Protocol):
    """A clock that can be moved: what the replay bar needs of it."""

    start: float
    end: float
    speed: float

    @property
    def playing(self) -> bool: ...

    def now(self) -> float: ...

    def play(self) -> None: ...

    def pause(self) -> None: ...

    def seek(self, at: float) -> None: ...


@dataclass
class Source:
    """controls: the clock again, where a person may move it. who: the name at the keys."""

    reader: Reader
    clock: Clock
    commander: Commander | None = None
    pulse: Pulse | None = None
    controls: Controls | None = None
    who: str = ""
    session: str = ""
    _builder: NightBuilder = field(init=False)
    _drawn: tuple[int, int, str | None, Engine] | None = None

    def __post_init__(self) -> None:
        self._builder = NightBuilder(Tail(self.reader), self.reader, self.clock, who=self.who)

    def poll(self) -> Night | None:
        """The night now, or None when nothing can have changed since the last call but the log."""
        now, until = self.clock.now(), self.clock.until()
        seq = self.reader.last_seq() if until is None else self.reader.seq_at(until)
        moment = (seq, int(now), self._words())
        if (*moment, self._engine(self._builder.tail.state)) == self._drawn:
            return None
        night = self._builder.night(replay=self._words())
        # asked about the state that is shown: what was read last time may not know yet which process is the engine
        engine = self._engine(night.state)
        self._drawn = (*moment, engine)
        return attended(night, engine)

    def _engine(self, state: State) -> Engine:
        return self.pulse.engine(state) if self.pulse else recorded(self.reader, state, self.clock.now())

    def stale(self) -> None:
        """Draw at the next poll whatever stands: somebody moved the clock, or changed the name."""
        self._drawn = None

    def rename(self, who: str) -> None:
        """Another person is at the keys from now on."""
        self.who = self._builder.who = who
        if self.commander is not None:
            self.commander.who = who
        self.stale()

    def go_to(self, text: str) -> None:
        """Move the clock to a time of the night, "03:12" or "03:12:47". ValueError, with the form wanted, for anything else."""
        if self.controls is not None:
            self.controls.seek(self.moment(text))
            self.stale()

    def moment(self, text: str) -> float:
        """The epoch that this time of the night is. ValueError, as `go_to`."""
        assert self.controls is not None
        return moment(text, self.controls.start, self.controls.end, self._offset())

    def _offset(self) -> float:
        """Seconds east of UTC of the clock that the night is shown in."""
        for fact in self.reader.facts(0, None, 10):
            if isinstance(fact.event, SessionStarted):
                return fact.event.utc_offset
        return 0.0

    async def beat(self) -> None:
        """Asks after the engine's health for ever; returns at once where there is nothing to ask."""
        if self.pulse is not None:
            await self.pulse.beat()
        else:
            await asyncio.sleep(0)

    def _words(self) -> str | None:
        """What row 1 says instead of LIVE."""
        if self.controls is not None:
            speed = f"{self.controls.speed:g}x"
            return f"REPLAY {speed}" if self.controls.playing else f"REPLAY {speed} PAUSED"
        return None if self.commander is not None else "WATCH"


def recorded(reader: Reader, state: State, now: float) -> Engine:
    """The engine at that moment, as the journal has it: one that lives samples itself, and nothing else tells of its death."""
    newest = reader.latest("engine", now).get("engine")
    if newest is None or state.outcome is not None or (state.engine_running and now - newest.at < SILENT):
        return Engine(alive=None)
    return Engine(alive=False, recorded=True)


def moment(text: str, start: float, end: float, utc_offset: float) -> float:
    """The epoch at which the night's clock showed this, the first such time not before `start`. ValueError, in words, for what
    is no time of day and for one that the night does not have."""
    found = _CLOCK.fullmatch(text)
    if found is None or int(found[1]) > 23 or int(found[2]) > 59 or int(found[3] or 0) > 59:
        raise ValueError(f"{text!r} is no time of day: write HH:MM or HH:MM:SS, as in 03:12")
    seconds = int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3] or 0)
    midnight = (start + utc_offset) // DAY * DAY - utc_offset
    at = midnight + seconds
    lasts = 1 if found[3] else 60  # "03:12" is the whole minute: the night may begin within it
    while at + lasts <= start:
        at += DAY
    if at > end:
        span = f"{clock_seconds(start, utc_offset)} to {clock_seconds(end, utc_offset)}"
        raise ValueError(f"{text} is not in this night, which goes from {span}")
    return at
