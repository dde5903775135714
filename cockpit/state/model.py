"""What is so, as far as the journal says: the result of folding its facts. Pure data; no clock, no I/O.

Only what was decided or seen is kept here. Words that depend on the time or the plan's order (blocked, ready, queued,
waiting) are derived in `state.standing`. Everything converts to and from plain JSON (`to_json`, `from_json` in
`state.snapshot`), so that a checkpoint and a hash of it are one line each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# What a task is known to be. `pending` is the only one from which a first attempt starts.
PENDING, RUNNING, UNKNOWN, DONE, FAILED, CANCELLED, SKIPPED, UNDONE = (
    "pending", "running", "unknown", "done", "failed", "cancelled", "skipped", "undone",
)


@dataclass(slots=True)
class Attempt:
    n: int
    id: str
    purpose: str  # do | undo | probe
    started: float
    ended: float | None = None
    result: str | None = None  # done | failed | cancelled; None while it runs or is unknown
    exit: int | None = None
    error: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)  # the spec it started with, plus what was noted since


@dataclass(slots=True)
class Task:
    id: str
    step: str
    server: str | None
    kind: str
    title: str
    phase: str  # night | backout
    planned_start: float | None
    planned_end: float | None
    state: str = PENDING
    by_plan: bool = False  # a skip that the plan itself made
    who: str | None = None
    why: str | None = None
    started: float | None = None  # of its first attempt, or of what a person did
    ended: float | None = None
    unknown_reason: str | None = None
    unknown_since: float | None = None
    expected: float = 0.0  # from when on its bytes are: since it was let go on, or found again
    attempts: list[Attempt] = field(default_factory=list)
    auto_retries: int = 0  # counted since the last time that a person asked for one
    not_before: float | None = None
    start_asked: bool = False
    cancel_asked: bool = False
    undo_asked: bool = False

    @property
    def attempt(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None


@dataclass(slots=True)
class ServerState:
    name: str
    contact: str = "never"  # never | up | lost | dropped
    since: float | None = None
    problem: str | None = None  # unreachable | key-changed | key-unknown | auth | become | locked | other
    problems: list[str] = field(default_factory=list)  # all that this loss has had
    worse: float | None = None  # when it was lost, or got a problem that waiting does not mend: what an alarm is about
    text: str | None = None
    boot_id: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    contacted: float | None = None  # when it last let us in, having shown a key that is believed
    accepted: float | None = None  # when its newest key was
    accepted_key: str | None = None  # accepted in this session, after a rebuild
    accepted_place: str | None = None  # what known_hosts called it then
    offered_key: str | None = None
    offered_fingerprint: str | None = None


@dataclass(slots=True)
class Prompt:
    id: str
    kind: str
    text: str
    since: float
    task: str | None = None
    server: str | None = None
    choices: list[str] = field(default_factory=list)
    secret: bool = False
    number: int = 0  # the key that opens it, from its first asking to its answer


@dataclass(slots=True)
class Proof:
    """The newest verdict of one check on one task. Whether it is still fresh: `state.standing.stale_since`."""

    task: str
    check: str
    kind: str
    result: str  # pass | fail | not-tested
    evidence: str
    started: float
    at: float
    paths: list[list[str]] = field(default_factory=list)


@dataclass(slots=True)
class Ended:
    """An alarm whose cause went before anybody acknowledged it. `text` says how it ended, where its name does not."""

    alarm: str  # its newest occurrence (`state.alarms`)
    since: float
    ended: float
    text: str = ""
    task: str | None = None
    server: str | None = None
    times: int = 1  # that it began and ended unseen


@dataclass(slots=True)
class Note:
    seq: int
    at: float
    who: str | None
    text: str
    target: str


@dataclass(slots=True)
class State:
    seq: int = 0
    at: float = 0.0
    session: str = ""
    plan: str = ""
    mode: str = "live"
    plan_text: str = ""
    plan_seq: int = 0  # of the fact that adopted it
    started: float = 0.0
    opens: float = 0.0
    testing: float | None = None
    closes: float = 0.0
    utc_offset: float = 0.0
    inputs: dict[str, str] = field(default_factory=dict)
    given_secrets: list[str] = field(default_factory=list)  # names, of this engine's epoch
    epoch: int = 0
    engine_pid: int | None = None
    engine_host: str | None = None
    engine_running: bool = False  # as far as the journal knows: a killed engine could not say
    engine_problem: str | None = None
    outcome: str | None = None
    backout: bool = False
    backout_reason: str | None = None
    backout_by: str | None = None
    tasks: dict[str, Task] = field(default_factory=dict)
    servers: dict[str, ServerState] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)  # servers, tasks, "" for everything
    limit: float | None = None  # bytes per second for all transfers, as a person said; None: the plan's
    limit_by: str | None = None
    paused: dict[str, str] = field(default_factory=dict)  # transfer -> who paused it
    fronted: list[str] = field(default_factory=list)  # transfers that start before the others, the first first
    prompts: dict[str, Prompt] = field(default_factory=dict)  # open ones, oldest first
    numbered: int = 0  # the number that was given last
    gates: dict[str, list[list[str]]] = field(default_factory=dict)  # task -> [[who, answer], …] of this asking
    proofs: dict[str, Proof] = field(default_factory=dict)  # "task/check" -> newest verdict
    captured: dict[str, dict[str, str]] = field(default_factory=dict)  # server ("" for none) -> name -> value
    notes: list[Note] = field(default_factory=list)
    ended: dict[str, Ended] = field(default_factory=dict)  # name of an alarm -> that it was, until somebody acknowledges it
    acknowledged: dict[str, float] = field(default_factory=dict)  # alarm -> when; those that still stand
    decisions: int = 0  # facts that carry a person's name
    illegal: int = 0  # facts that made no sense where they stood (`state.transitions`), ignored

    @property
    def dry(self) -> bool:
        """Whether checks are made and the rest is only shown."""
        return self.mode == "dry-run"
