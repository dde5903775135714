"""How long something has been going on, by clocks that nobody sets: an hour's step of the wall's clock must end no wait and no
timeout. Survives an engine's restart, as long as this machine has not booted since; then only the wall's clock is left.

Knows no step. Deadlines that people wrote as a time of day are the wall's, and not for here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

Clock = Literal["awake", "passed"]
"""awake: without the time that this machine slept, for what was tried meanwhile (clock_gettime(2), CLOCK_MONOTONIC). passed:
with it, for what only has to take its time (CLOCK_BOOTTIME)."""


def begin() -> dict[str, Any]:
    """What is noted of a beginning, as JSON."""
    return {"at": time.time(), "boot": _boot(), "awake": _now("awake"), "passed": _now("passed")}


def since(begun: Mapping[str, Any], clock: Clock) -> float:
    """Seconds since `begin` gave this, never below 0."""
    if begun.get("boot") and begun["boot"] == _boot():
        return max(0.0, _now(clock) - float(begun[clock]))
    return max(0.0, time.time() - float(begun["at"]))


def _now(clock: Clock) -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) if clock == "passed" else time.monotonic()


@cache
def _boot() -> str:
    """"" where the machine has no such thing: then its clocks can't be told from another boot's."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
