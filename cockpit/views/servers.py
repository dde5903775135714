"""The servers' pane: one row for each, and ALL: what it is at, whether that moves, when it ends, how much later it
may be.

A server that has not been heard of for too long is STALE, and its numbers go blank rather than lie.
"""

from __future__ import annotations

from cockpit.forecast.rates import STALL_AFTER
from cockpit.state.model import Task
from cockpit.units import clock, format_duration, format_slack, percent, short_rate, short_size
from cockpit.views.deadline import thin
from cockpit.views.glyphs import STALE
from cockpit.views.logs import one_line
from cockpit.views.model import Cell, Column, Night, Row, Table
from cockpit.views.now import (
    believed,
    by_server,
    checks,
    copies,
    counted,
    current,
    is_running,
    left,
    number,
    numbers,
    proof_counts,
    quiet,
    server_mark,
    share,
    silent,
    unattended,
    word,
)
from cockpit.views.steps import remark
from cockpit.views.words import cut, plural, spark, width_of

ALL = "ALL"
UNKNOWN = "--"
KEEPALIVE = 10.0  # s between two signs of life of an idle server; its QUIET climbs to that in the best of nights

_SIZES = {"STATE": 8, "DONE": 5, "RATE": 5, "TREND": 6, "LEFT": 7, "FINISH": 6, "QUIET": 6, "SLACK": 6,
          "OWNER": 10, "10MIN": 5, "MOVED": 5, "PROVED": 7}
NOTED = 150  # cells from which on there is room for a note
_LEFT_ALIGNED = ("SERVER", "STEP", "STATE", "TREND", "OWNER", "NOTE")


def table(night: Night, width: int) -> Table:
    """Rows are keyed by server, in the plan's order; the last is ALL. STEP takes what the others leave."""
    titles = [t for t in _titles(width) if t != "OWNER" or any(step.owner for step in night.plan.steps)]
    longest = max((len(name) for name in night.plan.servers), default=3)
    sizes = _SIZES | {"SERVER": max(6, min(longest, 16 if width >= 100 else 9)), "STEP": _step_size(night, width)}
    columns = tuple(Column(title, sizes.get(title, 0), right=title not in _LEFT_ALIGNED) for title in titles)
    tasks = by_server(night.state)
    rows = [_row(night, name, tasks.get(name, []), titles) for name in night.plan.servers]
    return Table(columns, (*rows, _all(night, titles)), _title(night))


def _titles(width: int) -> list[str]:
    titles = ["SERVER", "STEP", "STATE", "DONE", "RATE", "TREND", "LEFT", "FINISH", "QUIET", "SLACK"]
    if width < 72:
        return [t for t in titles if t not in ("TREND", "RATE")]
    wide = [*titles, "10MIN", "MOVED", "PROVED", "OWNER"] if width >= 118 else titles
    return [*wide, "NOTE"] if width >= NOTED else wide


