"""A way between two servers that has been made: a key of its own for one copy, what it may do on the other side, its removal.

It lives on two servers: a directory (0700) on the side that runs the job, with a fresh private key, a known_hosts file and the
ssh script; and one line in the other side's authorized_keys. Both carry the route's tag, by which they are found and removed
after any crash. Refuses to know what is copied, and how a way is chosen (`routes`). This key forwards nothing, and no host key
is ever learned here: the other side's key is the one that the cockpit verified.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from shlex import quote
from typing import Literal
from weakref import WeakKeyDictionary

from cockpit.fleet import keydir
from cockpit.fleet.api import Completed, FleetError, Lost, Remote
from cockpit.fleet.authorized import authorization, extend_line, plain, set_line
from cockpit.fleet.rsync import REMOTE
from cockpit.fleet.sides import HERE, HOLDS, Side, clock_of
from cockpit.fleet.tunnel import fill

Way = Literal["local", "pull", "push", "relay"]

CONNECT_TIMEOUT = 8  # seconds, of the ssh between the servers
CIPHERS = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr,aes256-ctr"
"""Where the processor has instructions for AES it costs half of what chacha20 does, which OpenSSH before 10 asks for first."""
PROBE_KEX = "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256"
"""For the login that only asks who called, which nobody will want to read in twenty years: what withstands quantum computers
takes OpenSSH before 9.9 a fifth of a second of a processor. What carries data has the exchange that its ends agree on."""
VALID = timedelta(hours=48)  # written without a zone, since sshd before 9.1 takes none: up to 14 h more or less
ECHO = "cockpit-route"
SEEN = re.compile(rf"{ECHO} (\S+) \d+ \S+ \d+")


@dataclass(frozen=True, slots=True)
class Proof:
    """at: when, by this machine's clock that runs on. dialed: with our own dialer."""

    at: float
    address: str
    port: int
    seen_from: str
    dialed: bool


_proofs: WeakKeyDictionary[Remote, dict[tuple[object, ...], Proof]] = WeakKeyDictionary()
"""By the job's side and by what must be the same for one to hold."""


class WrongHostKey(FleetError):
    """The other side showed another host key than the cockpit verified: nothing is copied, over no way at all."""


