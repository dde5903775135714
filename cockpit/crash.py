"""Crash points with names: where a test may kill this process with SIGKILL, to prove that nothing is lost or done twice.

In an ordinary night `point` is one comparison with None. A test sets COCKPIT_CRASH to `NAME` or `NAME#3` (the third
time), COCKPIT_CRASH_LOG to a file that collects every point passed, COCKPIT_DIGESTS to one that collects the live states.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

_WANTED = os.environ.get("COCKPIT_CRASH")
_LOG = os.environ.get("COCKPIT_CRASH_LOG")
_DIGESTS = os.environ.get("COCKPIT_DIGESTS")
_passed: Counter[str] = Counter()


def point(name: str) -> None:
    """Die here if this is the point, and the time, that the test named."""
    if _WANTED is None and _LOG is None:
        return
    _passed[name] += 1
    if _LOG is not None:
        with open(_LOG, "a") as log:
            log.write(f"{name}#{_passed[name]}\n")
    if f"{name}#{_passed[name]}" == _WANTED or (name == _WANTED and _passed[name] == 1):
        os.kill(os.getpid(), signal.SIGKILL)


def watched() -> bool:
    """Whether a test wants to compare every state with its replay."""
    return _DIGESTS is not None


def state_was(seq: int, digest: str) -> None:
    """Note what the live state was after fact `seq`."""
    if _DIGESTS is not None:
        with open(_DIGESTS, "a") as log:
            log.write(f"{seq} {digest}\n")
