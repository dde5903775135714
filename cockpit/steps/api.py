"""What a kind of step is given and what it gives back. Knows no asyncssh, no SQLite, no Textual."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from cockpit.fleet.api import Remote
from cockpit.plan.model import Plan, Step
from cockpit.plan.values import Into


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended. `unknown`: it may still run or have run; the engine asks, it never guesses.
    transient: trying again may help (a lost route, a locked target)."""

    result: Literal["done", "failed", "cancelled", "unknown"]
    exit: int | None = None
    error: str | None = None
    transient: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a transfer was told to be; totals are None where nobody has counted yet."""

    bytes_done: int = 0
    bytes_total: int | None = None
    files_done: int | None = None
    files_total: int | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a transfer may go now. rate: bytes per second for all of it, None: no limit."""

    rate: float | None = None
    paused: bool = False

    @property
    def told(self) -> bytes:
        """As a job is told it (`Remote.tell_job`): whole bytes per second, at least 1; empty for no limit, 0 for paused."""
        if self.paused:
            return b"0"
        return b"" if self.rate is None else b"%d" % max(1, round(self.rate))


class StepContext(Protocol):
    """One attempt of one task. A step's `run(ctx)` is called to start it and, after any loss, to go on with it:
    both are the same call, and what it does on a server must be idempotent by `ctx.attempt`."""

    @property
    def plan(self) -> Plan: ...
    @property
    def step(self) -> Step: ...
    @property
    def task(self) -> str: ...
    @property
    def server(self) -> str | None: ...
    @property
    def n(self) -> int: ...
    @property
    def attempt(self) -> str:
        """Unique; names the job's directory."""
        ...

    @property
    def session(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def resumed(self) -> bool:
        """The intent is older than this engine, or contact was lost since."""
        ...

    @property
    def detail(self) -> Mapping[str, Any]:
        """What was noted about this attempt so far (survives a crash). `begun`: when a step that is no job itself began, for
        `elapsed.since`."""
        ...

    @property
    def secrets(self) -> Mapping[str, str]:
        """The step's secrets, by name."""
        ...

    async def known_secrets(self) -> Mapping[str, str]:
        """The same once all of them are known: an engine that goes on with what another began has them to be told first."""
        ...

    def render(self, text: str, *, into: Into = "shell", path: bool = False) -> str:
        """Jinja2 with this task's scope. path: refuses captured values. Raises TemplateProblem. See plan.templates.render."""
        ...

    def remote(self, server: str | None = None) -> Remote:
        """The step's own server, or another of the plan."""
        ...

    def read_file(self, path: str) -> bytes:
        """A file of the plan, from the session's own frozen copy."""
        ...

    def become(self) -> bool:
        """Whether this step's commands run through sudo on its server."""
        ...

    async def output(self, stream: Literal["out", "err"], offset: int, data: bytes) -> None:
        """Journal what was printed. Waits while the journal's queue is full; masks this night's secrets."""
        ...

    async def last_errors(self, limit: int) -> bytes:
        """The last `limit` bytes of what was printed to stderr, as journaled: masked, and the same after a crash. For when
        nothing more will be printed."""
        ...

    def masked(self, text: str) -> str:
        """The text with every secret of this night starred out. What is going to be shortened or quoted is masked before
        that: of half a secret, or of one with its backslash doubled, nothing is known any more."""
        ...

    def offsets(self) -> tuple[int, int]:
        """How far this attempt's stdout and stderr are journaled already."""
        ...

    def say(self, text: str) -> None:
        """A line of cockpit's own about this attempt, into its log (stream `note`)."""
        ...

    async def note(self, **detail: Any) -> None:
        """Durable before it returns (AttemptNoted)."""
        ...

    def progress(
        self, phase: str, bytes_done: int, bytes_total: int | None = None,
        files_done: int | None = None, files_total: int | None = None, *, largest: int | None = None,
        moved: int | None = None, phase_done: int | None = None, phase_total: int | None = None,
    ) -> None:
        """A sample; losing the last second of them is fine. largest: bytes left of the largest single file under way or to
        come; moved: bytes really sent; phase_done, phase_total: bytes of a phase that counts its own (a proof reads what has
        long arrived), while bytes_done and bytes_total stay the transfer's."""
        ...

    def reached(self) -> Reached:
        """What this task's newest sample says, of this attempt or an earlier one; nothing once the task was undone."""
        ...

    async def verdict(
        self, check: str, kind: str, result: Literal["pass", "fail", "not-tested"], evidence: str, started: float,
        paths: list[tuple[str, str]],
    ) -> None:
        """Durable before it returns (CheckFinished)."""
        ...

    def earlier(self) -> Sequence[Mapping[str, Any]]:
        """`detail` of this task's other attempts, the first one first."""
        ...

    def cancelled(self) -> bool: ...

    async def cancel_event(self) -> None:
        """Returns when a person asked for a cancel."""
        ...

    def pace(self) -> Pace:
        """What this transfer may do now: its share of the limit in force, never more than its own step's `limit`."""
        ...

    async def pace_changed(self, last: Pace) -> Pace:
        """Returns the pace once it differs from `last`: at once where it does already."""
        ...

    def transfers(self) -> int:
        """How many transfers run now in this night, this one included."""
        ...

    def bandwidth(self) -> float | None:
        """Bytes per second that this transfer may use now, of the plan's limit."""
        ...

    def asking(self) -> bool:
        """Whether it waits for a person's answer."""
        ...

    async def ask(self, kind: str, text: str, *, choices: list[str], secret: bool = False) -> str | None:
        """A person's answer; None when the question was withdrawn: the step was cancelled, or its server left the night."""
        ...


StepKind = Callable[[StepContext], Awaitable[Outcome]]
