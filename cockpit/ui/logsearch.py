"""Looking for words in a log of any length, a slice at a time: between two slices the screen draws and hears its keys.

Knows numbers of lines, and words as they are shown; refuses to know the pane.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import chain

from cockpit.journal.reader import LogView
from cockpit.views import logs

PAGE = 500  # lines read at a time: some milliseconds
SLICE = 0.02  # seconds of looking before the screen has its turn
Way = Iterator[int | None]  # None after each page that has no match; the number of the line that has one, as its last


class Search:
    """`words` in lower case; "" where nothing is looked for. `found`: the line where one stands."""

    def __init__(self, words: str = "") -> None:
        self.words = words
        self.found: int | None = None
        self.none_in: int | None = None  # lines that were looked at and don't have the words, where no line has them
        self.looking = False
        self._ways: Way = iter(())

    def begin(self, *ways: Way) -> None:
        """Look along these, the next where the one before found nothing; `go_on` does it."""
        self._ways, self.looking = chain(*ways), True

    def go_on(self) -> int | None:
        """Looks for a slice of time; the line that was found. `looking` says whether there is more to look at."""
        until = time.monotonic() + SLICE
        for line in self._ways:
            if line is not None:
                self.found, self.looking = line, False
                return line
            if time.monotonic() > until:
                return None
        self.looking = False
        return None

    def verdict(self, count: int) -> str:
        """How one stands in a log that has so many lines now; "" before anything was looked for."""
        if self.looking:
            return "looking"
        if self.found is not None and self.found < count:
            return "match"
        if self.none_in is None:
            return ""
        return "no match" if self.none_in >= count else f"no match in the first {self.none_in:,}"


def way(view: LogView, until: Callable[[], float | None], words: str, start: int, direction: int) -> Way:
    """From line `start` on, towards the end (1) or the beginning (-1). until: up to when lines are known, asked for each page: a
    replay may be moved back meanwhile."""
    while start >= 0:
        first = start if direction > 0 else max(0, start - PAGE + 1)
        page = view.lines(first, PAGE if direction > 0 else start - first + 1, until())
        hits = [n for n, line in enumerate(page, first) if logs.holds(line, words)]
        if hits:
            yield hits[0] if direction > 0 else hits[-1]
        if hits or not page:
            return
        yield None
        start = first + len(page) if direction > 0 else first - 1
