"""The way between two servers: a key of its own for one copy, what it may do on the other side, and its removal.

A route lives on two servers: a directory (0700) on the side that runs the job, with a fresh private key, a known_hosts file
and the ssh script; and one line in the other side's authorized_keys. Both carry the route's tag, by which they are found and
removed after any crash. Refuses to know what is copied. Nothing is forwarded, and no host key is ever learned here: the other
side's key is the one that the cockpit verified.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from shlex import quote
from typing import Literal

from cockpit.fleet.api import FleetError, Lost, Remote
from cockpit.fleet.authorized import authorization, plain, set_line
from cockpit.fleet.rsync import REMOTE
from cockpit.fleet.sides import HERE, Side, look

Way = Literal["local", "pull", "push", "relay"]

CONNECT_TIMEOUT = 8  # seconds, of the ssh between the servers
CIPHERS = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr,aes256-ctr"
"""Where the processor has instructions for AES it costs half of what chacha20 does, which OpenSSH before 10 asks for first."""
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
    """How data gets from source to target. `job`: whose side runs rsync (pull: the target's). why: words for a person."""

    way: Way
    why: str
    source: str
    target: str

    @property
    def job(self) -> str:
        return self.source if self.way == "push" else self.target


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

    @property
    def shell(self) -> str:
        """The script that rsync's -e runs on the job's side."""
        return f"{self.directory}/ssh"

    async def permit(self, command: str, *, anywhere: bool = False) -> None:
        """Let the key run exactly this command (for /bin/sh), and no longer what it could before."""
        files = ""
        if not plain(command):
            command, files = f"/bin/sh .ssh/{self.tag}.sh", command
        line = authorization(
            self.tag, self.public, command, expires=(self.other.now or datetime.now()) + VALID,
            seen_from=None if anywhere else self.seen_from,
        )  # fmt: skip
        await set_line(self.other.remote, self.tag, line, files)

    async def prove(self, address: str, port: int) -> str:
        """Try the way with a key that can only say who called. Returns "" or why it can't be gone. WrongHostKey."""
        user, where = quote(self.other.user), quote(address)
        script = _SSH.format(port=port, user=user, address=where, timeout=CONNECT_TIMEOUT, ciphers=CIPHERS)
        write = f"cat > {quote(self.shell)} && sh {quote(self.shell)} {REMOTE} x </dev/null"
        done = await self.job.remote.run(write, become=self.job.become, stdin=script.encode(), timeout=60)
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
        return f"{self.job.name} can't log in to {self.other.name} ({address}:{port}): {said.splitlines()[-1]}"

    async def asked_by(self, command: str) -> str:
        """Run a command on the job's side whose -e is `show`: the line that the other side would have been asked to run."""
        show, line = quote(f"{self.directory}/show"), quote(f"{self.directory}/line")
        script = f"cat > {show}; {command} </dev/null >/dev/null 2>&1; cat {line}"
        done = await self.job.remote.run(script, become=self.job.become, stdin=_SHOW, timeout=60)
        return done.stdout.decode(errors="surrogateescape")

    async def close(self) -> None:
        await remove(self.tag, self.job, self.other)


_SHOW = b'shift; printf %s "$*" > "${0%/*}/line"\n'

_SSH = """d=${{0%/*}}
shift
unset SSH_AUTH_SOCK SSH_ASKPASS DISPLAY
c=
grep -qw aes /proc/cpuinfo 2>/dev/null && ssh -Q cipher 2>/dev/null | grep -qx aes128-gcm@openssh.com && c="-c {ciphers}"
exec ssh $c -F /dev/null -T -a -x -o StrictHostKeyChecking=yes -o BatchMode=yes -o IdentitiesOnly=yes \\
  -o GlobalKnownHostsFile=/dev/null -o UserKnownHostsFile="\\"$d/known_hosts\\"" -o HostKeyAlias=cockpit-other \\
  -o IdentityFile="\\"$d/key\\"" -o PreferredAuthentications=publickey -o CheckHostIP=no -o UpdateHostKeys=no \\
  -o ControlMaster=no -o ControlPath=none -o ClearAllForwardings=yes -o Compression=no -o LogLevel=ERROR \\
  -o ConnectTimeout={timeout} -o ServerAliveInterval=15 -o ServerAliveCountMax=4 -p {port} -l {user} -- {address} "$@"
"""

_BASES = '"$HOME/.cockpit" "/var/tmp/cockpit-$(id -u)" "/tmp/cockpit-$(id -u)"'  # a home may be read-only
_MAKE = """umask 077; dir=
for base in __BASES__; do
  mkdir -p "$base/routes" 2>/dev/null && [ -O "$base" ] && chmod 700 "$base" && rm -rf "$base/routes/__TAG__" &&
  mkdir "$base/routes/__TAG__" && dir=$base/routes/__TAG__ && break
done
[ -n "$dir" ] && ssh-keygen -q -t ed25519 -N '' -C __TAG__ -f "$dir/key" </dev/null >&2 &&
cat > "$dir/known_hosts" && printf '%s\\n' "$dir" && cat "$dir/key.pub"
"""

async def open_route(tag: str, way: Way, job: Side, other: Side) -> OpenRoute | str:
    """Make it and try it, first to learn from where `other` is seen, then with `from=`. A string says why not (and nothing
    is left behind). WrongHostKey, Lost."""
    if unfit := _unfit(job, other):
        return unfit
    key = other.remote.host_key
    if not key:
        return f"{other.name}'s host key is not known here"
    known = f"cockpit-other {' '.join(key.split()[:2])}\n"
    make = _MAKE.replace("__BASES__", _BASES).replace("__TAG__", tag)
    made = await job.remote.run(make, become=job.become, stdin=known.encode(), timeout=60)
    directory, _, public = made.stdout.decode().partition("\n")
    if made.exit or not public:
        return f"{job.name} can't keep a key: {made.stderr.decode(errors='replace').strip()[-200:]}"
    route = OpenRoute(tag, way, job, other, directory, public.strip())
    try:
        why = await _try_addresses(route)
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
        if not why:
            await route.permit(f"echo {ECHO} $SSH_CONNECTION")
            return await route.prove(address, port)
        whys.append(why)
    return "; ".join(whys)


async def find_route(tag: str, source: Side, target: Side) -> tuple[Route, OpenRoute | None]:
    """The destination pulls, else the source pushes, else it goes through the cockpit; with the route made where direct.
    Lost, WrongHostKey."""
    if source.name == target.name:
        why = source.problem
        return Route("relay" if why else "local", why or "both ends are one server", source.name, target.name), None
    whys: list[str] = []
    ways: tuple[tuple[Way, Side, Side], ...] = (("pull", target, source), ("push", source, target))
    for way, job, other in ways:
        made = await open_route(tag, way, job, other)
        if isinstance(made, OpenRoute):
            return Route(way, "; ".join([*whys, f"{job.name} reaches {other.name}"]), source.name, target.name), made
        whys.append(made)
    return Route("relay", "; ".join(dict.fromkeys(whys)), source.name, target.name), None


async def probe_route(source: Remote, target: Remote, *, become: tuple[bool, bool] = (False, False)) -> Route:
    """Which way a copy would go, tried for real with a key that can only say who called; nothing of it stays. About half a
    second where the servers reach each other. `become`: of the source's side and the target's. Lost, WrongHostKey."""
    ours, theirs = await asyncio.gather(look(source, become[0]), look(target, become[1]))
    tag = route_tag(f"probe-{token_hex(6)}")
    try:
        route, _ = await find_route(tag, ours, theirs)
    finally:
        await remove(tag, ours, theirs)
    return route


async def remove(tag: str, *sides: Side) -> list[str]:
    """Take a route away from its servers; harmless where there is none. What a server refused, in words. Raises Lost."""
    ended = await asyncio.gather(*(_remove(tag, side) for side in sides), return_exceptions=True)
    for problem in ended:
        if isinstance(problem, BaseException) and (isinstance(problem, Lost) or not isinstance(problem, FleetError)):
            raise problem
    return [problem.text for problem in ended if isinstance(problem, FleetError)]


async def _remove(tag: str, side: Side) -> None:
    if side.remote.target.sftp_only:
        return
    gone = f'for base in {_BASES}; do rm -rf "$base/routes/{tag}"; done'
    await side.remote.run(gone, become=side.become, timeout=60)
    if side.name != HERE:
        await set_line(side.remote, tag, "", "")
