"""The events of a session, in the past tense, and the envelope in which the journal keeps them.

Knows their shapes and nothing of their meaning (`state.fold` does). Every event is a frozen dataclass of JSON values;
its class name is its kind in the journal. Times are UTC epoch seconds, durations seconds, sizes bytes.
A field once written is never renamed or removed; older journals are upcast in `journal.upcast`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """A dataclass that the type checker takes for frozen. Python's own guard, comparison and repr, generated for each of
    forty classes, would be a tenth of what opening a screen takes, and make every fact slower to read."""
    return dataclass(slots=True, repr=False, eq=False)(cls)


@record
class Event:
    """Base of all events."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in fields(self))})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(getattr(self, f.name) == getattr(other, f.name) for f in fields(self))

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, f.name) for f in fields(self)))


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


E = TypeVar("E", bound=Event)


@dataclass_transform(frozen_default=True)
def kind(cls: type[E]) -> type[E]:
    made = record(cls)
    KINDS[made.__name__] = made
    return made


def encode(event: Event) -> tuple[str, dict[str, Any]]:
    return type(event).__name__, asdict(event)


def decode(name: str, data: dict[str, Any]) -> Event:
    """KeyError for an unknown kind: a journal newer than this program is refused before it gets here."""
    return KINDS[name](**data)


# --- the session and its engine


@kind
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
class EngineStarted(Event):
    epoch: int
    pid: int
    host: str
    version: str


@kind
class EngineStopped(Event):
    reason: str


@kind
class EngineTroubled(Event):
    """The engine cannot go on as it should (disk full, …) or can again (problem None)."""

    problem: str | None


@kind
class NightEnded(Event):
    outcome: str  # done | failed | backed-out | abandoned


@kind
class InputGiven(Event):
    """value None: a secret was given (its value lives in the engine's memory alone)."""

    name: str
    value: str | None = None


# --- servers


@kind
class ServerContacted(Event):
    server: str
    boot_id: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)  # os, user, home, tools {name: version}, host_key fingerprint


@kind
class ServerLost(Event):
    """Contact was lost or refused. problem: unreachable | key-changed | key-unknown | auth | become | locked | other."""

    server: str
    problem: str
    text: str


@kind
class ServerDropped(Event):
    server: str


@kind
class HostKeyAccepted(Event):
    """by: person | pinned."""

    server: str
    key: str  # OpenSSH public key line
    fingerprint: str
    by: str


@kind
class HostKeyOffered(Event):
    """A rebuilt server shows a new key; nothing is believed until a person or the pinned key says so."""

    server: str
    key: str
    fingerprint: str
    old: str | None = None


@kind
class Held(Event):
    target: str  # a server, a task, or "" for everything


@kind
class Released(Event):
    target: str


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


# --- people


@kind
class PromptOpened(Event):
    """Something only a person can give. kind: passphrase | password | sudo | input | secret | host-key | gate | manual |
    unknown | failed | no-go | lock | start. choices: the answers it takes, [] for free text. A secret answer is never
    journaled."""

    id: str
    kind: str
    text: str
    task: str | None = None
    server: str | None = None
    choices: list[str] = field(default_factory=list)
    secret: bool = False


@kind
class PromptAnswered(Event):
    """answer None: it was secret. The name stands in the fact's `who`."""

    id: str
    answer: str | None = None


@kind
class PromptWithdrawn(Event):
    id: str
    reason: str


@kind
class GateAnswered(Event):
    """answer: go | no-go. A gate with several approvers has several of these; each name counts once."""

    task: str
    answer: str


@kind
class BackoutStarted(Event):
    reason: str


@kind
class NoteAdded(Event):
    text: str
    target: str = ""  # a task, a server, or the night


@kind
class AlarmAcknowledged(Event):
    alarm: str


@kind
class Forecasted(Event):
    """A forecast worth keeping, so that its error can be computed afterwards."""

    finish: float | None
    critical: list[str] = field(default_factory=list)
