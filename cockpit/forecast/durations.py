"""How long a task takes: what was measured of it, else what the plan says, else what its peers took, else a named
guess.

Pure. Seconds everywhere; `inf` says that nobody knows (a transfer in which nothing moves), never a large number.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from cockpit.forecast.model import TransferNow
from cockpit.plan.model import Plan, Wait
from cockpit.plan.schedule import estimated
from cockpit.state.model import DONE, State, Task


class Durations:
    """The durations of one moment. Peers are the same step on other servers."""

    def __init__(
        self, plan: Plan, state: State, transfers: Mapping[str, TransferNow], now: float, *, late: bool = False,
    ) -> None:
        """late: of what is measured, the time in which nine of ten end."""
        self.transfers, self.now, self.late = transfers, now, late
        self.paused = state.paused
        self.steps = {s.id: s for s in (*plan.steps, *plan.backout)}
        took: dict[str, list[float]] = {}
        for task in state.tasks.values():
            span = _took(task)
            if span is not None:
                took.setdefault(task.step, []).append(span)
        self.peers = {step: median(spans) for step, spans in took.items()}

    def whole(self, task: Task) -> float:
        """From start to end, before anything of this very task is measured."""
        step = self.steps[task.step]
        said = step.estimate is not None or (isinstance(step.action, Wait) and step.action.seconds is not None)
        return estimated(step) if said else self.peers.get(task.step, estimated(step))

    def left(self, task: Task) -> float:
        """Of a task that has started. Past its estimate: 0, so that its end moves with the clock and never before
        it."""
        moving = self.transfers.get(task.id)
        if task.id in self.paused:  # neither its standing still nor the time of it says how long the rest takes
            return self.whole(task) * (1.0 - ((moving.share if moving is not None else None) or 0.0))
        if moving is not None and moving.pace is not None:
            return moving.pace_p90 if self.late and moving.pace_p90 is not None else moving.pace
        attempt = task.attempt
        since = attempt.started if attempt else task.started
        return max(0.0, self.whole(task) - (self.now - since)) if since is not None else self.whole(task)


def _took(task: Task) -> float | None:
    attempt = task.attempt
    if task.state != DONE or task.started is None or task.ended is None:
        return None
    return task.ended - (attempt.started if attempt and attempt.purpose == "do" else task.started)
