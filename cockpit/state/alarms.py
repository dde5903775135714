"""What calls a person without asking anything: which troubles do, and how each occurrence of one is named. Pure; no clock.

A trouble has a name (`lost:fs02`, `stalled:copy@fs02`, `late`). Each time that it begins or gets worse is an occurrence,
`name#mark`, which is acknowledged for itself: whoever saw the first loss of the night has not seen the second.
"""

from __future__ import annotations

from cockpit.state.model import RUNNING, UNKNOWN, ServerState, State

LOST_AFTER = 30.0  # s without contact; keepalive and reconnection mend shorter ones
STALLED_AFTER = 60.0  # s without a byte
LATE = "late"
LATE_STEPS = (0, 15, 30, 60, 120, 240)  # minutes: a lateness that passes one of these calls again


def lost(server: str) -> str:
    return f"lost:{server}"


def stalled(task: str) -> str:
    return f"stalled:{task}"


def occurrence(name: str, mark: float) -> str:
    """mark: when it began or got worse, UTC epoch seconds; of `late` the step of `LATE_STEPS` that it has passed."""
    return f"{name}#{mark:.0f}"


def name_of(alarm: str) -> str:
    return alarm.partition("#")[0]


def late_step(seconds: float) -> int:
    """The highest step that so many seconds of lateness have passed; minutes."""
    return max(step for step in LATE_STEPS if step == 0 or step * 60 <= seconds)


def acknowledged(state: State, alarm: str) -> bool:
    """Whether this occurrence was seen; who acknowledges a bare name has seen all of it that had begun by then. Not of `late`,
    whose marks are no times."""
    name, _, mark = alarm.partition("#")
    at = state.acknowledged.get(name) if name != LATE else None
    return alarm in state.acknowledged or (at is not None and at >= (int(mark) if mark.isdigit() else 0))


def calls(state: State, server: ServerState, now: float) -> bool:
    """Whether this server's being away needs a person. A reboot takes it away for a while, as planned."""
    if server.contact != "lost" or server.since is None:
        return False
    if server.problem != "unreachable":
        return True
    return now - server.since >= LOST_AFTER and not _reboots(state, server.name)


def _reboots(state: State, server: str) -> bool:
    tasks = state.tasks.values()
    return any(t.kind == "reboot" and t.server == server and t.state in (RUNNING, UNKNOWN) for t in tasks)
