"""The log: any window of a million lines, following its end or staying exactly where the reader stopped.

Knows line numbers and filters; the lines come from the journal and are cleaned by `views.logs`. Holds no lines beyond the
ones on the screen.
"""

from __future__ import annotations

import asyncio
from typing import Any

from cockpit.journal.clock import Clock
from cockpit.journal.reader import LogFilter, LogView, Reader
from cockpit.journal.records import LogLine
from cockpit.ui.actions import bindings
from cockpit.ui.logfilter import parse_filter, title
from cockpit.ui.logsearch import SLICE, Search, Way, way
from cockpit.ui.painting import Drawn
from cockpit.ui.pane import Pane
from cockpit.views import logs
from cockpit.views.model import Cell, Line, Night
from cockpit.views.words import CUT, beyond, plural

SIDEWAYS = 20  # cells that one press of left or right moves


class LogPane(Pane):
    TITLE = "log"
    BINDINGS = bindings("down", "up", "top", "bottom", "page_down", "page_up", "left", "right", "follow")

    def __init__(self, id: str, reader: Reader, clock: Clock) -> None:
        super().__init__(id)
        self._reader, self._clock = reader, clock
        self._view: LogView = reader.log(LogFilter())
        self._count = 0
        self._first = 0  # number of the line on top, where nothing is followed
        self._left = 0  # cells cut at the left
        self._following = True
        self._seen = 0  # lines there were when following ended
        self._server: str | None = None  # the server that the screen speaks of
        self._search = Search()

    # --- what is shown

    def show(self, night: Night) -> None:
        first, self.night = self.night is None, night
        if first:
            self._open()  # only now are the names in a filter known that was left here
        self._count = self._view.count(self._clock.until())
        self.paint()

    def speak_of(self, server: str | None) -> None:
        """Where its filter names no place the log is that of the selected server (None: of all)."""
        if server != self._server:
            self._server = server
            self._aim()

    def set_filter(self, text: str) -> None:
        self.filter_text = text
        self._aim()

    def _aim(self) -> None:
        """Other lines are looked at from their end, since a line number means nothing in another filter."""
        if self.night is not None:
            self._following = self._open() or self._following
            self.show(self.night)

    def _open(self) -> bool:
        """Servers, steps and streams are filtered for, what is left of the words is looked for. Whether the lines are others."""
        wanted, words = parse_filter(self.filter_text, self.night, self._server)
        others = wanted != self._view.filter
        if others:
            self._view = self._reader.log(wanted)
        if others or words != self._search.words:
            self._search = Search(words)
        return others

    def _last_first(self) -> int:
        return max(0, self._count - self._room)

    @property
    def _top(self) -> int:
        """Number of the line on top. Asked each time: it hangs on the room, and a pane gets its room after it was shown."""
        return self._last_first() if self._following else min(self._first, self._last_first())

    @property
    def _room(self) -> int:
        return max(1, self.size.height - 1)

    def heading(self) -> str:
        return title(self._view.filter)

    def sought(self) -> str:
        return ": ".join(filter(None, [super().sought(), self._search.verdict(self._count)]))

    def aside(self) -> str:
        total = plural(self._count, "line")
        if self._following:
            return f"{total} (follow)"
        return ", ".join(filter(None, [f"line {self._top + 1:,} of {total}", self._news()]))

    def brief(self) -> str:
        return "(follow)" if self._following else self._news() or f"line {self._top + 1:,}"

    def _news(self) -> str:
        new = self._count - self._seen
        return f"+{new:,} new, G resumes" if new else ""

    def lines(self, width: int, height: int) -> list[Drawn]:
        out = [self.title_line(width)]
        if self.night is None:
            return out
        for n, line in enumerate(self._view.lines(self._top, self._room, self._clock.until()), start=self._top):
            cells = beyond(self._drawn(line), self._left)
            out.append(Drawn((Cell(CUT if self._left else " ", "dim"), *cells), "resting" if n == self._search.found else ""))
        if len(out) == 1:
            out.append(Drawn((Cell(" no output yet", "dim"),)))
        return out

    def _drawn(self, line: LogLine) -> Line:
        offset = self.night.state.utc_offset if self.night else 0.0
        return logs.line(line, offset, task=self._view.filter.task is None, sought=self._search.words)

    def copied(self) -> str:
        return "\n".join("".join(c.text for c in line.cells).rstrip() for line in self._painted[1:]).rstrip()

    # --- searching

    def filter_kept(self) -> None:
        """To the nearest match: backwards from an end that is followed, else on from the line on top and then back."""
        at = self._count if self._following else self._top
        back, on = self._way(at - 1, -1), self._way(at, 1)
        self._look("", *((back, on) if self._following else (on, back)))

    def step_match(self, direction: int) -> bool:
        """From the match that is seen to the next, else from what is seen; says so when there is none."""
        search = self._search
        if not search.words:
            if self.filter_text:
                self.post_message(self.Said("The filter has no words to look for: all lines that are seen are of it."))
            return bool(self.filter_text)
        if search.found is None and not search.looking:
            self.filter_kept()
        elif search.found is not None:
            seen = self._sees(search.found)
            start = search.found + direction if seen else self._top if direction > 0 else self._top + self._room - 1
            none = f"No {'further' if direction > 0 else 'earlier'} line with {search.words!r}."
            self._look(none, self._way(start, direction))
        return True

    def _way(self, start: int, direction: int) -> Way:
        return way(self._view, self._clock.until, self._search.words, start, direction)

    def _look(self, none: str, *ways: Way) -> None:
        """What is near is found at once; the rest of a long log is looked through beside the keys."""
        search = self._search
        if search.words:
            search.begin(*ways)
            self._look_on(search, none)
            if search.looking:
                self.run_worker(self._look_through(search, none), group="search", exclusive=True)

    async def _look_through(self, search: Search, none: str) -> None:
        while search.looking:
            await asyncio.sleep(SLICE / 4)
            if search is not self._search:
                return  # other lines are looked at meanwhile: a number of those means nothing here
            self._look_on(search, none)

    def _look_on(self, search: Search, none: str) -> None:
        line = search.go_on()
        if line is not None:
            self._stay()
            if not self._sees(line):
                self._go(line - self._room // 2)
            self._turn_to(line)
        elif not search.looking and search.found is None:
            search.none_in = self._count
        elif not search.looking:
            self.post_message(self.Said(none))
        self.paint()

    def _turn_to(self, line: int) -> None:
        """Sideways, as far as its first match is seen whole."""
        room = self.size.width - 2
        for found in self._view.lines(line, 1, self._clock.until()):  # none where a replay was moved back meanwhile
            begin, end = logs.marked_at(self._drawn(found))
            if begin < self._left or end > self._left + room:
                self._left = begin - room // 2 if end > room else 0

    def _sees(self, line: int) -> bool:
        return self._top <= line < self._top + self._room

    # --- moving

    def _stay(self) -> None:
        """Following ends where one stands."""
        if self._following:
            self._first, self._following, self._seen = self._top, False, self._count

    def _go(self, first: int) -> None:
        first = max(0, min(first, self._last_first()))
        if first < self._last_first():
            self._stay()
        self._first = first
        self.paint()

    def action_down(self) -> None:
        self._go(self._top + 1)

    def action_up(self) -> None:
        self._go(self._top - 1)

    def action_page_down(self) -> None:
        self._go(self._top + self._room - 1)

    def action_page_up(self) -> None:
        self._go(self._top - self._room + 1)

    def action_top(self) -> None:
        self._go(0)

    def action_bottom(self) -> None:
        self._following = True
        if self.night is not None:
            self.show(self.night)

    def action_follow(self) -> None:
        if self._following:
            self._stay()
            self.paint()
        else:
            self.action_bottom()

    def action_left(self) -> None:
        self._left = max(0, self._left - SIDEWAYS)
        self.paint()

    def action_right(self) -> None:
        self._left += SIDEWAYS
        self.paint()

    def on_mouse_scroll_down(self) -> None:
        self._go(self._top + 3)

    def on_mouse_scroll_up(self) -> None:
        self._go(self._top - 3)

    # --- coming back

    def place(self) -> dict[str, Any]:
        where = {"first": self._top, "seen": self._seen, "following": self._following, "server": self._server}
        return {**super().place(), **where}

    def restore(self, place: dict[str, Any]) -> None:
        self._server = place.get("server")
        super().restore(place)
        self._following = bool(place.get("following", True))
        self._first, self._seen = int(place.get("first") or 0), int(place.get("seen") or 0)
