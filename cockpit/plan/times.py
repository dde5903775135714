"""The window's points and times of day inside it. Knows no clock: what "now" is, is never asked here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from cockpit.plan.model import Moment, Window
from cockpit.units import parse_duration

DAY = 86400.0
TIME_FORMS = 'write a time like "05:00", or a date-time with its offset like 2026-11-28T05:00:00-08:00'
MOMENT_FORMS = 'write a date-time with its offset like 2026-11-27T20:00:00-08:00, or "+13h" after the start'

_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Hours:
    """A window whose points are known: UTC epoch seconds, and the offset of the plan's clock in seconds east of UTC."""

    opens: float
    closes: float
    testing: float | None = None
    utc_offset: float = 0.0

    def words(self, epoch: float) -> str:
        """RFC 3339 on the plan's own clock."""
        zone = timezone(timedelta(seconds=self.utc_offset))
        return datetime.fromtimestamp(epoch, zone).isoformat(timespec="seconds")


def hours(window: Window, started: float) -> Hours:
    """The window of a session that started at `started` (UTC epoch seconds)."""
    testing = window.testing.at(started) if window.testing else None
    return Hours(window.opens.at(started), window.closes.at(started), testing, window.utc_offset)


def moment(value: object) -> Moment:
    """A TOML date-time with an offset, or "+13h". ValueError says which forms there are."""
    if isinstance(value, datetime):
        return Moment(epoch=instant(value))
    if isinstance(value, str) and value.strip().startswith("+"):
        return Moment(offset=parse_duration(value.strip()[1:]))
    if isinstance(value, str) and "T" in value:
        return Moment(epoch=instant(_datetime(value)))
    raise ValueError(MOMENT_FORMS)


def offset_of(value: object) -> float | None:
    """Seconds east of UTC in which a point of the window was written; None where it says none."""
    try:
        read = _datetime(value) if isinstance(value, str) else value
    except ValueError:
        return None
    offset = read.utcoffset() if isinstance(read, datetime) else None
    return None if offset is None else offset.total_seconds()


def clock_time(text: str, opens: float, closes: float, utc_offset: float) -> float:
    """UTC epoch seconds of "HH:MM" inside the window: its first occurrence from `opens` on, on the plan's clock.

    A date-time with an offset is taken as it is. ValueError where the text is neither, or the window has no such hour.
    """
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        return instant(_datetime(text))
    second = int(match[1]) * 3600 + int(match[2]) * 60
    at = opens + (second - (opens + utc_offset)) % DAY
    if at > closes:
        window = Hours(opens, closes, None, utc_offset)
        raise ValueError(f"{text} is not within the window, {window.words(opens)} to {window.words(closes)}")
    return at


def is_time(text: str) -> bool:
    """Whether `clock_time` could understand it in some window."""
    try:
        return _CLOCK.fullmatch(text.strip()) is not None or bool(instant(_datetime(text)))
    except ValueError:
        return False


def _datetime(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(TIME_FORMS) from None


def instant(value: datetime) -> float:
    """UTC epoch seconds. ValueError without an offset, which would mean another hour on another machine."""
    if value.tzinfo is None:
        raise ValueError(f"{value.isoformat()} has no offset from UTC; write {value.isoformat()}-08:00 (your offset)")
    if not 1971 <= value.year <= 9000:
        raise ValueError(f"the year {value.year} is no year of a night")
    return value.timestamp()
