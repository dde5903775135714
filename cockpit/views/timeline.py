"""A ruler of the night: where now, the forecast finish, turn-back, testing and the opening stand against each other.

Four lines: hours, the ruler, the marks under it, and what each mark means. Nothing is drawn that is not known.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace
from itertools import chain

from cockpit.units import clock, clock_day
from cockpit.views.deadline import next_gate_by
from cockpit.views.model import Cell, Line, Night, Tone
from cockpit.views.words import first_that_fits

STEPS = (300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)  # s between two labels
RULER = {"=": "past", ">": "work to come", "-": "spare until the business opens", ".": "after the opening"}


@dataclass(frozen=True, slots=True)
class Mark:
    at: float
    glyph: str
    word: str
    tone: Tone
    brief: str = ""  # where the words of all marks don't fit


def marks(night: Night) -> list[Mark]:
    """The most important last: it stands in its very cell, and its words go last."""
    state, forecast = night.state, night.forecast
    found = [_due(night, state.opens, "[", "work may start", "window opened", "dim", "start", "began")]
    if state.testing is not None and not (state.outcome and night.now < state.testing):
        found.append(_due(night, state.testing, "T", "testing", "testing was due", "", "testing", "was due"))
    by = next_gate_by(night)
    if forecast.backout_latest is not None:
        found.append(Mark(forecast.backout_latest, "B", "turn back by", "warn", "back by"))
    elif by is not None:
        found.append(Mark(by[1], "G", f"go by ({by[0].id})", "warn", "go by"))
    if forecast.finish_p90 is not None:
        found.append(Mark(forecast.finish_p90, "f", "finish, at worst in 9 of 10", "", "9 in 10"))
    if forecast.finish is not None:
        good = forecast.finish <= state.closes and state.outcome in (None, "done")
        word = "finish" if state.outcome is None else "finished"
        found.append(Mark(forecast.finish, "F", word, "good" if good else "bad"))
    found.append(_due(night, state.closes, "O", "business opens", "opening was due", "strong", "opens", "was due"))
    found.append(Mark(night.now, "V", "now", "run"))
    return found


def _due(night: Night, at: float, glyph: str, ahead: str, past: str, tone: Tone, brief: str, brief_past: str) -> Mark:
    """An hour of the plan: once it has come it is no longer something to expect, and whether it was kept others say."""
    return Mark(at, glyph, ahead, tone, brief) if night.now < at else Mark(at, glyph, past, tone, brief_past)


def lines(night: Night, width: int) -> list[Line]:
    """[] where there is no room or no window yet."""
    state = night.state
    if width < 30 or state.closes <= state.opens:
        return []
    shown = marks(night)
    begin = min(m.at for m in shown)
    end = max(m.at for m in shown)
    scale = _Scale(begin, max(end, begin + 60), width)
    return [_labels(night, scale), _ruler(night, scale), _marks(shown, scale), _meaning(shown, night, width)]


@dataclass(frozen=True, slots=True)
class _Scale:
    begin: float
    end: float
    width: int

    def cell(self, at: float) -> int:
        share = (at - self.begin) / (self.end - self.begin)
        return max(0, min(self.width - 1, round(share * (self.width - 1))))

    def ticks(self, utc_offset: float) -> list[float]:
        """Round hours of the plan's clock, far enough apart for their labels."""
        room = (self.end - self.begin) / max(1, self.width // 8)
        step = next((s for s in STEPS if s >= room), STEPS[-1])
        first = -(-(self.begin + utc_offset) // step) * step - utc_offset
        return [first + i * step for i in range(int((self.end - first) // step) + 1)]


def _labels(night: Night, scale: _Scale) -> Line:
    text = [" "] * scale.width
    free = 0
    for tick in scale.ticks(night.state.utc_offset):
        label = clock(tick, night.state.utc_offset)
        at = min(scale.cell(tick), scale.width - len(label))
        if at >= free:
            text[at : at + len(label)] = label
            free = at + len(label) + 1
    return (Cell("".join(text), "dim"),)


def _ruler(night: Night, scale: _Scale) -> Line:
    """What is past, the rest of the work, and what is spare; after the opening there is nothing left to spare."""
    past = scale.cell(night.now)
    opens = scale.cell(night.state.closes)
    finish = scale.cell(night.forecast.finish) if night.forecast.finish is not None else past
    work = max(past, finish)
    spare = max(work, opens)
    sizes = (past, work - past, spare - work, scale.width - spare)
    tones: tuple[Tone, ...] = ("dim", "run" if finish <= opens else "bad", "good", "dim")
    return tuple(Cell(glyph * size, tone) for glyph, size, tone in zip(RULER, sizes, tones, strict=True))


def _marks(shown: list[Mark], scale: _Scale) -> Line:
    """What would fall on another stands in the next free cell, on the side of its time."""
    stands: dict[int, Mark] = {}
    for mark in reversed(shown):
        at = scale.cell(mark.at)
        later = at not in stands or mark.at >= stands[at].at
        stands[_free(at, stands, scale.width, later=later)] = mark
    return tuple(Cell(stands[i].glyph, stands[i].tone) if i in stands else Cell(" ") for i in range(scale.width))


def _free(at: int, taken: Container[int], width: int, *, later: bool) -> int:
    after, before = range(at, width), range(at, -1, -1)
    return next(cell for cell in chain(*((after, before) if later else (before, after))) if cell not in taken)


def _meaning(shown: list[Mark], night: Night, width: int) -> Line:
    """The marks in words, in few where it gets narrow: of the least important, then of all, and then of ever fewer."""
    offset, hasty = night.state.utc_offset, [replace(mark, word=mark.brief or mark.word) for mark in shown]

    def worded(some: list[Mark]) -> Line:
        ordered = sorted(some, key=lambda m: m.at)
        return tuple(
            Cell(f"{'  ' if i else ''}{m.glyph} {m.word} {clock_day(m.at, night.now, offset)}", m.tone)
            for i, m in enumerate(ordered)
        )

    return first_that_fits(map(worded, [shown, shown[1:], *(hasty[i:] for i in range(len(shown)))]), width)
