"""Crash points with names: where a test may kill this process with SIGKILL, to prove that nothing is lost or done twice.

In an ordinary night `point` is one comparison with None. A test sets COCKPIT_CRASH to `NAME` or `NAME#3` (the third
time) and COCKPIT_CRASH_LOG to a file that collects every point passed.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

_WANTED = os.environ.get("COCKPIT_CRASH")
_LOG = os.environ.get("COCKPIT_CRASH_LOG")
_passed: Counter[str] = Counter()


def point(name: str) -> None:
    """Die here if this is the point, and the time, that the test named."""
    if _WANTED is None and _LOG is None:
        return
    _passed[name] += 1
    if _LOG is not None:
        with open(_LOG, "a") as log:
            log.write(f"{name}#{_passed[name]}\n")
    if _WANTED in (name if _passed[name] == 1 else None, f"{name}#{_passed[name]}"):
        os.kill(os.getpid(), signal.SIGKILL)
