"""The small interface through which everything else talks to servers: shapes and promises, no I/O.

Everything is bytes; decoding is the caller's, with errors="replace". A lost connection is `Lost`, never a result.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol


class FleetError(Exception):
    """Theirs: a server (or the way to it) said no. `server`, `problem` as in `ServerLost`, and one sentence."""

    def __init__(self, server: str, problem: str, text: str) -> None:
        super().__init__(text)
        self.server, self.problem, self.text = server, problem, text


class Lost(FleetError):
    """Contact broke while something was under way: its outcome is unknown. Asking again after reconnection is safe."""

    def __init__(self, server: str, text: str) -> None:
        super().__init__(server, "unreachable", text)


@dataclass(frozen=True, slots=True)
class Target:
    """How to reach one server. None: as ssh_config says."""

    name: str
    host: str
    user: str | None = None
    port: int | None = None
    key: str | None = None
    data_host: str | None = None
    via: str | None = None
    host_key: str | None = None  # pinned OpenSSH public key ("ssh-ed25519 AAAA…")
    sftp_only: bool = False
    become: bool = False
    become_password: str | None = None  # the prompt's name for the sudo password; None: sudo -n
    connect_timeout: float = 15.0


@dataclass(frozen=True, slots=True)
class Completed:
    """A short command's end. exit is never None: that would be `Lost`. 128+n for a signal, as a shell says it."""

    exit: int
    stdout: bytes
    stderr: bytes
    truncated: bool = False  # output beyond `limit` was read and dropped


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A command that outlives the connection. `id` names its directory: starting the same id twice starts it once."""

    id: str
    session: str
    epoch: int
    command: str  # text for /bin/sh
    program: bytes | None = None  # a script's bytes: uploaded, made executable and run as `./program args`; command is then ""
    args: tuple[str, ...] = ()
    become: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)  # to the wrapper's stdin, then the environment; written nowhere
    cwd: str | None = None
    timeout: float | None = None  # seconds; then TERM to the process group, KILL 10 s later
    lock: str | None = None  # what no two jobs may touch at once (a copy's target path)
    told: bytes = b""  # what `$COCKPIT_JOB/told` says from its start, as if `tell_job` had come first


JobPhase = Literal["absent", "prepared", "running", "ended", "gone", "rebooted"]
"""absent: no directory. prepared: a directory, the command never recorded as starting. running: pid, start time and boot
id match. ended: a result is there. gone: started here in this boot, process gone, no result. rebooted: another boot id, no
result."""


@dataclass(frozen=True, slots=True)
class JobReport:
    phase: JobPhase
    exit: int | None = None  # of an ended job; 128+n for signals
    how: str = ""  # of an ended job: "" | "timeout" | "cancelled" | "stale-epoch" | "locked" | "record"
    out: int = 0  # bytes of stdout in its record
    err: int = 0
    error: str = ""  # why a job could not run at all


@dataclass(frozen=True, slots=True)
class JobOutput:
    stream: Literal["out", "err"]
    offset: int  # of data's first byte in the whole stream
    data: bytes


@dataclass(frozen=True, slots=True)
class FileStat:
    path: str
    size: int
    mtime: float
    mode: int
    kind: Literal["file", "dir", "link", "other"]
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Station:
    """One login on the way from this machine to a server, as an OpenSSH of this machine would make it."""

    remote: Remote
    host: str
    port: int
    user: str
    bind: str | None = None  # the own address that ssh_config wants (BindAddress)


class Remote(Protocol):
    """One server (or this machine, for `local`), reconnecting by itself. Every call raises FleetError or Lost."""

    target: Target

    @property
    def host_key(self) -> str | None:
        """"ssh-ed25519 AAAA…" as checked on the newest connection; None before one, and on this machine."""
        ...

    def stations(self) -> tuple[Station, ...]:
        """The way to it: jump hosts in their order, then itself; () for this machine. FleetError where ssh_config has a
        ProxyCommand of its own for one of them."""
        ...

    async def run(
        self, command: str, *, become: bool | None = None, stdin: bytes = b"", timeout: float | None = None,
        limit: int = 1 << 20, env: Mapping[str, str] | None = None, cwd: str | None = None,
        heard: Callable[[bytes], None] | None = None,
    ) -> Completed:
        """A short command through /bin/sh in a session of its own (probes, checks). `timeout` raises TimeoutError,
        counted from where it begins to run.
        become None: as the target says. heard: told of each piece of stderr as it comes. Not for anything that must
        not be repeated."""
        ...

    async def errand(
        self, command: str, *, become: bool | None = None, stdin: bytes = b"", timeout: float | None = None
    ) -> Completed:
        """As `run`, for questions of cockpit's own that may be asked twice: of a shell that is kept for them, which costs a
        round trip instead of a session. Its stdin is small; it leaves nothing behind that prints."""
        ...

    async def start_job(self, spec: JobSpec) -> JobReport:
        """Start it, or find it already started: idempotent. Refused by an epoch older than the server has seen."""
        ...

    def follow_job(self, spec_id: str, *, become: bool, out: int = 0, err: int = 0) -> AsyncIterator[JobOutput | JobReport]:
        """Output from these offsets on, live, then one JobReport whose phase is not `running`, and it ends.
        Raises Lost when contact breaks; call again with the offsets reached."""
        ...

    async def inspect_job(self, spec_id: str, *, become: bool) -> JobReport: ...

    async def cancel_job(self, spec_id: str, *, become: bool, grace: float = 10.0) -> JobReport:
        """TERM to the whole process group, KILL after `grace`; returns what is there then."""
        ...

    async def tell_job(self, spec_id: str, text: bytes, *, become: bool) -> JobReport:
        """Leave a word for a job that runs: its processes find it, whole, as the file `$COCKPIT_JOB/told`, the newest alone.
        At most 4 KiB. A job that is over, or absent, is told nothing: the report's phase says so. FleetError when it
        cannot be written there."""
        ...

    async def remove_jobs(self, session: str) -> None:
        """Forget this session's job records (at the very end of a finished night)."""
        ...

    async def boot_id(self) -> str | None:
        """None where the server has no such thing (sftp only)."""
        ...

    async def claim(self, session: str, who: str, *, force: bool = False) -> str | None:
        """Leave this session's lock on the server. The words of another session's, when that is there; then nothing changed."""
        ...

    async def serve(self, session: str, epoch: int) -> bool:
        """From now on no older engine of this session starts a job there. False: a newer one has been there already."""
        ...

    async def release_claim(self, session: str) -> None:
        """Take this session's lock away; another's stays."""
        ...

    def sftp(self) -> Any:
        """Async context manager giving an asyncssh SFTPClient-like object; through sudo where the target becomes."""
        ...


Ask = Callable[..., Awaitable[str | None]]
"""ask(kind, text, server=…, name=…, secret=…, choices=[…]) -> the answer, or None when withdrawn. kind as in PromptOpened.
`name` is a stable name for what is asked (an input's name, a key's path): the same question is open only once."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A change of a server's contact, told to the engine, which journals it."""

    server: str
    up: bool
    problem: str = ""
    text: str = ""
    boot_id: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    offered_key: str | None = None  # with problem key-changed / key-unknown
    offered_fingerprint: str | None = None
    place: str = ""  # of an offered key: what known_hosts calls the machine that showed it
    hop: str = ""  # the jump host of ssh_config that showed it; "" when it was the server itself


@dataclass(frozen=True, slots=True)
class CopyProgress:
    """Cumulative, from our own count. total None until known. phase: scan | copy | sync | verify."""

    phase: str
    bytes_done: int
    bytes_total: int | None = None
    files_done: int | None = None
    files_total: int | None = None
    proof: tuple[int, int] | None = None  # bytes that were proven, and that are to be
    largest: int | None = None  # bytes left of the largest file. None: it is there
