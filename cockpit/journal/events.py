"""The events of a session, in the past tense, and the envelope in which the journal keeps them.

Knows their shapes and nothing of their meaning (`state.fold` does). Every event is a frozen dataclass of JSON values;
its class name is its kind in the journal. Times are UTC epoch seconds, durations seconds, sizes bytes.
A field once written is never renamed or removed; older journals are upcast in `journal.upcast`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One journaled event: `seq` orders them, `at` is UTC epoch seconds, `who` a name where a person decided."""

    seq: int
    at: float
    event: Event
    who: str | None = None
    why: str | None = None
    peer: dict[str, Any] | None = None  # uid, pid, tty of the process that sent the command

    @property
    def kind(self) -> str:
        return type(self.event).__name__


KINDS: dict[str, type[Event]] = {}


def kind(cls: type[Event]) -> type[Event]:
    KINDS[cls.__name__] = cls
    return cls


def encode(event: Event) -> tuple[str, dict[str, Any]]:
    return type(event).__name__, asdict(event)


def decode(name: str, data: dict[str, Any]) -> Event:
    """KeyError for an unknown kind: a journal newer than this program is refused before it gets here."""
    return KINDS[name](**data)


# --- the session and its engine


@kind
@dataclass(frozen=True, slots=True)
class SessionStarted(Event):
    session: str
    plan: str
    mode: str  # live | dry-run
    opens: float
    closes: float
    testing: float | None = None
    utc_offset: float = 0.0
    inputs: dict[str, str] = field(default_factory=dict)  # never a secret one


@kind
@dataclass(frozen=True, slots=True)
class PlanAdopted(Event):
    """The plan that holds from now on. tasks: [{id, step, server, kind, title, phase, planned_start, planned_end}]."""

    text: str
    tasks: list[dict[str, Any]]
    amended: bool = False
    closes: float | None = None  # where an amendment moved the window
    opens: float | None = None
    testing: float | None = None
    changes: list[str] = field(default_factory=list)  # what was different, in words


@kind
@dataclass(frozen=True, slots=True)
class EngineStarted(Event):
    epoch: int
    pid: int
    host: str
    version: str


@kind
@dataclass(frozen=True, slots=True)
class EngineStopped(Event):
    reason: str


@kind
@dataclass(frozen=True, slots=True)
class EngineTroubled(Event):
    """The engine cannot go on as it should (disk full, …) or can again (problem None)."""

    problem: str | None


@kind
@dataclass(frozen=True, slots=True)
class NightEnded(Event):
    outcome: str  # done | failed | backed-out | abandoned


@kind
@dataclass(frozen=True, slots=True)
class InputGiven(Event):
    """value None: a secret was given (its value lives in the engine's memory alone)."""

    name: str
    value: str | None = None


# --- servers


@kind
@dataclass(frozen=True, slots=True)
class ServerContacted(Event):
    server: str
    boot_id: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)  # os, user, home, tools {name: version}, host_key fingerprint


@kind
@dataclass(frozen=True, slots=True)
class ServerLost(Event):
    """Contact was lost or refused. problem: unreachable | key-changed | key-unknown | auth | become | locked | other."""

    server: str
    problem: str
    text: str


@kind
@dataclass(frozen=True, slots=True)
class ServerDropped(Event):
    server: str


@kind
@dataclass(frozen=True, slots=True)
class HostKeyAccepted(Event):
    """by: person | pinned."""

    server: str
    key: str  # OpenSSH public key line
    fingerprint: str
    by: str


@kind
@dataclass(frozen=True, slots=True)
class HostKeyOffered(Event):
    """A rebuilt server shows a new key; nothing is believed until a person or the pinned key says so."""

    server: str
    key: str
    fingerprint: str
    old: str | None = None


@kind
@dataclass(frozen=True, slots=True)
class Held(Event):
    target: str  # a server, a task, or "" for everything


@kind
@dataclass(frozen=True, slots=True)
class Released(Event):
    target: str


# --- tasks


