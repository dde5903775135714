"""The events of a session, in the past tense: those of tasks from `task_events`, all others here.

Knows their shapes and nothing of their meaning (`state.fold` does). Every event is a frozen dataclass of JSON values;
its class name is its kind in the journal. Times are UTC epoch seconds, durations seconds, sizes bytes.
A field once written is never renamed or removed; older journals are upcast in `journal.upcast`.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

from cockpit.journal.envelope import KINDS, Event, Fact, decode, encode, kind
from cockpit.journal.task_events import (
    AttemptEnded,
    AttemptFound,
    AttemptNoted,
    AttemptStarted,
    AttemptUnknown,
    CancelAsked,
    CheckFinished,
    LimitChanged,
    RetryAsked,
    StartAsked,
    TaskMarkedDone,
    TaskMarkedFailed,
    TaskSkipped,
    TransferFronted,
    TransferPaused,
    TransferResumed,
    UndoAsked,
    ValueCaptured,
)

__all__ = [
    "KINDS", "AlarmAcknowledged", "AlarmEnded", "AttemptEnded", "AttemptFound", "AttemptNoted", "AttemptStarted",
    "AttemptUnknown", "BackoutStarted", "CancelAsked", "CheckFinished", "EngineStarted", "EngineStopped", "EngineTroubled",
    "Event", "Fact", "GateAnswered", "Held", "HostKeyAccepted", "HostKeyOffered", "InputGiven", "LimitChanged", "NightEnded",
    "NoteAdded", "PlanAdopted", "PromptAnswered", "PromptOpened", "PromptWithdrawn", "Released", "RetryAsked",
    "ServerContacted", "ServerDropped", "ServerLost", "SessionStarted", "StartAsked", "TaskMarkedDone", "TaskMarkedFailed",
    "TaskSkipped", "TransferFronted", "TransferPaused", "TransferResumed", "UndoAsked", "ValueCaptured", "decode", "encode",
]

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
    """by: person | pinned. place: what known_hosts calls the server that showed it."""

    server: str
    key: str  # OpenSSH public key line
    fingerprint: str
    by: str
    place: str = ""


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


# --- people


@kind
class PromptOpened(Event):
    """Something only a person can give. kind: passphrase | password | sudo | input | secret | host-key | gate | manual |
    unknown | failed | undo | no-go | lock | loss | start. choices: the answers it takes, [] for free text. A secret answer
    is never journaled."""

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
class AlarmEnded(Event):
    """A trouble that calls a person is over, and no other fact tells of it: a transfer moves again, the night is in time
    again. alarm: its newest occurrence, as `state.alarms` names it; since: when it began."""

    alarm: str
    since: float
    text: str  # how it ended: "moves again"
    task: str | None = None
    server: str | None = None


@kind
class AlarmAcknowledged(Event):
    alarm: str  # an occurrence, or a bare name: all of it that has begun
