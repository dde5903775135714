"""A session's directory: its place, its frozen plan, its socket's path, and the lease of the one engine that owns it.

Knows paths, permissions and locks; refuses to know what is in the journal or in the plan.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from cockpit import crash

SOCKET_LIMIT = 100  # bytes; sun_path holds 108 on Linux and 104 elsewhere (unix(7))
PROBES = 20  # a look at whether an engine runs takes the lock for a moment: tries, 20 ms apart, before it is believed


class SessionProblem(Exception):
    """The operator's: no such session, several that fit, or one that is in use; the message says what to do."""


class LeaseHeld(SessionProblem):
    """Another engine owns the session. holder: {pid, host, since} as far as it said."""

    def __init__(self, session: str, holder: Mapping[str, Any]) -> None:
        who = f"process {holder.get('pid', '?')} on {holder.get('host', '?')}"
        super().__init__(
            f"session {session} is run by another engine ({who}); `cockpit attach {session}` shows it, "
            f"`cockpit resume {session} --take-over` replaces it when it no longer answers"
        )
        self.holder = dict(holder)


def sessions_root() -> Path:
    """$XDG_STATE_HOME/cockpit/sessions, made if need be, for this user alone."""
    base = os.environ.get("XDG_STATE_HOME") or ""
    state = Path(base) if os.path.isabs(base) else Path.home() / ".local" / "state"
    root = state / "cockpit" / "sessions"
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    root.chmod(0o700)
    return root