@kind
@dataclass(frozen=True, slots=True)
class StartAsked(Event):
    """A person started a `start = "manual"` task, or said that an early one may begin."""

    task: str


@kind
@dataclass(frozen=True, slots=True)
class AttemptStarted(Event):
    """The intent: durable before anything happens on a server. purpose: do | undo | probe."""

    task: str
    n: int
    attempt: str  # names the job's directory on the server
    purpose: str = "do"
    spec: dict[str, Any] = field(default_factory=dict)  # what resuming needs (paths, boot id, method); no secret


@kind
@dataclass(frozen=True, slots=True)
class AttemptNoted(Event):
    """Something worth keeping about a running attempt: detail is merged into its `detail` (method, totals, boot id)."""

    task: str
    n: int
    detail: dict[str, Any]


@kind
@dataclass(frozen=True, slots=True)
class AttemptUnknown(Event):
    """It started; whether it ended is not known. reason: lost | gone | asking | rebooted."""

    task: str
    n: int
    reason: str


@kind
@dataclass(frozen=True, slots=True)
class AttemptFound(Event):
    """What was unknown turned out to be running still."""

    task: str
    n: int


@kind
@dataclass(frozen=True, slots=True)
class AttemptEnded(Event):
    """result: done | failed | cancelled. exit None where no command ran. error: one sentence for a person."""

    task: str
    n: int
    result: str
    exit: int | None = None
    error: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@kind
@dataclass(frozen=True, slots=True)
class CancelAsked(Event):
    task: str


@kind
@dataclass(frozen=True, slots=True)
class RetryAsked(Event):
    """by_plan: an automatic retry; not_before: epoch of the next try."""

    task: str
    by_plan: bool = False
    not_before: float | None = None


@kind
@dataclass(frozen=True, slots=True)
class UndoAsked(Event):
    task: str


@kind
@dataclass(frozen=True, slots=True)
class TaskSkipped(Event):
    task: str
    by_plan: bool
    reason: str


@kind
@dataclass(frozen=True, slots=True)
class TaskMarkedDone(Event):
    """A person says that it is done (manual steps; unknown outcomes)."""

    task: str


@kind
@dataclass(frozen=True, slots=True)
class TaskMarkedFailed(Event):
    """A person says that an unknown outcome was a failure."""

    task: str


@kind
@dataclass(frozen=True, slots=True)
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
@dataclass(frozen=True, slots=True)
class ValueCaptured(Event):
    task: str
    name: str
    value: str


# --- people


@kind
@dataclass(frozen=True, slots=True)
class PromptOpened(Event):
    """Something only a person can give. kind: passphrase | password | sudo | input | secret | host-key | gate | manual |
    unknown | failed | no-go | lock | start. choices: the answers it takes, [] for free text. secret answers are never journaled."""

    id: str
    kind: str
    text: str
    task: str | None = None
    server: str | None = None
    choices: list[str] = field(default_factory=list)
    secret: bool = False


@kind
@dataclass(frozen=True, slots=True)
class PromptAnswered(Event):
    """answer None: it was secret. The name stands in the fact's `who`."""

    id: str
    answer: str | None = None


@kind
@dataclass(frozen=True, slots=True)
class PromptWithdrawn(Event):
    id: str
    reason: str


@kind
@dataclass(frozen=True, slots=True)
class GateAnswered(Event):
    """answer: go | no-go. A gate with several approvers has several of these; each name counts once."""

    task: str
    answer: str


@kind
@dataclass(frozen=True, slots=True)
class BackoutStarted(Event):
    reason: str


@kind
@dataclass(frozen=True, slots=True)
class NoteAdded(Event):
    text: str
    target: str = ""  # a task, a server, or the night


@kind
@dataclass(frozen=True, slots=True)
class AlarmAcknowledged(Event):
    alarm: str


@kind
@dataclass(frozen=True, slots=True)
class Forecasted(Event):
    """A forecast worth keeping, so that its error can be computed afterwards."""

    finish: float | None
    critical: list[str] = field(default_factory=list)