@dataclass(slots=True)
class OpenRoute:
    """A route that has been made: its directory on `job`'s side and its line on `other`'s."""

    tag: str
    way: Way
    job: Side
    other: Side
    directory: str
    public: str
    seen_from: str = ""
    here: Side | None = None  # this machine, where the route leads through a tunnel
    believed: bool = False  # that it can be gone, from a copy before

    @property
    def shell(self) -> str:
        """The script that rsync's -e runs on the job's side."""
        return f"{self.directory}/ssh"

    @property
    def dialer(self) -> str:
        return f"{self.directory}/dialer"

    @property
    def unchanged(self) -> bool:
        """Whether the other side sees the job's by an address of its own: nothing between them puts another in its place, which
        might be yet another the next time."""
        return self.seen_from in self.job.own

    async def permit(self, command: str, *, anywhere: bool = False) -> None:
        """Let the key run exactly this command (for /bin/sh), and no longer what it could before."""
        files = ""
        if not plain(command):
            command, files = f"/bin/sh .ssh/{self.tag}.sh", command
        line = authorization(
            self.tag, self.public, command, expires=(self.other.clock or datetime.now()) + VALID,
            seen_from=None if anywhere else self.seen_from,
        )  # fmt: skip
        await set_line(self.other.remote, self.tag, line, files)

    async def prove(self, address: str, port: int) -> str:
        """Try the way with a key that can only say who called. Returns "" or why it can't be gone. WrongHostKey."""
        call = f"sh {quote(self.shell)} {REMOTE} x </dev/null"
        done = await self._written(address, port, f"COCKPIT_PROBE=1 {call}")
        dialed = not (done.exit == 255 and _ours(done.stderr))
        if not dialed:
            done = await self._asked(f"rm -f {quote(self.dialer)}; {call}")
        heard = done.stdout.decode(errors="replace").strip()
        if found := SEEN.search(heard):
            self.seen_from = found[1]
            if found[0] != heard:
                return f"the login shell on {self.other.name} prints words of its own"
            self._remember(Proof(time.monotonic(), address, port, self.seen_from, dialed))
            return ""
        said = done.stderr.decode(errors="replace").strip() or f"exit {done.exit}"
        if re.search(r"host key verification failed|identification has changed|host key is known", said, re.IGNORECASE):
            raise WrongHostKey(
                self.other.name, "key-changed",
                f"{self.job.name} reached {address}:{port}, but the host key there is not {self.other.name}'s: {said[-300:]}",
            )  # fmt: skip
        why = next((line for line in said.splitlines() if "connect to host" in line), said.splitlines()[-1])
        if "Permission denied" in why:
            why += "; the key made for it stands in ~/.ssh/authorized_keys there: does that sshd read that file?"
        return f"{self.job.name} can't log in to {self.other.name} ({address}:{port}): {why}"

    async def believe(self) -> bool:
        """Go the way as another copy went it a moment ago, without a login only to try it: once, so that what fails then is tried
        the next time, and its reason found. False: nothing is known of it."""
        proof = _proofs.get(self.job.remote, {}).pop(self._ends, None)
        if proof is None or time.monotonic() - proof.at > HOLDS:
            return False
        done = await self._written(proof.address, proof.port, ":" if proof.dialed else f"rm -f {quote(self.dialer)}")
        if done.exit:
            return False
        self.seen_from, self.believed = proof.seen_from, True
        return True

    def _remember(self, proof: Proof) -> None:
        if self.here is None and self.unchanged:
            _proofs.setdefault(self.job.remote, {})[self._ends] = proof

    @property
    def _ends(self) -> tuple[object, ...]:
        """What must be the same for a proof to be one."""
        ours, theirs = ((side.name, side.remote.host_key, side.user, side.become) for side in (self.job, self.other))
        return ours, theirs, self.job.own, tuple(self.other.addresses())

    async def _written(self, address: str, port: int, then: str) -> Completed:
        """What it answers to a command that comes when its script is there for that address."""
        words = {"address": address, "port": port, "user": self.other.user, "timeout": CONNECT_TIMEOUT}
        words |= {"ciphers": CIPHERS, "kex": PROBE_KEX}
        script = "".join(f"ck_{name}={quote(str(value))}\n" for name, value in words.items()) + _text("between.sh")
        write = f"cat > {quote(self.shell)} && printf %s {quote(_text('dialer.py'))} > {quote(self.dialer)}"
        return await self._asked(f"{write} && {then}", script.encode())

    async def _asked(self, command: str, stdin: bytes = b"") -> Completed:
        return await self.job.remote.errand(command, become=self.job.become, stdin=stdin, timeout=60)

    async def asked_by(self, command: str) -> str:
        """Run a command on the job's side whose -e is `show`: the line that the other side would have been asked to run."""
        show, line = quote(f"{self.directory}/show"), quote(f"{self.directory}/line")
        done = await self._asked(f"cat > {show}; {command} </dev/null >/dev/null 2>&1; cat {line}", _SHOW)
        return done.stdout.decode(errors="surrogateescape")

    async def close(self) -> None:
        await remove(self.tag, self.job, self.other, here=self.here.remote if self.here else None)


_SHOW = b'shift; printf %s "$*" > "${0%/*}/line"\n'


def _ours(said: bytes) -> bool:
    """Whether it is not the way that failed, but what we asked for on it: the exchange, of which one of the two has none (and a
    client that speaks of errors alone may say nothing), or our dialer."""
    if b"proxy dialer" in said:
        return b"connect to host" not in said
    return not re.sub(rb"(?i)[^\n]*(kex|key exchange)[^\n]*", b"", said).strip()


@cache
def _text(name: str) -> str:
    return (files("cockpit.fleet") / name).read_text()


async def renew(tag: str, other: Remote) -> None:
    """Let a route's key do what it may for VALID from now on. Where its line has gone, nothing. FleetError, Lost,
    TimeoutError."""
    now = await clock_of(other)
    await extend_line(other, tag, (now or datetime.now()) + VALID)


async def remove(tag: str, *sides: Side, here: Remote | None = None) -> list[str]:
    """Take a route away from its servers, with its tunnel (`here`: this machine, which has one's directory); harmless where
    there is none. What a server refused, in words. Raises Lost."""
    tunnels = [fill(here, tag, *(side.remote for side in sides))] if here is not None else []
    ended = await asyncio.gather(*(_remove(tag, side) for side in sides), return_exceptions=True)
    ended += await asyncio.gather(*tunnels, return_exceptions=True)  # after the route's own lines: they share files
    for problem in ended:
        if isinstance(problem, BaseException) and (isinstance(problem, Lost) or not isinstance(problem, FleetError)):
            raise problem
    return [problem.text for problem in ended if isinstance(problem, FleetError)]


async def _remove(tag: str, side: Side) -> None:
    if side.remote.target.sftp_only:
        return
    gone = keydir.removal(tag)
    if side.become or side.name == HERE:
        await side.remote.errand(gone, become=side.become, timeout=60)
        gone = ""
    if side.name != HERE:
        await set_line(side.remote, tag, "", "", before=gone)