@dataclass(frozen=True, slots=True)
class SessionDir:
    path: Path

    @classmethod
    def create(
        cls, plan_name: str, plan_text: str, files: Mapping[str, bytes] | None = None, *, root: Path | None = None,
        beside: Mapping[str, bytes] | None = None,
    ) -> SessionDir:
        """A new directory with the plan frozen in it, whole or not at all. `files`: by the path that the plan gives. `beside`:
        what else is there before anybody can see the session, by its name in the directory."""
        root = root or sessions_root()
        slug = re.sub(r"[^a-z0-9]+", "-", plan_name.lower()).strip("-")[:32].strip("-") or "night"
        name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{slug}-{secrets.token_hex(2)}"
        making = cls(root / f".{name}.new")
        making.path.mkdir(mode=0o700)
        for kept, data in (beside or {}).items():
            _write(making.path / kept, data)
        making.freeze(plan_text, files or {})
        os.rename(making.path, root / name)
        crash.point("session made")
        _sync(root)
        return cls(root / name)

    @classmethod
    def all(cls, root: Path | None = None) -> list[SessionDir]:
        """Newest first."""
        root = root or sessions_root()
        whole = [p for p in root.iterdir() if not p.name.startswith(".") and (p / "plan.toml").is_file()]
        return [cls(p) for p in sorted(whole, key=lambda p: p.name, reverse=True)]

    @classmethod
    def find(cls, part: str | None = None, *, root: Path | None = None) -> SessionDir:
        """By id or an unambiguous part of it; None: the newest running one, else the newest. Else SessionProblem."""
        sessions = cls.all(root)
        if not sessions:
            raise SessionProblem("there is no session yet; `cockpit run PLAN` starts one")
        if part is None:
            return next((s for s in sessions if s.running()), sessions[0])
        fitting = [s for s in sessions if s.id == part] or [s for s in sessions if part in s.id]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            names = ", ".join(s.id for s in fitting)
            raise SessionProblem(f"{part} fits several sessions: {names}; write more of one id")
        raise SessionProblem(f"no session has {part} in its id; `cockpit sessions` lists them")

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def plan_path(self) -> Path:
        return self.path / "plan.toml"

    @property
    def files_path(self) -> Path:
        """Where the plan's scripts and other files are kept."""
        return self.path / "files"

    @property
    def journal_path(self) -> Path:
        return self.path / "journal.db"

    @property
    def log_path(self) -> Path:
        return self.path / "engine.log"

    @property
    def known_hosts_path(self) -> Path:
        """Host keys accepted in this session."""
        return self.path / "known_hosts"

    @property
    def socket_path(self) -> Path:
        """control.sock here, or, where that is too long for a socket, in a short directory of this user's own: in /tmp,
        since $XDG_RUNTIME_DIR differs between a login and the engine, and is emptied at logout."""
        here = self.path / "control.sock"
        if len(os.fsencode(here)) <= SOCKET_LIMIT:
            return here
        name = hashlib.sha256(os.fsencode(self.path.absolute())).hexdigest()[:16] + ".sock"
        return _private(Path("/tmp") / f"cockpit-{os.getuid()}") / name

    def freeze(self, plan_text: str, files: Mapping[str, bytes]) -> None:
        """Keep the plan and its files; replaces what was kept before."""
        for path, data in files.items():
            _write(self.files_path / inside(path), data)
        _write(self.plan_path, plan_text.encode())

    def stage(self, plan_text: str, files: Mapping[str, bytes], seq: int) -> None:
        """Put an amended plan and its files beside those that hold, for `adopt`. seq: of the newest fact there is."""
        shutil.rmtree(self._staged, ignore_errors=True)
        for path, data in files.items():
            _write(self._staged / "files" / inside(path), data)
        _write(self._staged / "plan.toml", plan_text.encode())
        _write(self._staged / "seq", b"%d" % seq)

    def adopt(self, seq: int) -> None:
        """What was staged holds from now on, if the newest plan became a fact (number `seq`) after that; else it was refused, or
        its engine died first, and it goes. Asked again after a crash it goes on."""
        try:
            if seq > int((self._staged / "seq").read_bytes()):
                files = self._staged / "files"
                kept = {str(p.relative_to(files)): p.read_bytes() for p in files.rglob("*") if p.is_file()}
                self.freeze((self._staged / "plan.toml").read_text(), kept)
        except FileNotFoundError:
            return
        shutil.rmtree(self._staged)

    @property
    def _staged(self) -> Path:
        return self.path / "amended"

    def read_file(self, path: str) -> bytes:
        """A file of the plan, by the path that the plan gives it. FileNotFoundError when the session has none."""
        return (self.files_path / inside(path)).read_bytes()

    def acquire(self, *, take_over: bool = False) -> Lease:
        """The lease of the one engine. LeaseHeld when another has it; take_over: it is replaced, and can write no more
        facts once this one has opened the journal."""
        lock = self.path / "lock"
        for attempt in range(PROBES):
            fd = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
            if _locked(fd) and _same(fd, lock):
                return Lease(fd, lock)
            os.close(fd)
            if attempt + 1 < PROBES:
                time.sleep(0.02)
        if not take_over:
            raise LeaseHeld(self.id, self.holder())
        fresh = lock.with_name(f"lock.{os.getpid()}")
        fd = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        os.rename(fresh, lock)
        return Lease(fd, lock)

    def running(self) -> bool:
        """Whether an engine holds the lease (also one that no longer answers)."""
        try:
            fd = os.open(self.path / "lock", os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True
        finally:
            os.close(fd)

    def holder(self) -> dict[str, Any]:
        """{pid, host, since} of the newest engine that took the lease; {} when it could not say."""
        try:
            said = json.loads((self.path / "lock").read_bytes())
        except (OSError, ValueError):
            return {}
        return said if isinstance(said, dict) else {}


class Lease:
    """Held until `release`, or until the process ends however it ends."""

    def __init__(self, fd: int, lock: Path) -> None:
        self._fd, self._lock = fd, lock
        said = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}).encode()
        os.ftruncate(fd, 0)
        os.pwrite(fd, said, 0)

    def held(self) -> bool:
        """False once another engine took the session over."""
        return self._fd >= 0 and _same(self._fd, self._lock)

    def release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def inside(path: str) -> PurePosixPath:
    """A plan's path as one below the session's files: `..` and `/` can't lead out of it, nor onto another's name."""
    parts = ["__up__" if part == ".." else part for part in PurePosixPath(path).parts if part != "."]
    return PurePosixPath("__root__", *parts[1:]) if parts[:1] == ["/"] else PurePosixPath(*parts)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


def _same(fd: int, path: Path) -> bool:
    try:
        there, mine = os.stat(path), os.fstat(fd)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


def _private(path: Path) -> Path:
    """A directory of ours alone. SessionProblem when somebody else made it: a socket there could be theirs."""
    path.mkdir(mode=0o700, exist_ok=True)
    found = os.lstat(path)
    if not os.path.isdir(path) or os.path.islink(path) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise SessionProblem(f"{path} is not this user's own private directory; remove it, or shorten XDG_STATE_HOME")
    return path


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, and on the disk when it returns."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.new")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with open(fd, "wb", closefd=False) as file:
            file.write(data)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(temporary, path)
    _sync(path.parent)


def _sync(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
