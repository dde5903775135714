"""The checklist of one server, or of the whole fleet: every step with when, how long, by whom, and why it waits.

Times are actual where they are known (plain), forecast elsewhere (`~` before them). The plan's own times stand
beside them where there is room.
"""

from __future__ import annotations

from cockpit.plan.model import Step
from cockpit.state.model import Task
from cockpit.units import clock, format_duration
from cockpit.views.glyphs import task_mark
from cockpit.views.logs import one_line
from cockpit.views.model import Cell, Column, Night, Row, Table
from cockpit.views.now import believed, by_server, numbers, steps_of_phase, word
from cockpit.views.words import plural
from cockpit.views.words import width as cells

WIDE = 110
OVER = ("done", "skipped")


def checklist(night: Night, server: str | None, width: int) -> Table:
    """Of one server: its own steps and those on no server, which hold everyone. server None: a row per step of all.

    Row keys are task ids (step ids for server None)."""
    if server is None:
        return _fleet(night, width)
    own = {t.step: t for t in by_server(night.state).get(server, [])}
    shared = {t.step: t for t in by_server(night.state).get("", [])}
    tasks = [own.get(s.id) or shared.get(s.id) for s in steps_of_phase(night.plan, night.state)]
    rows = tuple(_row(night, task, width) for task in tasks if task is not None)
    done = sum(word(night, t) in OVER for t in tasks if t is not None)
    return Table(_columns(width, rows), rows, f"{server}: {done} of {plural(len(rows), 'step')}")


def _columns(width: int, rows: tuple[Row, ...]) -> tuple[Column, ...]:
    """STEP is as wide as its titles need, and what that spares is the note's."""
    longest = max((cells(row.cells[2].text) for row in rows), default=4)
    head = (Column("", 1), Column("NO", 2, right=True), Column("STEP", min(longest, 22 if width < WIDE else 26)))
    times = (Column("WHEN", 6, right=True), Column("TOOK", 6, right=True))
    if width < WIDE:
        return (*head, *times, Column("NOTE", 0))
    plan = (Column("PLANNED", 11), Column("ACTUAL", 11), Column("FORECAST", 12))
    return (*head, Column("STATE", 11), *plan, Column("TOOK", 7, right=True), Column("BY", 8), Column("NOTE", 0))


def _row(night: Night, task: Task, width: int) -> Row:
    mark = task_mark(word(night, task))
    no = numbers(night.plan).get(task.step, "").partition("/")[0]
    head = (mark.dot(), Cell(no, "dim"), Cell(task.title, "strong" if word(night, task) == "running" else ""))
    note = Cell(remark(night, task), mark.tone if mark.word.isupper() else "dim")
    if width < WIDE:
        between = " " if note.text.startswith("for ") else ": " if note.text else ""
        name = "" if mark.word in ("done", "running", "blocked") else mark.word + between
        by = f"by {task.who}  " if task.who else ""
        narrow = Cell(name + by + note.text, note.tone)
        return Row(task.id, (*head, Cell(when(night, task)), Cell(took(night, task)), narrow))
    offset = night.state.utc_offset
    planned = span(task.planned_start, task.planned_end, offset)
    actual = span(task.started, task.ended, offset)
    ahead = _ahead(night, task)
    return Row(task.id, (*head, mark.cell(), Cell(planned, "dim"), Cell(actual), Cell(ahead), Cell(took(night, task)),
                         Cell(task.who or ""), note))


def when(night: Night, task: Task) -> str:
    """ "02:10" when it really started, "~03:54" when it is forecast to."""
    if task.started is not None:
        return clock(task.started, night.state.utc_offset)
    start = night.forecast.starts.get(task.id)
    return f"~{clock(start, night.state.utc_offset)}" if start is not None and word(night, task) not in OVER else ""


def took(night: Night, task: Task) -> str:
    """How long it took, has taken so far, or ("~") is thought to take."""
    if task.started is not None:
        return format_duration((task.ended if task.ended is not None else night.now) - task.started)
    start, end = night.forecast.starts.get(task.id), night.forecast.ends.get(task.id)
    if start is None or end is None or word(night, task) in OVER:
        return ""
    return f"~{format_duration(end - start)}"


def span(start: float | None, end: float | None, utc_offset: float) -> str:
    """ "02:10-02:14"; "02:10-" while it goes on; "" for what has not begun."""
    if start is None:
        return ""
    return f"{clock(start, utc_offset)}-{clock(end, utc_offset) if end is not None else ''}"


def _ahead(night: Night, task: Task) -> str:
    if task.ended is not None or word(night, task) in OVER or not believed(night, task.server):
        return ""
    start, end = night.forecast.starts.get(task.id), night.forecast.ends.get(task.id)
    if task.started is not None:
        return f"until {clock(end, night.state.utc_offset)}" if end is not None else "not known"
    return "~" + span(start, end, night.state.utc_offset) if start is not None and end is not None else ""


def remark(night: Night, task: Task) -> str:
    """Why it waits, what went wrong, who decided what; one line. Steps of its own server go without the server's name."""
    standing = night.standings.get(task.id)
    attempt = task.attempt
    if attempt is not None and attempt.error and task.state in ("failed", "cancelled", "unknown"):
        return one_line(attempt.error)
    if task.why:
        return task.why
    tries = f"attempt {attempt.n}" if attempt is not None and attempt.n > 1 else ""
    why = standing.why if standing else ""
    return (why.replace(f"@{task.server}", "") if task.server else why) or tries


def _fleet(night: Night, width: int) -> Table:
    columns = (Column("", 1), Column("NO", 2, right=True), Column("STEP", 30 if width >= 80 else 20),
               Column("DONE", 7, right=True), Column("WHEN", 13), Column("STATES", 0))
    tasks: dict[str, list[Task]] = {}
    for task in night.state.tasks.values():
        tasks.setdefault(task.step, []).append(task)
    steps = steps_of_phase(night.plan, night.state)
    rows = tuple(_fleet_row(night, step, tasks.get(step.id, [])) for step in steps)
    over = sum(all(word(night, t) in OVER for t in tasks.get(s.id, [])) for s in steps)
    return Table(columns, rows, f"all servers: {over} of {plural(len(steps), 'step')}")


ORDER = ("failed", "unknown", "cancelled", "waiting", "running", "undone", "queued", "ready", "blocked", *OVER)


def _fleet_row(night: Night, step: Step, tasks: list[Task]) -> Row:
    words = [word(night, t) for t in tasks]
    worst = next((w for w in ORDER if w in words), "done")
    counts = ", ".join(f"{words.count(w)} {task_mark(w).word}" for w in ORDER if w in words)
    starts = [night.forecast.starts[t.id] for t in tasks if t.id in night.forecast.starts]
    ends = [night.forecast.ends.get(t.id) for t in tasks]
    known = [e for e in ends if e is not None]
    last = max(known) if known and len(known) == len(ends) else None
    begun = any(t.started is not None for t in tasks)
    times = span(min(starts), last, night.state.utc_offset) if starts else ""
    mark = task_mark(worst)
    return Row(step.id, (
        mark.dot(), Cell(numbers(night.plan)[step.id].partition("/")[0], "dim"), Cell(step.title),
        Cell(f"{sum(w in OVER for w in words)}/{len(words)}"), Cell(times if begun or not times else f"~{times}"),
        Cell(counts, mark.tone if mark.word.isupper() else ""),
    ))
