"""The way between two servers: a key of its own for one copy, what it may do on the other side, and its removal.

A route lives on two servers: a directory (0700) on the side that runs the job, with a fresh private key, a known_hosts file
and the ssh script; and one line in the other side's authorized_keys. Both carry the route's tag, by which they are found and
removed after any crash. Refuses to know what is copied. This key forwards nothing, and no host key is ever learned here: the
other side's key is the one that the cockpit verified. Where the two can't reach each other, a tunnel (`tunnel`) carries the same.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from shlex import quote
from typing import Literal

from cockpit.fleet import keydir
from cockpit.fleet.api import FleetError, Lost, Remote
from cockpit.fleet.authorized import authorization, extend_line, plain, set_line
from cockpit.fleet.rsync import REMOTE
from cockpit.fleet.sides import HERE, Side, clock_of, look
from cockpit.fleet.tunnel import dig, fill, no_tunnel, trouble

Way = Literal["local", "pull", "push", "relay"]
Pin = Literal["pull", "push", "tunnel", "sftp"]

CONNECT_TIMEOUT = 8  # seconds, of the ssh between the servers
CIPHERS = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr,aes256-ctr"
"""Where the processor has instructions for AES it costs half of what chacha20 does, which OpenSSH before 10 asks for first."""
PROBE_KEX = "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256"
"""For the login that only asks who called, which nobody will want to read in twenty years: what withstands quantum computers
takes OpenSSH before 9.9 a fifth of a second of a processor. What carries data has the exchange that its ends agree on."""
TUNNEL_TIMEOUT = 20.0  # seconds until a tunnel must stand: two logins in a row, each through its jump hosts
VALID = timedelta(hours=48)  # written without a zone, since sshd before 9.1 takes none: up to 14 h more or less
ECHO = "cockpit-route"
SEEN = re.compile(rf"{ECHO} (\S+) \d+ \S+ \d+")


def route_tag(attempt: str) -> str:
    """A route's tag: safe in file names, in authorized_keys and in a regular expression."""
    return "cockpit-route-" + re.sub(r"[^A-Za-z0-9_-]", "-", attempt)


class WrongHostKey(FleetError):
    """The other side showed another host key than the cockpit verified: nothing is copied, over no way at all."""


@dataclass(frozen=True, slots=True)
class Route:
    """How data gets from source to target. `job`: whose side runs rsync (pull: the target's). why: words for a person.
    tunnel: pulled or pushed through OpenSSH on the cockpit's machine."""

    way: Way
    why: str
    source: str
    target: str
    tunnel: bool = False

    @property
    def job(self) -> str:
        return self.source if self.way == "push" else self.target

    @property
    def name(self) -> str:
        """The way in one word, as people and reports have it."""
        return "tunnel" if self.tunnel else self.way


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

    @property
    def shell(self) -> str:
        """The script that rsync's -e runs on the job's side."""
        return f"{self.directory}/ssh"

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
        user, where = quote(self.other.user), quote(address)
        script = _SSH.format(port=port, user=user, address=where, timeout=CONNECT_TIMEOUT, ciphers=CIPHERS, kex=PROBE_KEX)
        call = f"sh {quote(self.shell)} {REMOTE} x </dev/null"
        light = f"cat > {quote(self.shell)} && COCKPIT_PROBE=1 {call}"
        done = await self.job.remote.errand(light, become=self.job.become, stdin=script.encode(), timeout=60)
        if done.exit == 255 and not re.sub(rb"(?i)[^\n]*(kex|key exchange)[^\n]*", b"", done.stderr).strip():
            # One of the two has none of these: a client that speaks of errors alone says nothing of that.
            done = await self.job.remote.errand(call, become=self.job.become, timeout=60)
        heard = done.stdout.decode(errors="replace").strip()
        if found := SEEN.search(heard):
            self.seen_from = found[1]
            noisy = "" if found[0] == heard else f"the login shell on {self.other.name} prints words of its own"
            return noisy
        said = done.stderr.decode(errors="replace").strip() or f"exit {done.exit}"
        if re.search(r"host key verification failed|identification has changed|host key is known", said, re.IGNORECASE):
            raise WrongHostKey(
                self.other.name, "key-changed",
                f"{self.job.name} reached {address}:{port}, but the host key there is not {self.other.name}'s: {said[-300:]}",
            )  # fmt: skip
        why = said.splitlines()[-1]
        if "Permission denied" in why:
            why += "; the key made for it stands in ~/.ssh/authorized_keys there: does that sshd read that file?"
        return f"{self.job.name} can't log in to {self.other.name} ({address}:{port}): {why}"

    async def asked_by(self, command: str) -> str:
        """Run a command on the job's side whose -e is `show`: the line that the other side would have been asked to run."""
        show, line = quote(f"{self.directory}/show"), quote(f"{self.directory}/line")
        script = f"cat > {show}; {command} </dev/null >/dev/null 2>&1; cat {line}"
        done = await self.job.remote.errand(script, become=self.job.become, stdin=_SHOW, timeout=60)
        return done.stdout.decode(errors="surrogateescape")

    async def close(self) -> None:
        await remove(self.tag, self.job, self.other, here=self.here.remote if self.here else None)


