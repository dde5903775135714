"""Which host key a server must show, from known_hosts files and the plan's pin, and writing down what a person accepted.

Never guesses and never trusts on first use. Knows no connection: it is asked before one and told the key afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from cockpit.fleet.api import FleetError

DEFAULT_PORT = 22


class KeyProblem(FleetError):
    """A key was shown that nothing vouches for. `place` is what known_hosts calls the machine that showed it, `key` an OpenSSH
    line; `hop` names the jump host of ssh_config that it was, "" for the server itself."""

    def __init__(
        self, server: str, problem: str, text: str, key: str, fingerprint: str, place: str, hop: str = ""
    ) -> None:
        super().__init__(server, problem, text)
        self.key, self.fingerprint, self.place, self.hop = key, fingerprint, place, hop


@dataclass(frozen=True, slots=True)
class Known:
    """What may be shown by one server. `source` says where it is written, "" when nothing is known about it."""

    keys: list[asyncssh.SSHKey]
    authorities: list[asyncssh.SSHKey]
    revoked: list[asyncssh.SSHKey]
    source: str


def place(host: str, port: int) -> str:
    """As known_hosts names it: `host`, or `[host]:port` (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""
    return host if port == DEFAULT_PORT else f"[{host}]:{port}"


def public_line(key: asyncssh.SSHKey) -> str:
    """"ssh-ed25519 AAAA…" without a comment."""
    return " ".join(key.export_public_key("openssh").decode().split()[:2])


def read_key(line: str) -> asyncssh.SSHKey:
    """ValueError when it is none."""
    return asyncssh.import_public_key(line)


class HostKeys:
    """`session` (this session's own file) wins over the plan's pin, the pin over `files`, an earlier file over a later one:
    what a person accepted tonight replaces what was known before, it doesn't stand beside it."""

    def __init__(self, files: Sequence[Path], session: Path | None) -> None:
        self._files, self._session = tuple(files), session

    def known(self, server: str, host: str, port: int, pin: str | None, more: Sequence[Path] = ()) -> Known:
        """FleetError (other) when a file or the pin can't be read."""
        found = [self._look(server, path, host, port) for path in ((self._session,) if self._session else ())]
        if pin and not any(one.source for one in found):
            found.append(Known([self._pinned(server, pin)], [], [], "the plan"))
        found += [self._look(server, path, host, port) for path in (*self._files, *more)]
        revoked = [key for one in found for key in one.revoked]
        best = next((one for one in found if one.source), Known([], [], [], ""))
        return Known(best.keys, best.authorities, revoked, best.source)

    def accept(self, where: str, key: str) -> None:
        """Write it into the session's file in place of what was there for `where`: durable when this returns."""
        assert self._session is not None, "nowhere to write an accepted host key"
        write_known_host(self._session, where, key)

    def _look(self, server: str, path: Path, host: str, port: int) -> Known:
        try:
            known = asyncssh.import_known_hosts(path.read_text(errors="surrogateescape")) if path.is_file() else None
        except (OSError, ValueError) as problem:
            raise FleetError(server, "other", f"{path} can't be read as known_hosts: {problem}") from problem
        if known is None:
            return Known([], [], [], "")
        # asyncssh falls back to the entry without a port; ssh doesn't take that for a changed key, and neither do we.
        keys, authorities, revoked, *_ = known.match(place(host, port), "", None)
        return Known(list(keys), list(authorities), list(revoked), str(path) if keys or authorities else "")

    def _pinned(self, server: str, pin: str) -> asyncssh.SSHKey:
        try:
            return read_key(pin)
        except ValueError as problem:
            raise FleetError(server, "other", f"the plan's host_key of {server} is no public key: {problem}") from problem


def write_known_host(path: Path, where: str, key: str) -> None:
    """Replace all of `where`'s plain entries in a known_hosts file by this one, if need be. Temp, fsync, rename."""
    old = path.read_text().splitlines() if path.exists() else []
    entry = f"{where} {public_line(read_key(key))}"
    if [line for line in old if _is_about(line, where)] == [entry]:
        return
    lines = [line for line in old if not _is_about(line, where)] + [entry]
    temp = path.with_name(f".{path.name}.{os.getpid()}")
    with temp.open("w") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        os.fsync(file.fileno())
    temp.replace(path)


def _is_about(line: str, where: str) -> bool:
    return bool(line.strip()) and line.split()[0] == where
