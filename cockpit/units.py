"""Durations, sizes, rates and times as people write and read them. Knows no plan, no clock, no screen.

Inside the program: durations are seconds, sizes bytes, rates bytes per second, times UTC epoch seconds.
`parse_*` take what a plan may say, `plan_*` write exactly that form back (they round-trip), `format_*` are for prose,
`short_*` for table cells (never wider than their stated number of characters). kB is 10^3, KiB is 2^10.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

DURATION_FORMS = "a duration is written like 90s, 5m, 1h30m or 2d"
SIZE_FORMS = "a size is written like 10MB (10^6 bytes), 10MiB (2^20 bytes), 1.2TB or 512 (bytes)"
RATE_FORMS = "a rate is written like 900Mbit/s, 100MB/s or 12MiB/s"

_NUMBER = r"([0-9]{1,18}(?:\.[0-9]{1,9})?)"
_DURATION = re.compile(rf"(?:{_NUMBER}d)?(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s)?", re.ASCII)
_SIZE = re.compile(rf"{_NUMBER} ?([A-Za-z]*)", re.ASCII)
_RATE = re.compile(rf"{_NUMBER} ?([A-Za-z]+)/s", re.ASCII)

_DURATION_UNITS = (86400, 3600, 60, 1)
_DECIMAL = {"kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15}
_BINARY = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "PiB": 2**50}
_BYTES = {"": 1, "B": 1, **_DECIMAL, **_BINARY}
_BITS = {"bit": 1, "kbit": 10**3, "Kbit": 10**3, "Mbit": 10**6, "Gbit": 10**9, "Tbit": 10**12}


def parse_duration(text: str) -> float:
    """Seconds. "90s", "5m", "1h30m", "1.5h", "2d"; no sign and no bare number. ValueError names the accepted forms."""
    match = _DURATION.fullmatch(text.strip())
    if not text.strip() or match is None:
        raise ValueError(f"{text!r} is not a duration: {DURATION_FORMS}")
    parts = zip(match.groups(), _DURATION_UNITS, strict=True)
    return float(sum(Decimal(number) * unit for number, unit in parts if number))


def parse_size(text: str) -> int:
    """Whole bytes. "10MB", "10MiB", "1.2TB", "512". "10M" and "10Mb" are refused: people differ on what they mean."""
    match = _SIZE.fullmatch(text.strip())
    if match is None or match[2] not in _BYTES:
        raise ValueError(f"{text!r} is not a size: {SIZE_FORMS}")
    return int(Decimal(match[1]) * _BYTES[match[2]])


def parse_rate(text: str) -> float:
    """Bytes per second, above zero. "900Mbit/s" is 112.5e6."""
    match = _RATE.fullmatch(text.strip())
    if match is not None and match[2] in _BITS:
        rate = float(Decimal(match[1]) * _BITS[match[2]] / 8)
    elif match is not None and match[2] in _BYTES:
        rate = float(Decimal(match[1]) * _BYTES[match[2]])
    else:
        raise ValueError(f"{text!r} is not a rate: {RATE_FORMS}")
    if rate <= 0:
        raise ValueError(f"{text!r} would never move anything: {RATE_FORMS}")
    return rate


def plan_duration(seconds: float) -> str:
    """As a plan writes it, to the millisecond: 5400 -> "1h30m". parse_duration gives the same number back."""
    left = round(max(0.0, seconds) * 1000)
    text = ""
    for unit, name in ((3_600_000, "h"), (60_000, "m")):
        count, left = divmod(left, unit)
        text += f"{count}{name}" if count else ""
    return text if text and not left else f"{text}{Decimal(left) / 1000:f}s"


def plan_size(size: int) -> str:
    """As a plan writes it, exact and as short as it can be: "1.2TB", "10MiB", "512"."""
    units = [(name, unit) for name, unit in {**_DECIMAL, **_BINARY}.items() if name != "KB" and size >= unit]
    exact = [f"{(Decimal(size) / unit).normalize():f}{name}" for name, unit in units if size * 1000 % unit == 0]
    return min([*exact, str(size)], key=len)


def plan_rate(rate: float) -> str:
    """As a plan writes it, to the byte per second: "112.5MB/s"."""
    text = plan_size(max(1, round(rate)))
    return f"{text}B/s" if text.isdigit() else f"{text}/s"


def plural(count: int, one: str, many: str | None = None) -> str:
    """ "1 server", "7 servers"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def format_duration(seconds: float) -> str:
    """At most 6 characters up to 99 days, cut not rounded: "42s", "4m12", "5h47", "2d03h"; "-31m00" below zero.
    Never "4:12", which is four hours to one reader and four minutes to the next."""
    if seconds <= -1:
        return "-" + format_duration(-seconds)
    whole = int(abs(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def format_countdown(seconds: float) -> str:
    """h:mm:ss, for the one clock that people watch: "5:47:13", "-0:00:09"; "3d 05:47:13" from a day on."""
    sign, whole = ("-" if seconds <= -1 else ""), int(abs(seconds))
    days, rest = divmod(whole, 86400)
    clock = f"{rest // 3600}:{rest % 3600 // 60:02d}:{rest % 60:02d}"
    return f"{sign}{days}d {clock:0>8}" if days else sign + clock


def format_slack(seconds: float) -> str:
    """A margin with its sign, to the minute from an hour on: "+1h20", "-31m00", "+0s"."""
    return format_duration(seconds) if seconds <= -1 else "+" + format_duration(seconds)


def _scaled(value: float) -> tuple[str, str]:
    """Three significant digits and the prefix: 61_234_000 -> ("61.2", "M"). 999_999 becomes 1.00M, never 1000k."""
    prefixes = ["", "k", "M", "G", "T", "P", "E"]
    value = max(0.0, float(value))
    while value >= 999.5 and len(prefixes) > 1:
        value, prefixes = value / 1000, prefixes[1:]
    prefix = prefixes[0]
    if not prefix or value >= 99.95:
        return f"{value:.0f}", prefix
    return (f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"), prefix


def format_size(size: float) -> str:
    """Decimal units, three digits: "512 B", "61.2 GB"."""
    number, prefix = _scaled(size)
    return f"{number} {prefix}B"


def format_rate(rate: float) -> str:
    """ "212 MB/s"; "0 B/s" is a measured nothing, never "unknown"."""
    return format_size(rate) + "/s"


def short_size(size: float) -> str:
    """At most 5 characters: "61.2G", "512"."""
    return "".join(_scaled(size))


short_rate = short_size  # bytes per second, the column's title says so


def percent(share: float | None) -> str:
    """At most 4 characters. Never "100%" before all is there, and "" when nothing is known."""
    if share is None:
        return ""
    return "100%" if share >= 1 else f"{min(99, int(share * 100))}%"


def clock(at: float, utc_offset: float = 0.0) -> str:
    """ "03:12" as the wall clock says `utc_offset` seconds east of UTC."""
    return _local(at, utc_offset).strftime("%H:%M")


def clock_seconds(at: float, utc_offset: float = 0.0) -> str:
    """ "03:12:47"."""
    return _local(at, utc_offset).strftime("%H:%M:%S")


def clock_day(at: float, now: float, utc_offset: float = 0.0) -> str:
    """ "03:12", or "28 Nov 03:12" where that could be taken for another day: more than 18 h from `now`."""
    local = _local(at, utc_offset)
    return local.strftime("%H:%M") if abs(at - now) < 18 * 3600 else f"{local.day} {local.strftime('%b %H:%M')}"


def ago(at: float, now: float) -> str:
    """For prose, by its largest unit alone: "now", "2 hours ago", "a day ago"; "5 minutes from now"."""
    from humanize import naturaltime  # 25 ms of imports, for the few commands that say it

    return naturaltime(timedelta(seconds=now - at))


def rfc3339(at: float) -> str:
    """UTC with milliseconds and Z, as `status --json` and `log --json` give times."""
    return _local(at, 0).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(at * 1000) % 1000:03d}Z"


def _local(at: float, utc_offset: float) -> datetime:
    return datetime.fromtimestamp(int(at), timezone(timedelta(seconds=int(utc_offset))))
