"""This machine as the engine's home: its state directory, tools, limits, and whether the engine outlives a logout.

Writes one small file and one socket into the state directory, and takes them away again.
"""

from __future__ import annotations

import fcntl
import getpass
import os
import platform
import resource
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from cockpit import logout
from cockpit.preflight.finding import Finding, bad, good, warn
from cockpit.units import format_size

OLDEST = (3, 11)
# SQLite's WAL needs shared memory and true locks (sqlite.org/wal.html): not on these.
REMOTE_FILE_SYSTEMS = (
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "fuse.glusterfs", "ceph", "fuse.ceph", "lustre", "afs", "beegfs", "9p",
)  # fmt: skip
TIGHT, LITTLE = 200_000_000, 2_000_000_000  # bytes free for journals; a night of much output writes a gigabyte
FILES = 512  # open files: about six for each server, and some


def machine(env: Mapping[str, str], root: Path, socket_path: Path) -> Iterator[Finding]:
    """`root`: where sessions are kept, there already. `socket_path`: what a new session's control socket would be."""
    yield _python()
    yield from _tools()
    yield from _state(root, socket_path)
    yield _files()
    yield _outlives(env)
    yield from _agent(env)


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info >= OLDEST:
        return good("python", version)
    return bad("python", f"{version} is too old", "install Python 3.11 or newer")


def _tools() -> Iterator[Finding]:
    found = {name: shutil.which(name) for name in ("ssh", "rsync", "tmux")}
    yield good("ssh", found["ssh"]) if found["ssh"] else warn(
        "ssh", "no OpenSSH client here: cockpit needs none, but you may at 3 a.m.", "install openssh-client"
    )
    yield good("rsync", found["rsync"]) if found["rsync"] else warn(
        "rsync", "none here: a copy from or to `local` goes over SFTP instead", "install rsync"
    )
    if not found["tmux"]:
        yield warn("tmux", "not installed: two people cannot sit at one screen", "install tmux")


# --- the state directory


def _state(root: Path, socket_path: Path) -> Iterator[Finding]:
    kind = file_system(root)
    if kind in REMOTE_FILE_SYSTEMS:
        elsewhere = "export XDG_STATE_HOME=/var/tmp/$USER (a local disk)"
        yield bad("state", f"{root} is on {kind}: a journal there can be lost or locked", elsewhere)
    else:
        yield good("state", f"{root} on {kind or 'a file system whose kind is not known'}")
    yield _writable(root)
    yield _socket(socket_path)
    yield _space(root)


def file_system(path: Path) -> str:
    """The kind of file system that a path is on; "" where it can't be told."""
    real = path.resolve()
    above = [part for part in psutil.disk_partitions(all=True) if real.is_relative_to(part.mountpoint)]
    above.sort(key=lambda part: len(part.mountpoint))  # of two in one place the later one is seen: NFS over its automounter
    return str(above[-1].fstype) if above else ""


def _writable(root: Path) -> Finding:
    try:
        with tempfile.NamedTemporaryFile(dir=root, prefix=".doctor-") as file:
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        return bad("state write", f"{root}: {problem.strerror}", "make it writable, or export XDG_STATE_HOME to another place")
    return good("state write", "writes, syncs and locks")


def _socket(path: Path) -> Finding:
    trial = path.with_name(f".{os.getpid()}.doctor")  # not longer than a real one
    where = "" if path.name == "control.sock" else ", in /tmp since the path of the state directory is too long for a socket"
    try:
        trial.parent.mkdir(exist_ok=True, mode=0o700)
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(os.fspath(trial))
    except OSError as problem:
        text = f"no control socket can be made in {trial.parent}: {problem.strerror or problem}"
        return bad("socket", text, "export XDG_STATE_HOME to a short path on a local disk")
    finally:
        trial.unlink(missing_ok=True)
        if path.name == "control.sock":
            with suppress(OSError):
                trial.parent.rmdir()  # the session that is not there; a real one is never empty
    return good("socket", f"can be made{where}")


def _space(root: Path) -> Finding:
    free = shutil.disk_usage(root).free
    text = f"{format_size(free)} free for journals"
    if free < TIGHT:
        return bad("state space", text, "free some: a full disk stops new work")
    if free < LITTLE:
        return warn("state space", text, "a night of much output writes a gigabyte: free some")
    return good("state space", text)


# --- the rest


def _files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= FILES:
        return good("open files", "no limit" if soft == resource.RLIM_INFINITY else f"up to {soft}")
    return warn("open files", f"up to {soft}", f"ulimit -n {FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)}")


def _outlives(env: Mapping[str, str]) -> Finding:
    """Whether a detached engine survives its person's logout (systemd-logind's KillUserProcesses, logind.conf(5))."""
    if not logout.SYSTEMD.exists():
        return good("logout", "no systemd here: a detached engine outlives a logout")
    if logout.scope(env):
        return good("logout", "the engine runs under your systemd user manager, which lingers")
    plain = "the engine starts as a plain process, and a logout may kill it (KillUserProcesses in logind.conf)"
    user = getpass.getuser()
    if not logout.lingers(user):
        text = f"without linger your systemd user manager ends at your last logout: {plain}"
        return warn("logout", text, f"loginctl enable-linger {user}")
    return warn("logout", f"no systemd user manager answers: {plain}", "log in anew (not with su)")


def forwarded_agent(env: Mapping[str, str]) -> bool:
    """The ssh agent here lives on the machine from which this one was logged in to."""
    return bool(env.get("SSH_AUTH_SOCK") and env.get("SSH_CONNECTION"))


def _agent(env: Mapping[str, str]) -> Iterator[Finding]:
    if forwarded_agent(env):
        text = "the ssh agent seems to be forwarded: it goes when you log out, and with it every reconnection that needs it"
        yield warn("agent", text, "use a key on this machine; cockpit preflight PLAN says which servers depend on the agent")
