"""What happens to tasks and to the pace of transfers. Read through `journal.events`, which has all kinds and their rules."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from cockpit.journal.envelope import Event, kind

# --- tasks


@kind
class StartAsked(Event):
    """A person started a `start = "manual"` task, or said that an early one may begin."""

    task: str


@kind
class AttemptStarted(Event):
    """The intent: durable before anything happens on a server. purpose: do | undo | probe."""

    task: str
    n: int
    attempt: str  # names the job's directory on the server
    purpose: str = "do"
    spec: dict[str, Any] = field(default_factory=dict)  # what resuming needs (paths, boot id, method); no secret


@kind
class AttemptNoted(Event):
    """Something worth keeping about a running attempt: detail is merged into its `detail` (method, totals, boot id)."""

    task: str
    n: int
    detail: dict[str, Any]


@kind
class AttemptUnknown(Event):
    """It started; whether it ended is not known. reason: lost | gone | asking | rebooted."""

    task: str
    n: int
    reason: str


@kind
class AttemptFound(Event):
    """What was unknown turned out to be running still."""

    task: str
    n: int


@kind
class AttemptEnded(Event):
    """result: done | failed | cancelled. exit None where no command ran. error: one sentence for a person."""

    task: str
    n: int
    result: str
    exit: int | None = None
    error: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@kind
class CancelAsked(Event):
    task: str


@kind
class RetryAsked(Event):
    """by_plan: an automatic retry; not_before: epoch of the next try."""

    task: str
    by_plan: bool = False
    not_before: float | None = None


@kind
class UndoAsked(Event):
    task: str


@kind
class TaskSkipped(Event):
    task: str
    by_plan: bool
    reason: str


@kind
class TaskMarkedDone(Event):
    """A person says that it is done (manual steps; unknown outcomes)."""

    task: str


@kind
class TaskMarkedFailed(Event):
    """A person says that an unknown outcome was a failure."""

    task: str


@kind
class CheckFinished(Event):
    """One verdict. result: pass | fail | not-tested. started: when its data began to be read."""

    task: str
    n: int
    check: str
    kind: str
    result: str
    evidence: str
    started: float
    paths: list[list[str]] = field(default_factory=list)  # [[server, path], …] that the verdict speaks of


@kind
class ValueCaptured(Event):
    task: str
    name: str
    value: str


# --- the pace of transfers


@kind
class LimitChanged(Event):
    """A person changed what all transfers together may use: bytes per second, None: what the plan says again."""

    bandwidth: float | None = None


@kind
class TransferPaused(Event):
    task: str


@kind
class TransferResumed(Event):
    task: str


@kind
class TransferFronted(Event):
    """It starts before every other transfer that is queued."""

    task: str
