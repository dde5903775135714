"""What moves: bytes, total, rate and its trend, the 10-minute rate, and a time left that is measured or says why
not."""

from __future__ import annotations

from cockpit.forecast.model import TransferNow
from cockpit.plan.model import split_task
from cockpit.units import clock, format_duration, format_rate, percent, short_rate, short_size
from cockpit.views.model import Cell, Column, Night, Row, Table
from cockpit.views.now import believed, copies, is_running, word
from cockpit.views.words import plural, spark

UNKNOWN = "--"


def table(night: Night, width: int) -> Table:
    """Running ones first, then those that wait for a turn, then the newest that are over. Rows are keyed by task.
    A proof stands among them while it reads; what it found is the proofs' pane's."""
    wide = width >= 110
    columns = [Column("TRANSFER", 0), Column("STATE", 8), Column("DONE", 4, right=True), Column("BYTES", 5, right=True),
               Column("TOTAL", 5, right=True), Column("RATE", 5, right=True), Column("TREND", 12 if wide else 6),
               Column("10MIN", 5, right=True), Column("ETA", 19 if wide else 14)]
    if wide:
        columns.append(Column("FILES", 13, right=True))
    rows = [_row(night, moving, wide=wide) for moving in _sorted(night)]
    return Table(tuple(columns), (*rows, *_queued(night, len(columns))), _title(night))


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
        rate = trend = long_rate = Cell("")
    elif not trusted:
        rate = trend = long_rate = Cell(UNKNOWN, "dim")
    else:
        rate = Cell(short_rate(m.rate) if m.rate is not None else UNKNOWN, "run")
        trend = Cell(spark(m.trend, 12 if wide else 6), "run")
        long_rate = Cell(short_rate(m.rate_10m) if m.rate_10m is not None else UNKNOWN)
    total = short_size(m.bytes_total) if m.bytes_total is not None else UNKNOWN
    cells = [Cell(m.task, "strong"), _state(night, m, trusted), Cell(percent(m.share)), Cell(short_size(m.bytes_done)),
             Cell(total), rate, trend, long_rate, _eta(night, m, trusted, wide=wide)]
    return Row(m.task, (*cells, Cell(_files(m))) if wide else tuple(cells))


def _state(night: Night, m: TransferNow, trusted: bool) -> Cell:
    if not is_running(night, m.task):
        over = night.state.tasks.get(m.task)
        return Cell(word(night, over)[:8] if over else "", "dim")
    if not trusted:
        return Cell("?STALE", "unknown")
    if m.stalled_since is not None:
        return Cell("!STALLED", "warn")
    return Cell({"scan": ">scan", "sync": ">sync", "verify": ">verify", "convert": ">convert"}.get(m.phase, ">copy"), "run")


def eta_words(m: TransferNow, now: float) -> str:
    """ "4m12", "measuring" or "stalled 2m10s"; never a guess. Another phase than copying says so itself."""
    if m.stalled_since is not None:
        return f"stalled {format_duration(now - m.stalled_since)}"
    return "measuring" if m.eta is None else format_duration(m.eta)


def _eta(night: Night, m: TransferNow, trusted: bool, *, wide: bool) -> Cell:
    if not is_running(night, m.task):
        return Cell("")
    if not trusted:
        return Cell(UNKNOWN, "dim")
    text = eta_words(m, night.now)
    if wide and m.eta is not None:
        text = f"{text} at {clock(night.now + m.eta, night.state.utc_offset)}"
    return Cell(text, "warn" if m.stalled_since is not None else "")


def _files(m: TransferNow) -> str:
    if m.files_done is None:
        return ""
    return f"{short_size(m.files_done)}/{short_size(m.files_total)}" if m.files_total is not None else short_size(m.files_done)


def _queued(night: Night, columns: int) -> list[Row]:
    """Copies that could run but for a limit: they are waiting, not forgotten."""
    rows = []
    for task in night.state.tasks.values():
        if task.kind == "copy" and word(night, task) == "queued" and task.id not in night.forecast.transfers:
            start = night.forecast.starts.get(task.id)
            when = f"~{clock(start, night.state.utc_offset)}" if start is not None else ""
            blank = [Cell("")] * (columns - 2)
            blank[6] = Cell(when, "dim")
            rows.append(Row(task.id, (Cell(task.id), Cell("~queued"), *blank)))
    return rows
