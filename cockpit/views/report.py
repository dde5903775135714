"""The report of a night: planned against actual, what moved, what is proven, who decided what. Rows and words only.

Pure: made from a `Night` and the facts of its journal. Knows neither Markdown nor HTML (the command line writes those).
Everything that came from a server goes through `logs.one_line`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from cockpit.journal.events import Fact, NightEnded
from cockpit.plan.model import Step
from cockpit.state.model import Attempt, Proof, Task
from cockpit.units import format_duration, format_rate, format_size, format_slack
from cockpit.views import foretold, proofs
from cockpit.views.glyphs import task_mark
from cockpit.views.logs import one_line
from cockpit.views.model import Cell, Night, Tone
from cockpit.views.now import word
from cockpit.views.paper import Report, Section, offset_words, stamp, table
from cockpit.views.record import Record
from cockpit.views.words import plural

ATTRIBUTION = (
    "Names say who was at the keys as far as they said so: they are attribution, not authentication. What the system itself "
    "vouches for is the user id and process beside them, as the control socket saw them."
)


def report(night: Night, facts: Iterable[Fact], told: foretold.Told | None = None) -> Report:
    """`facts`: all of the journal, oldest first; read once. `told`: the forecasts that were recorded."""
    record = Record(night.state.utc_offset)
    ended = None
    for fact in facts:
        record.add(fact)
        if isinstance(fact.event, NightEnded):
            ended = fact.at
    sections = [
        _head(night, ended), _steps(night, night.plan.steps, "Planned against actual"), _tasks(night, "night", "On each server"),
        _transfers(night), *foretold.sections(night, told or {}), _proofs(night), record.decisions(), _notes(night),
        _backout(night), *record.servers(), record.engines(),
    ]  # fmt: skip
    return Report(f"{night.state.plan}: {_outcome(night)}", tuple(sections))


# --- the sections


def _head(night: Night, ended: float | None) -> Section:
    state, plan = night.state, night.plan
    planned = max((t.planned_end for t in state.tasks.values() if t.planned_end is not None), default=None)
    finish = ended if ended is not None else night.forecast.finish
    slack = f", {format_slack(state.closes - finish)} to the opening" if finish is not None else ""
    rows = [
        ("Session", state.session), ("Outcome", _outcome(night)), ("Mode", state.mode),
        ("Lead", " ".join(filter(None, [plan.lead, plan.contact]))),
        ("Window", " to ".join(_stamp(night, at) for at in (state.opens, state.testing, state.closes) if at is not None)),
        ("Began", _stamp(night, state.started)), ("Planned finish", _stamp(night, planned)),
        ("Finish" if ended is not None else "Forecast finish", _stamp(night, finish) + slack),
        ("Plan", f"{_size(night, plan.steps)} on {plural(len(plan.servers), 'server')}"),
        *([("Backout", _size(night, plan.backout))] if plan.backout else []),
        *((f"Input {name}", one_line(value)) for name, value in state.inputs.items()),
    ]  # fmt: skip
    words = (f"Times are on the plan's clock, UTC{offset_words(state.utc_offset)}.", ATTRIBUTION)
    return Section("The night", words, table(("WHAT", "SAYS"), [(name, text) for name, text in rows if text]))


def _size(night: Night, steps: Sequence[Step]) -> str:
    """ "17 steps, 54 tasks": a backout's are never among the night's, which are what the screen counts."""
    names = {step.id for step in steps}
    return f"{plural(len(steps), 'step')}, {plural(sum(t.step in names for t in night.state.tasks.values()), 'task')}"


def _outcome(night: Night) -> str:
    return night.state.outcome or f"not ended, as of {_stamp(night, night.now)}"


def _steps(night: Night, steps: Sequence[Step], title: str) -> Section:
    """A row a step, over all its servers. LATE: its end against its planned end."""
    rows = []
    for step in steps:
        tasks = [night.state.tasks[t] for t in step.task_ids() if t in night.state.tasks]
        begin, end = _span(tasks)
        planned = _planned(tasks)
        late = end - planned[1] if end is not None and planned[1] is not None else None
        rows.append((
            step.id, one_line(step.title), str(len(step.servers)) if step.servers else "-", _times(night, *planned),
            _times(night, begin, end), _late(late), _counted(night, tasks),
        ))  # fmt: skip
    return Section(title, (), table(("STEP", "WHAT", "SERVERS", "PLANNED", "ACTUAL", "LATE", "RESULT"), rows))


def _tasks(night: Night, phase: str, title: str) -> Section:
    rows = [_task(night, task) for task in night.state.tasks.values() if task.phase == phase]
    columns = ("STEP", "SERVER", "PLANNED", "ACTUAL", "TOOK", "TRIES", "RESULT", "WHAT WAS SAID")
    return Section(title, ("TRIES counts every attempt, also those to undo.",), table(columns, rows))


def _task(night: Night, task: Task) -> tuple[str | Cell, ...]:
    attempt = task.attempt
    took = format_duration(task.ended - task.started) if task.started is not None and task.ended is not None else ""
    by = f"by {one_line(task.who)}" if task.who else "by plan" if task.by_plan else ""
    error = one_line(attempt.error) if attempt and attempt.error else ""
    why = one_line(task.why) if task.why and task.why != (attempt.error if attempt else None) else ""
    said = "; ".join(filter(None, [by, why, error]))
    return (
        task.step, task.server or "-", _times(night, task.planned_start, task.planned_end),
        _times(night, task.started, task.ended), took, str(len(task.attempts) or ""), _word(night, task), said,
    )  # fmt: skip


def _transfers(night: Night) -> Section:
    copies = [t for t in night.state.tasks.values() if t.kind == "copy"]
    rows = [_transfer(night, task, attempt) for task in copies for attempt in task.attempts if attempt.purpose == "do"]
    if not copies:
        return Section("Transfers", ("The plan copies nothing.",))
    total = sum(_bytes(night, t, t.attempt) or 0 for t in copies if t.state == "done" and t.attempt)
    words = (
        f"{format_size(total)} arrived in {plural(sum(t.state == 'done' for t in copies), 'copy', 'copies')} of {len(copies)}.",
        "BYTES is what lay at the target at the end; a later try of a copy does not move again what was there, so its rate "
        "may be above the network's.",
    )
    return Section("Transfers", words, table(("COPY", "TRY", "WAY", "BYTES", "FILES", "TOOK", "RATE", "RESULT"), rows))


def _transfer(night: Night, task: Task, attempt: Attempt) -> tuple[str, ...]:
    detail, size = attempt.detail, _bytes(night, task, attempt)
    took = attempt.ended - attempt.started if attempt.ended is not None else None
    way = detail.get("way") or (detail.get("copy") or {}).get("way") or ""
    return (
        task.id, str(attempt.n), str(way), format_size(size) if size is not None else "not known", str(detail.get("files", "")),
        format_duration(took) if took is not None else "", format_rate(size / took) if size and took else "",
        attempt.result or "not ended",
    )  # fmt: skip


def _bytes(night: Night, task: Task, attempt: Attempt) -> int | None:
    found = attempt.detail.get("bytes")
    if isinstance(found, int):
        return found
    moving = night.forecast.transfers.get(task.id)
    return moving.bytes_done if moving is not None and attempt is task.attempt else None


def _proofs(night: Night) -> Section:
    """Fresh or stale as at the end of the journal: a stale pass is no proof."""
    rows = [_proof(night, *found) for found in proofs.all_checks(night)]
    columns = ("SERVER", "CHECK", "RESULT", "FRESH", "AT", "EVIDENCE")
    return Section("Proofs", (proofs.summary(night) + ".",), table(columns, rows))


def _proof(night: Night, task: str, check: str, proof: Proof | None) -> tuple[str | Cell, ...]:
    step, _, server = task.partition("@")
    shown = proofs.mark(night, task, check, proof)
    head = (server or "-", f"{step}/{check}", Cell(shown.word, shown.tone))
    if proof is None:
        return (*head, "", "", "nobody has run it")
    since = night.stale.get(f"{task}/{check}")
    fresh = "" if proof.result == "not-tested" else "fresh" if since is None else f"stale since {_stamp(night, since)}"
    return (*head, fresh, _stamp(night, proof.at), one_line(proof.evidence))


def _notes(night: Night) -> Section:
    rows = [(_stamp(night, n.at), n.who or "-", n.target or "the night", one_line(n.text)) for n in night.state.notes]
    return Section("Notes", () if rows else ("None.",), table(("TIME", "WHO", "ABOUT", "NOTE"), rows))


def _backout(night: Night) -> Section:
    if not night.state.backout:
        return Section("Backout", ("None was started." if night.plan.backout else "The plan has none.",))
    why = one_line(night.state.backout_reason or "no reason was given")
    made = _steps(night, night.plan.backout, "")
    return Section("Backout", (f"It was started: {why}.",), made.table)


# --- words of a cell


def _stamp(night: Night, at: float | None) -> str:
    return stamp(at, night.state.utc_offset)


def _span(tasks: Sequence[Task]) -> tuple[float | None, float | None]:
    """When the first began and the last ended; no end while one of them has none."""
    begun = [t.started for t in tasks if t.started is not None]
    ended = [t.ended for t in tasks if t.ended is not None]
    return min(begun, default=None), max(ended, default=None) if len(ended) == len(tasks) else None


def _planned(tasks: Sequence[Task]) -> tuple[float | None, float | None]:
    starts = [t.planned_start for t in tasks if t.planned_start is not None]
    ends = [t.planned_end for t in tasks if t.planned_end is not None]
    return min(starts, default=None), max(ends, default=None)


def _times(night: Night, begin: float | None, end: float | None) -> str:
    """ "2026-11-28 03:12:47 to 03:20:01"; the day again only where it is another."""
    first, last = _stamp(night, begin), _stamp(night, end)
    if not first or not last:
        return first or last
    return f"{first} to {last[11:] if last[:10] == first[:10] else last}"


def _late(seconds: float | None) -> Cell:
    if seconds is None:
        return Cell("")
    return Cell(format_slack(seconds), "warn" if seconds >= 60 else "")


def _word(night: Night, task: Task) -> Cell:
    said = word(night, task)
    tone: Tone = task_mark(said).tone
    return Cell(said, tone)


def _counted(night: Night, tasks: Sequence[Task]) -> Cell:
    """ "7 done", "6 done, 1 failed": the worst gives the tone."""
    counts = Counter(word(night, t) for t in tasks)
    bad = any(name in ("failed", "unknown", "cancelled") for name in counts)
    words = ", ".join(f"{n} {name}" for name, n in counts.items())
    return Cell(words, "bad" if bad else "good" if set(counts) == {"done"} else "")
