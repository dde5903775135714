"""The night on paper: what a plan says once it has been read and checked.

Knows no SSH, no state, no clock. Durations are seconds, sizes bytes, rates bytes per second, times UTC epoch seconds.
Strings that may hold a template are kept as written; `plan.templates` renders them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

LOCAL = "local"  # the reserved name of the machine that cockpit runs on

Stage = Literal["groundwork", "night", "after"]
OnFailure = Literal["hold", "continue", "stop"]
Phase = Literal["night", "backout"]


@dataclass(frozen=True, slots=True)
class Moment:
    """A point of the window: absolute (`epoch`) or relative to the start of the session (`offset`); one is set."""

    epoch: float | None = None
    offset: float | None = None

    def at(self, started: float) -> float:
        """UTC epoch seconds, given when the session started."""
        return self.epoch if self.epoch is not None else started + (self.offset or 0.0)


@dataclass(frozen=True, slots=True)
class Window:
    """When work may start, when testing begins (optional), and when the business opens."""

    opens: Moment
    closes: Moment
    testing: Moment | None = None
    utc_offset: float = 0.0  # seconds east of UTC in which `closes` was written: the clock that the screen shows


@dataclass(frozen=True, slots=True)
class Limits:
    jobs: int = 32
    transfers: int = 4
    bandwidth: float | None = None  # bytes per second over all transfers


@dataclass(frozen=True, slots=True)
class Server:
    """One server. None means: whatever ssh_config says, read as ssh would read it."""

    name: str
    host: str
    user: str | None = None
    port: int | None = None
    key: str | None = None  # path, `~` not yet expanded
    data_host: str | None = None
    tags: tuple[str, ...] = ()
    via: str | None = None
    host_key: str | None = None
    vars: Mapping[str, str] = field(default_factory=dict)
    sftp_only: bool = False
    become: bool = False  # True: through sudo
    become_password: str | None = None  # the name of a secret input
    max_jobs: int = 4
    connect_timeout: float = 15.0


@dataclass(frozen=True, slots=True)
class Input:
    name: str
    prompt: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long a task is thought to take until something is measured: seconds, or bytes at a rate."""

    seconds: float
    bytes: int | None = None
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Run:
    command: str
    capture: str | None = None


@dataclass(frozen=True, slots=True)
class Script:
    path: str  # relative to the plan; the session keeps a copy under the same relative path
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """One end of a copy or compare: `server` None means the step's own server. `path` may hold templates."""

    server: str | None
    path: str


@dataclass(frozen=True, slots=True)
class Copy:
    source: Place
    target: Place
    method: Literal["auto", "rsync", "image", "sftp"] = "auto"
    exclude: tuple[str, ...] = ()
    delete: bool = False
    streams: int | None = None
    limit: float | None = None  # bytes per second
    pass_: Literal["initial", "final"] | None = None
    convert: Literal["qcow2", "raw", "vhdx", "vmdk"] | None = None  # of one image, beside it, after it has arrived
    pipe: tuple[str, str] | None = None  # a producing and a consuming command; source and target are then bare servers
    route: Literal["pull", "push", "tunnel", "sftp"] | None = None  # None: the first that works, in this order


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a verify step. `kind` is the key that makes it."""

    kind: Literal["compare", "run", "tcp", "http", "lag", "service", "mount", "space"]
    name: str  # given, or made from its kind and place: unique within its step
    value: str = ""  # command, host:port, url, service, path
    places: tuple[Place, ...] = ()  # compare
    by: Literal["count", "size", "content"] = "content"
    meta: bool = False
    sample: float | None = None  # share between 0 and 1
    expect: str | None = None  # regular expression over stdout
    exit: int = 0
    status: int = 200
    contains: str | None = None
    below: float | None = None  # lag: seconds
    for_: float | None = None  # lag: held for this many seconds
    free: int | None = None  # space: bytes
    within: float | None = None  # keep trying for this many seconds


@dataclass(frozen=True, slots=True)
class Verify:
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Manual:
    words: str


@dataclass(frozen=True, slots=True)
class Gate:
    requires: tuple[str, ...] = ()  # "step" or "step/check"
    approvers: int | tuple[str, ...] = 1  # how many, or who
    no_return: bool = False
    by: str | Moment | None = None  # latest time at which go makes sense ("HH:MM" is resolved against the window)


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float | None = None
    condition: str | None = None  # "tcp host:port" or a shell command's text
    timeout: float | None = None


def tcp_address(condition: str) -> str | None:
    """`host:port` of a condition "tcp host:port", None where it is a command."""
    kind, _, rest = condition.strip().partition(" ")
    return rest.strip() if kind == "tcp" else None


@dataclass(frozen=True, slots=True)
class Reboot:
    pass


Action = Run | Script | Copy | Verify | Manual | Gate | Wait | Reboot
SLOTLESS = (Manual, Gate, Wait)  # people and clocks: no limit of the plan counts what takes nothing of a server


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the plan. `servers` is the expanded `on`: () for a step on no server, ("local",) for this machine."""

    id: str
    title: str
    action: Action
    servers: tuple[str, ...] = ()
    needs: tuple[str, ...] | None = None  # as written; None when left out (`plan.needs` has the effective ones)
    when: str | None = None
    stage: Stage = "night"
    estimate: Estimate | None = None
    timeout: float | None = None
    retries: int = 0
    once: bool = False
    probe: str | None = None
    start: str = "auto"  # "auto" | "manual" | "HH:MM" (see `plan.times.clock_time`)
    owner: str | None = None
    on_failure: OnFailure = "hold"
    become: bool | None = None  # None: as the server says
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    secrets: tuple[str, ...] = ()
    new_host_key: bool = False
    note: str | None = None
    undo: str | None = None
    phase: Phase = "night"
    line: int = 0

    @property
    def kind(self) -> str:
        """run, script, copy, verify, manual, gate, wait or reboot."""
        return type(self.action).__name__.lower()

    def task_ids(self) -> tuple[str, ...]:
        return tuple(task_id(self.id, s) for s in self.servers) or (self.id,)


@dataclass(frozen=True, slots=True)
class Plan:
    name: str
    window: Window
    servers: Mapping[str, Server]
    steps: tuple[Step, ...]  # the night, in the order written
    backout: tuple[Step, ...] = ()
    lead: str | None = None
    contact: str | None = None
    limits: Limits = Limits()
    inputs: Mapping[str, Input] = field(default_factory=dict)
    path: str = ""  # where it was read from
    text: str = ""  # the TOML itself

    def step(self, step_id: str) -> Step:
        """The step with this id, of the night or of the backout. KeyError when there is none."""
        for step in (*self.steps, *self.backout):
            if step.id == step_id:
                return step
        raise KeyError(step_id)


def task_id(step: str, server: str | None) -> str:
    """A task is a step on one server, written `step@server`, or `step` where it runs on no server."""
    return f"{step}@{server}" if server else step


def split_task(task: str) -> tuple[str, str | None]:
    step, _, server = task.partition("@")
    return step, server or None
