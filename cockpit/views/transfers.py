"""What moves: bytes, total, the rate now, over one and ten minutes, its trend, and a time left that is measured, with its
range, or says why not."""

from __future__ import annotations

import math

from cockpit.forecast.model import TransferNow
from cockpit.plan.model import split_task
from cockpit.state.idle import idle
from cockpit.state.pace import favourite, limit
from cockpit.state.standing import queue
from cockpit.units import clock, format_duration, format_rate, percent, short_rate, short_size
from cockpit.views.glyphs import PAUSED, task_mark
from cockpit.views.model import Cell, Column, Night, Row, Table
from cockpit.views.now import believed, copies, estimated_left, is_running, share, unattended, word
from cockpit.views.words import plural, spark

UNKNOWN = "--"
PHASES = {  # as the state names what a running one is at
    "scan": "looks at what is there, before anything moves", "copy": "bytes move", "sync": "waits for the target's disk",
    "verify": "compares what has arrived with its source", "convert": "writes the image in another format",
}
ROOMY = 72  # cells from which a state has room for how far its phase is


def table(night: Night, width: int) -> Table:
    """Running ones first, then those that wait for a turn, then the newest that are over. Rows are keyed by task.
    A proof stands among them while it reads; what it found is the proofs' pane's."""
    wide = width >= 110
    columns = [Column("TRANSFER", 0), Column("STATE", 11 if width >= ROOMY else 8),
               Column("DONE", 4, right=True), Column("BYTES", 5, right=True),
               Column("TOTAL", 5, right=True), Column("RATE", 5, right=True), Column("TREND", 12 if wide else 6),
               *([Column("1MIN", 5, right=True)] if wide else []), Column("10MIN", 5, right=True),
               Column("ETA", 22 if wide else 14), *([Column("FILES", 11, right=True)] if wide else [])]
    found = copies(night)
    found += [m for m in night.forecast.transfers.values() if m not in found and is_running(night, m.task)]
    waiting = _waiting(night)
    running = sorted((m for m in found if is_running(night, m.task)), key=lambda m: m.task)
    over = sorted((m for m in found if m not in running and m.task not in waiting), key=lambda m: -m.at)
    rows = [_row(night, m, width) for m in running]
    rows += [_waits(night, task, when, columns) for task, when in waiting.items()]
    rows += [_row(night, m, width) for m in over]
    return Table(tuple(columns), tuple(rows), _title(night))


def _title(night: Night) -> str:
    moving = copies(night)
    running = [m for m in moving if is_running(night, m.task)]
    proofs = sum(is_running(night, m.task) for m in night.forecast.transfers.values()) - len(running)
    reading = f"{plural(proofs, 'proof')} {'reads' if proofs == 1 else 'read'}" if proofs else ""
    if not running:
        said = limit_words(night) if night.state.limit is not None else ""
        return ", ".join(filter(None, ["no transfer is running", said, reading]))
    rate = "" if unattended(night) else format_rate(sum(m.rate or 0.0 for m in running))
    still = sum(m.task in night.state.paused for m in running)
    slots = len({m.task for m in running} - idle(night.plan, night.state, night.now))
    count = f"{slots} of at most {plural(night.plan.limits.transfers, 'transfer')}"
    return ", ".join(filter(None, [count, f"{still} paused" if still else "", rate, limit_words(night), reading]))


def limit_words(night: Night) -> str:
    """The limit in force, and who changed it: "limit 300 Mbit/s by maria"."""
    rate = limit(night.plan, night.state)
    if rate is None:
        return ""
    by = f" by {night.state.limit_by}" if night.state.limit is not None and night.state.limit_by else ""
    first = _first(night)
    return f"limit {format_rate(rate)}{by}" + (f", most of it to {first}" if first else "")


def _first(night: Night) -> str | None:
    """Which of those that run was moved to the front, where that says anything: it has the larger part of a limit."""
    running = [t.id for t in night.state.tasks.values() if t.kind == "copy" and is_running(night, t.id)]
    still = idle(night.plan, night.state, night.now)
    moving = [t for t in running if t not in still]
    return favourite(night.plan, night.state, moving) if len(moving) > 1 else None


