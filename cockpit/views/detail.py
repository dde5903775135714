"""One task in prose: where it stands and why, every attempt, what it waits for, what the plan says of it, its
rollback."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cockpit.forecast.model import TransferNow
from cockpit.plan.model import Copy, Gate, Manual, Place, Run, Script, Step
from cockpit.state.model import Attempt, Task
from cockpit.state.seen import words
from cockpit.units import clock_seconds, format_duration, format_rate, format_size, percent
from cockpit.views.glyphs import task_mark
from cockpit.views.logs import harmless, one_line
from cockpit.views.model import Cell, Line, Night, Tone
from cockpit.views.now import believed, estimated_left, number, word
from cockpit.views.proofs import all_checks, mark
from cockpit.views.steps import span
from cockpit.views.transfers import eta_words
from cockpit.views.words import plural, wrap

Said = tuple[str, Tone]


def lines(night: Night, task_id: str, width: int) -> list[Line]:
    """Wrapped to `width`. A task that the plan no longer has gets one line that says so."""
    task = night.state.tasks.get(task_id)
    if task is None:
        return [(Cell(f"{task_id}: no such task in this night", "warn"),)]
    said = [*_head(night, task), *_waits(night, task), *_moves(night, task), *_attempts(night, task),
            *_proven(night, task), *_planned(night, task)]
    return [(Cell(line, tone),) for text, tone in said for line in wrap(text, width, "    ")]


def _at(night: Night, when: float) -> str:
    return clock_seconds(when, night.state.utc_offset)


def _head(night: Night, task: Task) -> Iterator[Said]:
    mark_ = task_mark(word(night, task))
    where = f" on {task.server}" if task.server else ""
    yield f"{number(night.plan, task.step)} {task.title}{where}  ({task.id}, {task.kind})", "title"
    took = ""
    if task.started is not None and task.ended is not None:
        took = f", {_at(night, task.started)} to {_at(night, task.ended)}, {format_duration(task.ended - task.started)}"
    elif task.started is not None:
        since = task.unknown_since or task.started
        took = f", since {_at(night, since)}, for {format_duration(night.now - since)}"
    by = f", by {task.who}" if task.who else " by plan" if task.by_plan else ""
    yield f"{mark_.glyph} {mark_.word}{by}{took}", mark_.tone
    if task.why:
        yield f"Why: {task.why}", ""


def _waits(night: Night, task: Task) -> Iterator[Said]:
    standing = night.standings.get(task.id)
    if standing is not None and standing.why and standing.word in ("blocked", "ready", "queued", "waiting", "running"):
        yield f"{'Now' if standing.word == 'running' else 'Waits'}: {standing.why}", "warn"
    if standing is not None and standing.needs:
        shown = ", ".join(standing.needs[:12])
        more = f" and {len(standing.needs) - 12} more" if len(standing.needs) > 12 else ""
        yield f"Needs first: {shown}{more}", ""
    for target in night.state.held:
        if target in ("", task.id, task.step, task.server):
            yield f"Held: {target or 'everything'}", "warn"
    if not believed(night, task.server):
        known = night.state.servers[task.server or ""]
        reason = one_line(known.text or "") or known.contact
        yield f"No news from {task.server}: {reason}. What is shown is what was last seen.", "unknown"
    for name, answer in night.state.gates.get(task.id, []):
        yield f"{name} said {answer}", ""


def _moves(night: Night, task: Task) -> Iterator[Said]:
    m = night.forecast.transfers.get(task.id)
    if m is None or (task.kind != "copy" and task.ended is not None):
        return
    total = f" of {format_size(m.bytes_total)}" if m.bytes_total is not None else ", total not known yet"
    files = f", {plural(m.files_done, 'file')}" if m.files_done is not None else ""
    left = f", {eta_words(m, night.now, estimated_left(night, task.id), span=True)}" + (" left" if m.eta else "")
    verb = "Moved" if task.kind == "copy" else "Read"
    yield f"{verb}: {format_size(m.bytes_done)}{total}{files} ({_phase(m)}){left if task.ended is None else ''}", "run"
    rates = [(name, rate) for name, rate in (("now", m.rate), ("1 min", m.rate_1m), ("10 min", m.rate_10m)) if rate is not None]
    if rates and task.ended is None:
        yield "Rate: " + ", ".join(f"{format_rate(rate)} {name}" for name, rate in rates), "dim"


def _phase(m: TransferNow) -> str:
    return f"{m.phase} {percent(m.phase_share)}".rstrip()


def _attempts(night: Night, task: Task) -> Iterator[Said]:
    for attempt in task.attempts:
        yield _attempt(night, attempt, task), _tone(attempt)
        if attempt.error:
            for line in harmless(attempt.error):
                yield f"    {line}", "bad" if attempt.result == "failed" else "warn"
        for name in ("method", "direction", "target"):
            if attempt.detail.get(name):
                yield f"    {name}: {_plain(attempt.detail[name])}", "dim"
    if task.not_before is not None and task.not_before > night.now and task.ended is None:
        yield f"Tries again at {_at(night, task.not_before)}", ""


def _attempt(night: Night, a: Attempt, task: Task) -> str:
    purpose = {"do": "", "undo": " (undo)", "probe": " (probe)"}.get(a.purpose, f" ({a.purpose})")
    result = a.result or ("outcome not known" if task.state == "unknown" else "running")
    exit_ = f", exit {a.exit}" if a.exit is not None else ""
    ended = f" to {_at(night, a.ended)}, {format_duration(a.ended - a.started)}" if a.ended is not None else ""
    return f"Attempt {a.n}{purpose}: {result}{exit_}, {_at(night, a.started)}{ended}"


def _tone(attempt: Attempt) -> Tone:
    return {"done": "good", "failed": "bad", "cancelled": "warn"}.get(attempt.result or "", "run")  # type: ignore[return-value]


def _plain(value: object) -> str:
    return ":".join(str(v) for v in value) if isinstance(value, list) else str(value)


def _proven(night: Night, task: Task) -> Iterator[Said]:
    for owner, check, proof in all_checks(night):
        if owner == task.id:
            shown = mark(night, owner, check, proof)
            evidence = f": {one_line(proof.evidence)}" if proof and proof.evidence else ""
            yield f"{shown.glyph} {check} {shown.word}{evidence}", shown.tone


def _planned(night: Night, task: Task) -> Iterator[Said]:
    offset = night.state.utc_offset
    yield f"Planned: {span(task.planned_start, task.planned_end, offset) or 'no time'}", "dim"
    start, end = night.forecast.starts.get(task.id), night.forecast.ends.get(task.id)
    if task.ended is None and end is not None:
        yield f"Forecast: {span(start, end, offset)}", "dim"
    try:
        step = night.plan.step(task.step)
    except KeyError:
        return
    yield from _step(step, lambda text: harmless(words(night.plan, night.state, task.server, text)))
    for note in night.state.notes:
        if note.target in (task.id, task.step):
            yield f"Note by {note.who or 'nobody'} at {_at(night, note.at)}: {note.text}", ""


def _step(step: Step, filled: Callable[[str], list[str]]) -> Iterator[Said]:
    """As it is on this server: `filled` puts in what is known of the templates, and gives harmless lines."""
    first, *more = filled(_does(step))
    yield f"Does: {first}", ""
    for line in more:
        yield f"    {line}", ""
    for name, value in (("Owner", step.owner), ("Only where", step.when), ("Probe", step.probe), ("Undo", step.undo)):
        if value:
            yield f"{name}: " + "\n".join(filled(value)), "dim"
    rules = [f"retries {step.retries}"] if step.retries else []
    rules += ["must not run twice"] if step.once else []
    rules += [f"limit {format_duration(step.timeout)}"] if step.timeout else []
    rules += [f"on failure {step.on_failure}"] if step.on_failure != "hold" else []
    if rules:
        yield f"Rules: {', '.join(rules)}", "dim"
    if step.note:
        yield "\n".join(filled(step.note)), ""


def _does(step: Step) -> str:
    action = step.action
    if isinstance(action, Run):
        return action.command
    if isinstance(action, Script):
        return " ".join([action.path, *action.args])
    if isinstance(action, Copy) and action.pipe is not None:
        ends = [f" on {place.server}" if place.server else "" for place in (action.source, action.target)]
        return f"pipe {action.pipe[0]}{ends[0]} into {action.pipe[1]}{ends[1]}"
    if isinstance(action, Copy):
        return f"copy {_place(action.source)} to {_place(action.target)}"
    if isinstance(action, Manual):
        return action.words
    if isinstance(action, Gate):
        final = " (no return after it)" if action.no_return else ""
        return f"go / no-go{final}; needs green: {', '.join(action.requires) or '-'}"
    return step.kind


def _place(place: Place) -> str:
    return f"{place.server}:{place.path}" if place.server else place.path
