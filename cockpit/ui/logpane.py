"""The log: any window of a million lines, following its end or staying exactly where the reader stopped.

Knows line numbers and filters; the lines come from the journal and are cleaned by `views.logs`. Holds no lines beyond the
ones on the screen.
"""

from __future__ import annotations

from typing import Any

from rich.cells import cell_len

from cockpit.journal.clock import Clock
from cockpit.journal.reader import LogFilter, LogView, Reader
from cockpit.journal.records import Stream
from cockpit.ui.actions import bindings
from cockpit.ui.painting import Drawn
from cockpit.ui.pane import Pane
from cockpit.views import logs
from cockpit.views.model import Cell, Night
from cockpit.views.words import CUT

SIDEWAYS = 20  # cells that one press of left or right moves
STREAMS: dict[str, Stream] = {"out": "out", "err": "err", "note": "note"}
LOOK = 2_000  # lines read at a time while searching
LOOK_AT_MOST = 400_000  # lines searched by one key press, so that the screen never stands still for long


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
        self._wanted = ""  # text to look for, in lower case
        self._found: int | None = None  # number of the line where it was found last

    # --- what is shown

    def show(self, night: Night) -> None:
        self.night = night
        self._count = self._view.count(self._clock.until())
        self.paint()

    def speak_of(self, server: str | None) -> None:
        """Without a filter of its own the log is that of the selected server (None: of all)."""
        if server != self._server:
            self._server = server
            if not self.filter_text:
                self._aim()

    def set_filter(self, text: str) -> None:
        self.filter_text = text
        self._aim()

    def _aim(self) -> None:
        """Look at other lines: from their end, since a line number means nothing in another filter."""
        self._view = self._reader.log(self._filter())
        self._following = True
        if self.night is not None:
            self.show(self.night)

    def _filter(self) -> LogFilter:
        """Servers, steps and streams are filtered for; what is left of the words is what `n` looks for."""
        self._wanted = self.filter_text.lower()
        if not self.filter_text:
            return LogFilter(server=self._server)
        found, rest = parse_filter(self.filter_text, self.night)
        self._wanted = rest.lower()
        return found

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
        return f"log {self._server or 'of all servers'}" if not self.filter_text else "log"

    def aside(self) -> str:
        total = f"{self._count:,} lines"
        if self._following:
            return f"{total} (follow)"
        new = self._count - self._seen
        return f"line {self._top + 1:,} of {total}" + (f", +{new:,} new, G resumes" if new else "")

    def lines(self, width: int, height: int) -> list[Drawn]:
        out = [self.title_line(width)]
        if self.night is None:
            return out
        offset, several = self.night.state.utc_offset, self._view.filter.task is None
        for n, line in enumerate(self._view.lines(self._top, self._room, self._clock.until()), start=self._top):
            cells = _from(logs.line(line, offset, task=several), self._left)
            out.append(Drawn((Cell(CUT if self._left else " ", "dim"), *cells), "resting" if n == self._found else ""))
        if len(out) == 1:
            out.append(Drawn((Cell(" no output yet", "dim"),)))
        return out

    def copied(self) -> str:
        return "\n".join("".join(c.text for c in line.cells).rstrip() for line in self._painted[1:]).rstrip()

    # --- searching

    def step_match(self, direction: int) -> bool:
        """Puts the next line that holds the wanted text on the screen; says so when there is none near."""
        if not self._wanted:
            return False
        start = (self._found if self._found is not None else self._top) + direction
        found = self._search(start, direction)
        if found is not None:
            self._found = found
            self._go(found - self._room // 2)
        else:
            self.post_message(self.Said(f"No {'further' if direction > 0 else 'earlier'} line with {self._wanted!r}."))
        return True

    def _search(self, start: int, direction: int) -> int | None:
        until = self._clock.until()
        wanted = self._wanted.encode()
        for _ in range(LOOK_AT_MOST // LOOK):
            first = start if direction > 0 else max(0, start - LOOK + 1)
            page = self._view.lines(first, LOOK if direction > 0 else start - first + 1, until)
            hits = [first + i for i, line in enumerate(page) if wanted in line.text.lower()]
            if hits:
                return hits[0] if direction > 0 else hits[-1]
            start = first + len(page) if direction > 0 else first - 1
            if not page or start < 0:
                return None
        return None

    # --- moving

    def _go(self, first: int) -> None:
        first = max(0, min(first, self._last_first()))
        if first < self._last_first() and self._following:
            self._following, self._seen = False, self._count
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
            self._first = self._top
            self._following, self._seen = False, self._count
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


def _from(line: tuple[Cell, ...], left: int) -> tuple[Cell, ...]:
    """The line without its first `left` cells."""
    kept: list[Cell] = []
    for cell in line:
        size = cell_len(cell.text)
        if left >= size:
            left -= size
            continue
        kept.append(Cell(cell.text[left:], cell.tone))
        left = 0
    return tuple(kept)


def parse_filter(text: str, night: Night | None) -> tuple[LogFilter, str]:
    """`fs01 copy-out err` -> that server, that step, stderr alone; other words are returned as text to look for."""
    server = step = task = None
    streams: frozenset[Stream] | None = None
    rest: list[str] = []
    steps = {s.id for s in (*night.plan.steps, *night.plan.backout)} if night else set()
    for word in text.split():
        if night and word in night.state.tasks and "@" in word:
            task = word
        elif night and (word in night.plan.servers or word == "local"):
            server = word
        elif word in steps:
            step = word
        elif word in STREAMS:
            streams = frozenset({STREAMS[word]})
        else:
            rest.append(word)
    return LogFilter(server, step, task, streams=streams), " ".join(rest)
