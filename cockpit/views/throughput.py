"""An hour of throughput: how much all copies together moved in each minute, as bars against the highest of them.

Reads the journal by minutes, each of them once; refuses to know the pane.
"""

from __future__ import annotations

from cockpit.forecast.rates import STALL_AFTER
from cockpit.journal.reader import Reader
from cockpit.units import clock, format_rate
from cockpit.views.model import Cell, Line, Night
from cockpit.views.words import BARS

MINUTE = 60.0
MINUTES = 60
TRANSFER = "transfer/"


class Hour:
    """Bytes per second in the minutes up to now. A minute that is over is read once; after a jump in time it is read anew."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._counts: dict[int, dict[str, int]] = {}  # end of a minute -> bytes of each copy until then

    def rates(self, night: Night, minutes: int = MINUTES) -> list[float]:
        """Oldest first, the last of the minute that is not over; none before the night began."""
        last = int(night.now // MINUTE)
        first = max(last - minutes + 1, int(night.state.started // MINUTE))
        wanted = range(first, last + 1)
        self._counts = {m: counts for m, counts in self._counts.items() if first <= m < last + 1}
        for minute in wanted:
            if minute not in self._counts:
                self._counts[minute] = self._read(night, minute * MINUTE)
        ends = [*(self._counts[m] for m in wanted), self._read(night, night.now)]
        lengths = [MINUTE] * (len(wanted) - 1) + [max(STALL_AFTER, night.now - last * MINUTE)]
        return [_moved(a, b) / length for a, b, length in zip(ends, ends[1:], lengths, strict=False)]

    def _read(self, night: Night, at: float) -> dict[str, int]:
        """Only copies: a proof reads, and moves nothing."""
        tasks = night.state.tasks
        found = {series.removeprefix(TRANSFER): sample for series, sample in self._reader.latest(TRANSFER, at).items()}
        return {
            name: int(sample.values.get("bytes_done") or 0) for name, sample in found.items()
            if name in tasks and tasks[name].kind == "copy"
        }  # fmt: skip


def _moved(before: dict[str, int], after: dict[str, int]) -> int:
    """A copy whose count fell began again: what it moved since then counts."""
    return sum(done - before.get(name, 0) if done >= before.get(name, 0) else done for name, done in after.items())


def lines(rates: list[float], night: Night, width: int, height: int) -> list[Line]:
    """The highest rate, the bars (as high as there is room, a cell for each minute), and the clock below them."""
    if width < 20 or height < 3 or not rates:
        return []
    shown = rates[-width:]
    top, rows = max(shown), height - 2
    moved = f"most in a minute {format_rate(top)}, this minute {format_rate(shown[-1])}"
    peak = moved if top > 0 else "nothing has moved in this hour"
    bars = [_bar(rate / top if top > 0 else 0.0, rows) for rate in shown]
    space = " " * (width - len(shown))
    drawn = [(Cell(space + "".join(bar[row] for bar in bars), "run"),) for row in range(rows)]
    return [(Cell(peak, "dim"),), *drawn, _clock(len(shown), night, width)]


def _bar(share: float, rows: int) -> list[str]:
    """One minute from the top row to the lowest; it is empty only where nothing moved."""
    eighths = max(1, round(share * rows * 8)) if share > 0 else 0
    cells = [min(8, max(0, eighths - 8 * row)) for row in range(rows)]
    return [BARS[n - 1] if n else " " for n in reversed(cells)]


def _clock(minutes: int, night: Night, width: int) -> Line:
    """Under each quarter of an hour its time, and the night's clock at the end."""
    text, offset = [" "] * width, night.state.utc_offset
    now = int(night.now // MINUTE)
    for back in range(minutes):
        at = (now - back) * MINUTE
        cell = width - 1 - back
        label = clock(at, offset)
        if back == 0 or (int((at + offset) // MINUTE) % 15 == 0 and back >= 2 * len(label)):  # there is room before the last one
            begin = min(cell, width - len(label))
            text[begin : begin + len(label)] = label
    return (Cell("".join(text), "dim"),)
