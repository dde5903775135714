"""What moves: bytes, total, the rate now, over one and ten minutes, its trend, and a time left that is measured, with its
range, or says why not."""

from __future__ import annotations

import math

from cockpit.forecast.model import TransferNow
from cockpit.plan.model import split_task
from cockpit.units import clock, format_duration, format_rate, percent, short_rate, short_size
from cockpit.views.model import Cell, Column, Night, Row, Table
from cockpit.views.now import believed, copies, is_running, share, word
from cockpit.views.words import plural, spark

UNKNOWN = "--"


def table(night: Night, width: int) -> Table:
    """Running ones first, then those that wait for a turn, then the newest that are over. Rows are keyed by task.
    A proof stands among them while it reads; what it found is the proofs' pane's."""
    wide = width >= 110
    columns = [Column("TRANSFER", 0), Column("STATE", 8), Column("DONE", 4, right=True), Column("BYTES", 5, right=True),
               Column("TOTAL", 5, right=True), Column("RATE", 5, right=True), Column("TREND", 12 if wide else 6),
               *([Column("1MIN", 5, right=True)] if wide else []), Column("10MIN", 5, right=True),
               Column("ETA", 22 if wide else 14), *([Column("FILES", 11, right=True)] if wide else [])]
    rows = [_row(night, moving, wide=wide) for moving in _sorted(night)]
    return Table(tuple(columns), (*rows, *_queued(night, columns)), _title(night))


def _sorted(night: Night) -> list[TransferNow]:
    found = copies(night)
    found += [m for m in night.forecast.transfers.values() if m not in found and is_running(night, m.task)]
    return sorted(found, key=lambda m: (0, m.task) if is_running(night, m.task) else (1, -m.at))


def _title(night: Night) -> str:
    moving = copies(night)
    running = [m for m in moving if is_running(night, m.task)]
    proofs = sum(is_running(night, m.task) for m in night.forecast.transfers.values()) - len(running)
    reading = f"{plural(proofs, 'proof')} {'reads' if proofs == 1 else 'read'}" if proofs else ""
    if not running:
        return "no transfer is running" + (f", {reading}" if reading else "")
    rate = format_rate(sum(m.rate or 0.0 for m in running))
    count = f"{len(running)} of at most {plural(night.plan.limits.transfers, 'transfer')}"
    return ", ".join(filter(None, [count, rate, reading]))


def _row(night: Night, m: TransferNow, *, wide: bool) -> Row:
    trusted = believed(night, split_task(m.task)[1])
    if not is_running(night, m.task):
        rate = trend = minute = long_rate = Cell("")
    elif not trusted:
        rate = trend = minute = long_rate = Cell(UNKNOWN, "dim")
    else:
        rate, minute = Cell(_rate(m.rate), "run"), Cell(_rate(m.rate_1m))
        trend = Cell(spark(m.trend, 12 if wide else 6), "run")
        long_rate = Cell(_rate(m.rate_10m))
    total = short_size(m.bytes_total) if m.bytes_total is not None else UNKNOWN
    cells = [Cell(m.task, "strong"), _state(night, m, trusted), Cell(percent(share(night, m))), Cell(short_size(m.bytes_done)),
             Cell(total), rate, trend, *([minute] if wide else []), long_rate, _eta(night, m, trusted, wide=wide)]
    return Row(m.task, (*cells, Cell(_files(m))) if wide else tuple(cells))


def _rate(rate: float | None) -> str:
    return short_rate(rate) if rate is not None else UNKNOWN


def _state(night: Night, m: TransferNow, trusted: bool) -> Cell:
    if not is_running(night, m.task):
        over = night.state.tasks.get(m.task)
        return Cell(word(night, over)[:8] if over else "", "dim")
    if not trusted:
        return Cell("?STALE", "unknown")
    if m.stalled_since is not None:
        return Cell("!STALLED", "warn")
    return Cell({"scan": ">scan", "sync": ">sync", "verify": ">verify"}.get(m.phase, ">copy"), "run")


def eta_words(m: TransferNow, now: float, *, span: bool = False) -> str:
    """ "4m12", "measuring", "stalled 2m10", or the phase that has nothing to measure; never a guess. span: "4m12 (-6m)",
    with the time in which nine of ten such transfers would end."""
    if m.stalled_since is not None:
        return f"stalled {format_duration(now - m.stalled_since)}"
    if m.phase == "sync" or m.eta == 0:
        return "verifying" if m.phase == "verify" else "syncing"
    if m.eta is None:
        return "measuring"
    late = f" (–{_coarse(m.eta_p90)})" if span and m.eta_p90 is not None else ""
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
    text = eta_words(m, night.now, span=wide)
    if wide and m.eta:
        text = f"{text} at {clock(night.now + m.eta, night.state.utc_offset)}"
    return Cell(text, "warn" if m.stalled_since is not None else "")


def _files(m: TransferNow) -> str:
    if m.files_done is None:
        return ""
    return f"{short_size(m.files_done)}/{short_size(m.files_total)}" if m.files_total is not None else short_size(m.files_done)


def _queued(night: Night, columns: list[Column]) -> list[Row]:
    """Copies that could run but for a limit: they are waiting, not forgotten."""
    rows = []
    for task in night.state.tasks.values():
        if task.kind == "copy" and word(night, task) == "queued" and task.id not in night.forecast.transfers:
            start = night.forecast.starts.get(task.id)
            when = f"~{clock(start, night.state.utc_offset)}" if start is not None else ""
            said = {"TRANSFER": Cell(task.id), "STATE": Cell("~queued"), "ETA": Cell(when, "dim")}
            rows.append(Row(task.id, tuple(said.get(column.title, Cell("")) for column in columns)))
    return rows