_SHOW = b'shift; printf %s "$*" > "${0%/*}/line"\n'

_SSH = """d=${{0%/*}}
shift
unset SSH_AUTH_SOCK SSH_ASKPASS DISPLAY
c=
if [ -s "$d/ciphers" ]; then
  read -r c < "$d/ciphers"
else
  grep -qw aes /proc/cpuinfo 2>/dev/null && ssh -Q cipher 2>/dev/null | grep -qx aes128-gcm@openssh.com && c="-c {ciphers}"
  printf '%s\\n' "$c" > "$d/ciphers"
fi
[ -z "$COCKPIT_PROBE" ] || c="$c -o KexAlgorithms={kex}"
exec ssh $c -F /dev/null -T -a -x -o StrictHostKeyChecking=yes -o BatchMode=yes -o IdentitiesOnly=yes \\
  -o GlobalKnownHostsFile=/dev/null -o UserKnownHostsFile="\\"$d/known_hosts\\"" -o HostKeyAlias=cockpit-other \\
  -o IdentityFile="\\"$d/key\\"" -o PreferredAuthentications=publickey -o CheckHostIP=no -o UpdateHostKeys=no \\
  -o ControlMaster=no -o ControlPath=none -o ClearAllForwardings=yes -o Compression=no -o LogLevel=ERROR \\
  -o ConnectTimeout={timeout} -o ServerAliveInterval=15 -o ServerAliveCountMax=4 -p {port} -l {user} -- {address} "$@"
"""


async def open_route(tag: str, way: Way, job: Side, other: Side, here: Side | None = None) -> OpenRoute | str:
    """Make it and try it, to learn from where `job` is seen; then with `from=`, where that may change. A string says why not
    (and nothing is left behind). here: through a tunnel of this machine. WrongHostKey, Lost."""
    if unfit := _unfit(job, other) or (here and no_tunnel(here, job, other)):
        return unfit
    key = other.remote.host_key
    if not key:
        return f"{other.name}'s host key is not known here"
    known = f"cockpit-other {' '.join(key.split()[:2])}\n"
    try:
        directory, public = await keydir.make(job.remote, tag, known, become=job.become)
    except keydir.NoKey as problem:
        return str(problem)
    route = OpenRoute(tag, way, job, other, directory, public, here=here)
    try:
        why = await (_try_tunnel(route, here) if here else _try_addresses(route))
    except Lost:
        raise
    except (FleetError, TimeoutError) as problem:
        await route.close()
        if isinstance(problem, WrongHostKey):
            raise
        return str(problem) or f"{job.name} or {other.name} did not answer in time"
    if why:
        await route.close()
    return why or route