def _step_size(night: Night, width: int) -> int:
    """Cells of STEP: what is left (0), unless there is room for a note; then the longest of this plan's, from half of what a
    still wider screen has more."""
    if width < NOTED:
        return 0
    longest = max((width_of([Cell(step.title)]) for step in (*night.plan.steps, *night.plan.backout)), default=0)
    return max(32, min(len("09/17 ") + longest, 32 + (width - NOTED) // 2))


def _title(night: Night) -> str:
    """Who decides the finish: "critical: mail1 copy-out > sql01 verify"."""
    path: list[str] = []
    for task in night.forecast.critical:
        step, _, server = task.partition("@")
        path.append(f"{server} {step}".strip())
    shown = path if len(path) <= 4 else [*path[:4], f"{len(path) - 4} more"]
    return f"critical: {' > '.join(shown)}" if path else ""


def _row(night: Night, name: str, tasks: list[Task], titles: list[str]) -> Row:
    task = current(night, tasks)
    mark = server_mark(night, name, task)
    cells = _numbers(night, task) if task is not None and believed(night, name) else {}
    silence = quiet(night, name)
    over = night.state.outcome is not None or mark.word == "DROPPED"
    cells |= {
        "SERVER": Cell(name, "strong"),
        "STEP": Cell(_step(night, task, short="RATE" not in titles)),
        "STATE": mark.narrow(),
        "QUIET": Cell(format_duration(silence) if silence is not None and not over else "",
                      "warn" if silence is not None and silence > _loud(night, task) else "dim"),
        "OWNER": Cell(_owner(night, task), "dim"),
        "PROVED": _proved(night, tasks), "NOTE": Cell(_note(night, name, task), "dim"),
    }
    if believed(night, name) and not over:
        cells["SLACK"] = _slack(night, night.forecast.server_slack.get(name))
    return Row(name, tuple(cells.get(title, Cell("" if over else UNKNOWN, "dim")) for title in titles))


def _loud(night: Night, task: Task | None) -> float:
    """Seconds of silence that are worth a look: where bytes should move soon, elsewhere when two keepalives were missed."""
    moving = task is not None and task.kind == "copy" and is_running(night, task.id)
    return STALL_AFTER if moving else 2 * KEEPALIVE


def _step(night: Night, task: Task | None, *, short: bool) -> str:
    if task is None:
        return "nothing to back out" if night.state.backout else ""
    no = numbers(night.plan).get(task.step, "")
    return f"{no.partition('/')[0] if short else no} {task.title}"


def _note(night: Night, name: str, task: Task | None) -> str:
    """Why there is no contact, else why the step waits or what went wrong."""
    known = night.state.servers.get(name)
    if known is not None and known.contact == "lost":
        return one_line(known.text or known.problem or "")
    return remark(night, task) if task else ""


def _numbers(night: Night, task: Task) -> dict[str, Cell]:
    moving = night.forecast.transfers.get(task.id)
    cells = {title: Cell("") for title in ("10MIN", "MOVED", "RATE", "TREND")} | {"DONE": Cell(_done(night, task))}
    if moving is not None and is_running(night, task.id):
        cells["RATE"] = Cell(short_rate(moving.rate) if moving.rate is not None else UNKNOWN, "run")
        cells["TREND"] = Cell(spark(moving.trend, _SIZES["TREND"]), "run")
        cells["10MIN"] = Cell(short_rate(moving.rate_10m) if moving.rate_10m is not None else UNKNOWN)
        cells["MOVED"] = Cell(short_size(moving.bytes_done))
    cells["LEFT"], cells["FINISH"] = _left(night, task)
    return cells


def _left(night: Night, task: Task) -> tuple[Cell, Cell]:
    """Of the step that the row shows. "~" before a time left that only an estimate gives; blank where nobody
    knows."""
    offset, found = night.state.utc_offset, left(night, task.id)
    if word(night, task) in ("done", "skipped") and task.ended is not None:
        return Cell(""), Cell(clock(task.ended, offset))
    if found is None:
        return Cell(UNKNOWN, "dim"), Cell(UNKNOWN, "dim")
    seconds, measured = found
    return Cell(f"{'' if measured else '~'}{format_duration(seconds)}"), Cell(clock(night.now + seconds, offset))


def _done(night: Night, task: Task) -> str:
    """Bytes of a transfer, passed checks of a proof; nothing where there is nothing to count."""
    if word(night, task) == "done":
        return "100%"
    moving = night.forecast.transfers.get(task.id)
    if moving is not None and (task.kind == "copy" or is_running(night, task.id)):
        return percent(share(night, moving))
    if checks(night.plan, task.id) and word(night, task) in ("running", "failed"):
        good, all_of_them = proof_counts(night, [task.id])
        return f"{good}/{all_of_them}"
    return ""


def _proved(night: Night, tasks: list[Task]) -> Cell:
    good, wanted = proof_counts(night, [t.id for t in tasks if t.kind == "verify"])
    return Cell(f"{good}/{wanted}" if wanted else "", "good" if wanted and good == wanted else "")


def _owner(night: Night, task: Task | None) -> str:
    try:
        return cut(night.plan.step(task.step).owner or "", _SIZES["OWNER"]) if task else ""
    except KeyError:
        return ""


def _slack(night: Night, slack: float | None) -> Cell:
    if slack is None:
        return Cell(UNKNOWN, "dim")
    return Cell(format_slack(slack), "bad" if slack < 0 else "warn" if slack < thin(night) else "")


def _all(night: Night, titles: list[str]) -> Row:
    """Over the whole fleet, with the tasks that run on no server."""
    state, forecast = night.state, night.forecast
    words = [word(night, t) for t in counted(night)]
    over = sum(w in ("done", "skipped") for w in words)
    moved = copies(night)
    running = [m for m in moved if is_running(night, m.task)]
    bad = sum(w in ("failed", "unknown", "waiting", "cancelled") for w in words)
    bad += sum(m.stalled_since is not None for m in running)
    cells = {
        "SERVER": Cell(ALL, "strong"),
        "STEP": Cell(f"{over}/{plural(len(words), 'task')}{_fleet_step(night)}"),
        "STATE": _fleet_state(night, bad),
        "DONE": Cell(percent(over / len(words)) if words else ""),
        "QUIET": Cell(""), "OWNER": Cell(""), "NOTE": Cell(""),
        "PROVED": _proved(night, list(state.tasks.values())),
        "RATE": Cell("" if not running else UNKNOWN if unattended(night) else short_rate(sum(m.rate or 0.0 for m in running))),
        "TREND": Cell(spark(_sum([m.trend for m in running]), _SIZES["TREND"])),
        "10MIN": Cell(short_rate(sum(m.rate_10m or 0.0 for m in running)) if running else ""),
        "MOVED": Cell(short_size(sum(m.bytes_done for m in moved)) if moved else ""),
        "SLACK": _slack(night, forecast.slack),
    }
    if forecast.finish is not None:
        left = format_duration(forecast.finish - night.now) if state.outcome is None else ""
        cells |= {"LEFT": Cell(left), "FINISH": Cell(clock(forecast.finish, state.utc_offset))}
    return Row(ALL, tuple(cells.get(title, Cell(UNKNOWN, "dim")) for title in titles))


def _fleet_state(night: Night, bad: int) -> Cell:
    """ "ok" is said only where every server answers."""
    gone = len(silent(night)) if night.state.outcome is None else 0
    if gone:
        return Cell(f"x{gone} lost", "bad")
    if bad:
        return Cell(f"!{bad} att", "warn")
    return STALE.narrow() if unattended(night) else Cell("ok", "good")


def _fleet_step(night: Night) -> str:
    """The task on no server that is at something now, as ", at 06 go or no-go"."""
    for task in by_server(night.state).get("", []):
        if word(night, task) in ("running", "waiting", "failed", "unknown"):
            return f", at {number(night.plan, task.step)} {task.title}"
    return ""


def _sum(trends: list[tuple[float, ...]]) -> list[float]:
    """Trends end at the same moment: they are added from their ends."""
    longest = max((len(t) for t in trends), default=0)
    return [sum(t[len(t) - longest + i] for t in trends if len(t) - longest + i >= 0) for i in range(longest)]
