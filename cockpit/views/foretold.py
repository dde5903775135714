"""How true the forecasts were: of each copy at four shares of its bytes, and of the night's finish as it went on.

Pure: from the samples that the engine recorded (`forecast/<task>`, `forecast`) and what really happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import mean

from cockpit.journal.records import Sample
from cockpit.state.model import Attempt
from cockpit.units import format_duration, format_slack
from cockpit.views.logs import one_line
from cockpit.views.model import Cell, Night
from cockpit.views.paper import Section, stamp, table

NIGHT = "forecast"  # the night's series; a task's is NIGHT/TASK
MARKS = (0.25, 0.5, 0.75, 0.9)
ROWS = 16  # of the night's finish: the others lie between

Told = Mapping[str, Sequence[Sample]]  # series -> oldest first


def sections(night: Night, told: Told) -> tuple[Section, Section]:
    return _transfers(night, told), _finish(night, told.get(NIGHT, ()))


def errors(attempt: Attempt, samples: Iterable[Sample]) -> list[float | None]:
    """At each mark: the seconds that were told to be left, less those that were. None where nothing was told or it has no
    end."""
    if attempt.ended is None or attempt.result != "done":
        return [None] * len(MARKS)
    known = [s for s in samples if s.values.get("n") == attempt.n and s.values.get("eta") is not None and _share(s) is not None]
    found: list[float | None] = []
    for mark in MARKS:
        first = next((s for s in known if (_share(s) or 0.0) >= mark), None)
        found.append(_number(first, "eta") - (attempt.ended - first.at) if first is not None else None)
    return found


def _share(sample: Sample) -> float | None:
    total = _number(sample, "bytes_total")
    return _number(sample, "bytes_done") / total if total else None


def _number(sample: Sample, name: str) -> float:
    value = sample.values.get(name)
    return float(value) if isinstance(value, (int, float)) else 0.0


def _transfers(night: Night, told: Told) -> Section:
    rows, seen = [], list[list[float | None]]()
    for task in night.state.tasks.values():
        for attempt in task.attempts if task.kind == "copy" else ():
            found = errors(attempt, told.get(f"{NIGHT}/{task.id}", ()))
            if any(e is not None for e in found):
                seen.append(found)
                rows.append((task.id, str(attempt.n), *map(_error, found), _mean(found)))
    title, marks = "Forecasts of transfers", [f"AT {mark:.0%}" for mark in MARKS]
    if not rows:
        return Section(title, ("None ran for long enough to be forecast.",))
    all_of_them = ", ".join(f"{_mean(column)} at {mark:.0%}" for mark, column in zip(MARKS, zip(*seen, strict=True), strict=True))
    words = (
        "The time that was told to be left, less the time that was: with + it ended sooner than told, with - later. "
        f"Mean absolute error over all: {all_of_them}.",
    )
    return Section(title, words, table(("COPY", "TRY", *marks, "MEAN ABS"), rows))


def _error(seconds: float | None) -> str:
    return "" if seconds is None else format_slack(round(seconds))


def _mean(found: Iterable[float | None]) -> str:
    known = [abs(e) for e in found if e is not None]
    return format_duration(round(mean(known))) if known else "not told"


def _finish(night: Night, samples: Sequence[Sample]) -> Section:
    """OFF: the finish that was told, less the one that was."""
    actual = night.forecast.finish if night.state.outcome is not None else None
    planned = max((t.planned_end for t in night.state.tasks.values() if t.planned_end is not None), default=None)
    title = "Forecasts of the finish"
    if not samples:
        return Section(title, ("None was recorded.",))
    known = [_number(s, "finish") for s in samples if s.values.get("finish") is not None]
    words = [f"{name} {stamp(at, night.state.utc_offset)}." for name, at in (("Planned", planned), ("Actual", actual)) if at]
    if actual is not None and known:
        words.append(f"Mean absolute error of {len(known)} forecasts: {_mean([at - actual for at in known])}.")
    rows = [_finish_row(night, s, actual) for s in _thinned(samples)]
    return Section(title, (" ".join(words),), table(("TIME", "FINISH", "AT THE LATEST (P90)", "OFF", "DECIDED BY"), rows))


def _finish_row(night: Night, sample: Sample, actual: float | None) -> tuple[str | Cell, ...]:
    offset, told = night.state.utc_offset, sample.values.get("finish") is not None
    finish = _number(sample, "finish") if told else None
    late = _number(sample, "finish_p90") if sample.values.get("finish_p90") is not None else None
    off = _error(finish - actual) if finish is not None and actual is not None else ""
    decided = one_line(str(sample.values.get("critical") or ""))
    return stamp(sample.at, offset), stamp(finish, offset) or "not known", stamp(late, offset), off, decided


def _thinned(samples: Sequence[Sample]) -> list[Sample]:
    """Evenly, with the first and the last."""
    if len(samples) <= ROWS:
        return list(samples)
    return [samples[round(i * (len(samples) - 1) / (ROWS - 1))] for i in range(ROWS)]