def _unfit(job: Side, other: Side) -> str:
    if job.problem or other.problem:
        return job.problem or other.problem
    if not job.ssh:
        return f"{job.name} has no OpenSSH client"
    if not other.address:
        return f"{other.name} can't be logged in to from outside"
    if other.become and not other.silent_root:
        return f"sudo on {other.name} wants a password"
    return ""


async def _try_addresses(route: OpenRoute) -> str:
    await route.permit(f"echo {ECHO} $SSH_CONNECTION", anywhere=True)
    whys = []
    for address, port in route.other.addresses():
        why = await route.prove(address, port)
        if not why and route.unchanged:  # `from=` comes with what it is let do next; until then it can but say who called
            return ""
        if not why:
            await route.permit(f"echo {ECHO} $SSH_CONNECTION")
            return await route.prove(address, port)
        whys.append(why)
    return "; ".join(whys)


async def _try_tunnel(route: OpenRoute, here: Side) -> str:
    """As `_try_addresses`; a tunnel takes a moment until it stands, or says what stops it."""
    port = await dig(route.tag, here, route.job, route.other)
    await route.permit(f"echo {ECHO} $SSH_CONNECTION", anywhere=True)
    ends = time.monotonic() + TUNNEL_TIMEOUT
    while why := await route.prove("127.0.0.1", port):
        said = await trouble(here.remote, route.tag)
        if said or route.seen_from or time.monotonic() > ends:
            return f"no tunnel through this machine: {said or why}"
        await asyncio.sleep(0.1)
    await route.permit(f"echo {ECHO} $SSH_CONNECTION")
    return await route.prove("127.0.0.1", port)


async def find_route(
    tag: str, source: Side, target: Side, *, here: Remote | None = None, pin: Pin | None = None,
) -> tuple[Route, OpenRoute | None]:  # fmt: skip
    """The destination pulls, else the source pushes, else one of these through a tunnel of this machine (`here`), else it goes
    through the cockpit; with the route made where direct. pin: this way or none ("relay" with the reason). Lost, WrongHostKey."""
    if source.name == target.name:
        why = source.problem
        return Route("relay" if why else "local", why or "both ends are one server", source.name, target.name), None
    whys: list[str] = []
    async for way, job, other, dug in _ways(source, target, here, pin):
        made = await open_route(tag, way, job, other, dug)
        if isinstance(made, OpenRoute):
            through = "through a tunnel of this machine" if dug else ""
            why = "; ".join(dict.fromkeys([*whys, f"{job.name} reaches {other.name} {through}".rstrip()]))
            return Route(way, why, source.name, target.name, dug is not None), made
        whys.append(made)
    return Route("relay", "; ".join(dict.fromkeys(whys)), source.name, target.name), None


async def _ways(
    source: Side, target: Side, here: Remote | None, pin: Pin | None,
) -> AsyncIterator[tuple[Way, Side, Side, Side | None]]:  # fmt: skip
    """(pull or push, the job's side, the other one, this machine where through a tunnel of it), in the order to be tried."""
    sides: tuple[tuple[Way, Side, Side], ...] = (("pull", target, source), ("push", source, target))
    for side in sides:
        if pin in (None, side[0]):
            yield (*side, None)
    if here is not None and pin in (None, "tunnel"):
        mine = await look(here, False)
        for side in sides:
            yield (*side, mine)


async def probe_route(
    source: Remote, target: Remote, *, become: tuple[bool, bool] = (False, False), here: Remote | None = None,
) -> Route:  # fmt: skip
    """Which way a copy would go, tried for real with a key that can only say who called; nothing of it stays. About half a
    second where the servers reach each other. `become`: of the source's side and the target's. Lost, WrongHostKey."""
    ours, theirs = await asyncio.gather(look(source, become[0]), look(target, become[1]))
    tag = route_tag(f"probe-{token_hex(6)}")
    try:
        route, _ = await find_route(tag, ours, theirs, here=here)
    finally:
        await remove(tag, ours, theirs, here=here)
    return route


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