def _row(night: Night, m: TransferNow, width: int) -> Row:
    wide = width >= 110
    trusted = believed(night, split_task(m.task)[1])
    if not is_running(night, m.task):
        rate = trend = minute = long_rate = Cell("")
    elif not trusted or m.task in night.state.paused:
        rate = trend = minute = long_rate = Cell(UNKNOWN if not trusted else "", "dim")
    else:
        rate, minute = Cell(_rate(m.rate), "run"), Cell(_rate(m.rate_1m))
        trend = Cell(spark(m.trend, 12 if wide else 6), "run")
        long_rate = Cell(_rate(m.rate_10m))
    total = short_size(m.bytes_total) if m.bytes_total is not None else UNKNOWN
    cells = [Cell(m.task, "strong"), _state(night, m, trusted, roomy=width >= ROOMY),
             Cell(percent(share(night, m))), Cell(short_size(m.bytes_done)),
             Cell(total), rate, trend, *([minute] if wide else []), long_rate, _eta(night, m, trusted, wide=wide)]
    return Row(m.task, (*cells, Cell(_files(m))) if wide else tuple(cells))


def _rate(rate: float | None) -> str:
    return short_rate(rate) if rate is not None else UNKNOWN


def _state(night: Night, m: TransferNow, trusted: bool, *, roomy: bool) -> Cell:
    if not is_running(night, m.task):
        over = night.state.tasks.get(m.task)
        return Cell(task_mark(word(night, over)).short if over else "", "dim")
    if not trusted:
        return Cell("?STALE", "unknown")
    if m.task in night.state.paused:
        return PAUSED.narrow()
    if m.stalled_since is not None:
        return Cell("!STALLED", "warn")
    name = m.phase if m.phase in PHASES else "copy"
    return Cell(f">{name} {percent(m.phase_share)}".rstrip() if roomy else f">{name}", "run")


def eta_words(m: TransferNow, now: float, estimated: float | None = None, *, span: bool = False) -> str:
    """ "4m12", "measuring", "stalled 2m10", or the phase that has nothing to measure; never a guess. span: "4m12 (≤6m)", with
    the time in which nine of ten such transfers would end, or "measuring (~1h59)", with what the plan's estimate leaves."""
    if m.stalled_since is not None:
        return f"stalled {format_duration(now - m.stalled_since)}"
    if m.phase == "sync" or m.eta == 0:
        return "verifying" if m.phase == "verify" else "syncing"
    if m.eta is None:
        return "measuring" + (f" (~{format_duration(estimated)})" if span and estimated is not None else "")
    late = f" (≤{_coarse(m.eta_p90)})" if span and m.eta_p90 is not None else ""
    return format_duration(m.eta) + late


def _coarse(seconds: float) -> str:
    """Rounded up to what one reads at a glance: "50s", "12m", "5h47"."""
    if seconds < 60:
        return f"{math.ceil(seconds / 10) * 10}s"
    return f"{math.ceil(seconds / 60)}m" if seconds < 3600 else format_duration(seconds)


def _eta(night: Night, m: TransferNow, trusted: bool, *, wide: bool) -> Cell:
    if not is_running(night, m.task):
        return Cell("")
    if not trusted:
        return Cell(UNKNOWN, "dim")
    if m.task in night.state.paused:
        return Cell(_by(night, m.task), "warn")
    text = eta_words(m, night.now, estimated_left(night, m.task), span=wide)
    if wide and m.eta:
        text = f"{text} at {clock(night.now + m.eta, night.state.utc_offset)}"
    return Cell(text, "warn" if m.stalled_since is not None else "")


def _files(m: TransferNow) -> str:
    if m.files_done is None:
        return ""
    return f"{short_size(m.files_done)}/{short_size(m.files_total)}" if m.files_total is not None else short_size(m.files_done)


def _by(night: Night, task: str) -> str:
    return f"by {night.state.paused[task]}" if night.state.paused[task] else ""


def _waiting(night: Night) -> dict[str, str]:
    """Copies that could run but for a limit or a pause: they are waiting, not forgotten. In the order of their turns; the
    words say which that is, and when it is thought to come."""
    found = {}
    for turn, task in enumerate(queue(night.plan, night.state, night.standings), start=1):
        start = night.forecast.starts.get(task)
        found[task] = f"turn {turn}" + (f" ~{clock(start, night.state.utc_offset)}" if start is not None else "")
    tasks = night.state.tasks
    paused = [t for t in night.state.paused if t in tasks and word(night, tasks[t]) in ("ready", "blocked")]
    return {**found, **{task: _by(night, task) for task in paused}}


def _waits(night: Night, task: str, when: str, columns: list[Column]) -> Row:
    """What an earlier try of it moved counts."""
    m = night.forecast.transfers.get(task)
    state = PAUSED.narrow() if task in night.state.paused else Cell("~queued")
    said = {"TRANSFER": Cell(task), "STATE": state, "ETA": Cell(when, "strong" if task in night.state.fronted else "dim")}
    if m is not None:
        said |= {"DONE": Cell(percent(m.share)), "BYTES": Cell(short_size(m.bytes_done))}
    return Row(task, tuple(said.get(column.title, Cell("")) for column in columns))
