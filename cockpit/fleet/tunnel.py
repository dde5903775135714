"""A way between two servers that can't reach each other: OpenSSH processes on the cockpit's machine carry it, sealed.

The job's side finds the other's sshd at a port of its own loopback. What goes through is that ssh's own stream, encrypted from
one server to the other; this machine passes it on and holds no key to it, and no byte of it comes into this Python process.
The logins of the carrying processes have a key of their own, that may listen at that one port or connect to that one next
host, and run nothing. A holder restarts what dies, lives on without the engine, and ends when its directory is removed.
Refuses to know what is copied, and the key that the job's side logs in with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from random import randrange

from cockpit.fleet import keydir
from cockpit.fleet.api import FleetError, Lost, Remote, Station
from cockpit.fleet.authorized import authorization, set_line
from cockpit.fleet.sides import HERE, Side

VALID = timedelta(hours=48)
PORTS = 20000, 32000  # below Linux' ephemeral ports, which connections of the job's side may hold
NEVER = "127.0.0.1:1"  # permitopen and permitlisten can't be empty (sshd(8)): a port at which nobody listens

_CONFIG = """Host *
  IdentityFile ./key
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile ./known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  CheckHostIP no
  UpdateHostKeys no
  BatchMode yes
  PreferredAuthentications publickey
  ExitOnForwardFailure yes
  StreamLocalBindUnlink yes
  ControlMaster no
  ControlPath none
  ForwardAgent no
  Compression no
  Ciphers aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr,aes256-ctr
  LogLevel ERROR
  ConnectTimeout 8
  ServerAliveInterval 10
  ServerAliveCountMax 3
"""
# Ends with its directory, whoever removes it: no process id must be remembered, and none can be mistaken after a reboot.
_HOLD = """cd "${0%/*}" || exit 1
unset SSH_AUTH_SOCK SSH_ASKPASS DISPLAY
echo $$ > pid
keep() {
  pause=1
  while [ -f key ]; do
    ssh -F ./config -N "$1" </dev/null >>log 2>&1
    sleep $pause
    [ $pause -ge 30 ] || pause=$((pause * 2))
  done
}
for host in __HOSTS__; do keep $host & done
left=__SECONDS__
while [ -f key ] && [ $left -gt 0 ]; do sleep 1; left=$((left - 1)); done
[ $left -gt 0 ] || rm -rf "$PWD"
kill 0
"""
_REVIVE = """for base in __BASES__; do
  d=$base/routes/__TAG__; [ -f "$d/hold" ] || continue
  pid=$(cat "$d/pid" 2>/dev/null)
  [ -n "$pid" ] && { tr '\\0' ' ' <"/proc/$pid/cmdline" || ps -ww -o args= -p "$pid"; } 2>/dev/null | grep -q -e __TAG__ && exit 0
  sh "$d/hold" </dev/null >/dev/null 2>&1 &
done"""


@dataclass(slots=True)
class _Grant:
    """What the tunnel's key may do at one station."""

    remote: Remote
    opens: list[str] = field(default_factory=list)
    listens: list[str] = field(default_factory=list)

    def options(self) -> list[str]:
        opens = [f'permitopen="{place}"' for place in self.opens or [NEVER]]
        return ["port-forwarding", *opens, *(f'permitlisten="{place}"' for place in self.listens or [NEVER])]


def tunnel_tag(tag: str) -> str:
    """Of a route's tunnel: its lines may stand beside the route's own."""
    return f"{tag}-t"


def no_tunnel(here: Side, job: Side, other: Side) -> str:
    """Why none can be tried; "" when it can."""
    if not here.ssh:
        return "this machine has no OpenSSH client for a tunnel"
    try:
        far, near = other.remote.stations(), job.remote.stations()
    except FleetError as problem:
        return problem.text
    if job.name == HERE and len(far) < 2:
        return f"this machine reaches {other.name} itself: a tunnel would lead nowhere else"
    unknown = [station.remote.target.name for station in (*far, *near) if not station.remote.host_key]
    return f"the host key of {unknown[0]} is not known here" if unknown else ""


async def dig(tag: str, here: Side, job: Side, other: Side) -> int:
    """Make it and begin to hold it. The port of the job's loopback at which `other`'s sshd will be found.
    FleetError: a station on the way refuses; Lost."""
    port, tag = randrange(*PORTS), tunnel_tag(tag)
    near, far = job.remote.stations(), other.remote.stations()
    try:
        known = "".join(f"{name} {station.remote.host_key}\n" for name, _, station in _named(near, far))
        directory, public = await keydir.make(here.remote, tag, known, become=False)
    except keydir.NoKey as problem:
        raise FleetError(HERE, "other", str(problem)) from problem
    await asyncio.gather(*(_allow(grant, tag, public) for grant in _grants(near, far, port)))
    text, hosts = config(near, far, port)
    hold = _HOLD.replace("__HOSTS__", " ".join(hosts)).replace("__SECONDS__", str(int(VALID.total_seconds())))
    await keydir.write(here.remote, f"{directory}/config", text)
    await keydir.write(here.remote, f"{directory}/hold", hold)
    await revive(here.remote, tag.removesuffix("-t"))
    return port


async def revive(here: Remote, tag: str) -> None:
    """Hold the route's tunnel again where its holder died with something (a session's end, a reboot); nothing where it lives,
    or where there is no tunnel."""
    tag = tunnel_tag(tag)
    await here.run(_REVIVE.replace("__BASES__", keydir.BASES).replace("__TAG__", tag), become=False, timeout=60)


async def trouble(here: Remote, tag: str) -> str:
    """What the carrying processes complained of last; "" while they have not."""
    script = 'for base in __BASES__; do cat "$base/routes/__TAG__/log" 2>/dev/null; done'
    done = await here.errand(script.replace("__BASES__", keydir.BASES).replace("__TAG__", tunnel_tag(tag)), become=False)
    lines = done.stdout.decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else ""


async def fill(here: Remote, tag: str, *remotes: Remote) -> None:
    """Take the tunnel between these away, with what it left on the servers of its way; harmless where there is none. The
    directory goes last: it says that there may be more. Raises FleetError, Lost."""
    tag = tunnel_tag(tag)
    if not keydir.is_here(tag):
        return
    stations = {station.remote.target.name: station.remote for remote in remotes for station in _stations(remote)}
    refused = await asyncio.gather(*(set_line(one, tag, "", "") for one in stations.values()), return_exceptions=True)
    if lost := next((problem for problem in refused if isinstance(problem, Lost)), None):
        raise lost
    await here.errand(keydir.removal(tag), become=False, timeout=60)
    for problem in refused:
        if problem is not None:
            raise problem


def _stations(remote: Remote) -> tuple[Station, ...]:
    try:
        return remote.stations()
    except FleetError:  # ssh_config has changed since: it never had a tunnel, or its line expires
        return ()


# --- what it is made of


def _named(near: Sequence[Station], far: Sequence[Station]) -> list[tuple[str, str, Station]]:
    """Each station under the name that the tunnel's own ssh_config has for it, with that of the one before it. The far end
    itself is no login of ours."""
    ways = (("near", near), ("far", far[:-1]))
    return [(f"{way}{n}", f"{way}{n - 1}" if n else "", one) for way, all_ in ways for n, one in enumerate(all_)]


def config(near: Sequence[Station], far: Sequence[Station], port: int) -> tuple[str, list[str]]:
    """ssh_config(5) of the tunnel, and the hosts in it to which a login is to be held. Pure.

    near: the way to the job's side (none: it is this machine); far: the way to the other's. Where the far end is behind jump
    hosts, a second process holds the way there, and the first finds it at a socket of this directory."""
    end, hosts, text = f"{_host(far[-1])}:{far[-1].port}", [], _CONFIG
    forwards: dict[str, str] = {}
    if near:
        hosts.append(f"near{len(near) - 1}")
        forwards[hosts[-1]] = f"RemoteForward 127.0.0.1:{port} {end if len(far) == 1 else './far'}"
    if len(far) > 1:
        hosts.insert(0, f"far{len(far) - 2}")
        forwards[hosts[0]] = f"LocalForward {'./far' if near else f'127.0.0.1:{port}'} {end}"
    for name, before, station in _named(near, far):
        text += f"Host {name}\n  HostName {station.host.replace('%', '%%')}\n  Port {station.port}\n  User {station.user}\n"
        text += f"  HostKeyAlias {name}\n"
        text += f"  ProxyJump {before}\n" if before else _from_here(station)
        text += f"  {forwards[name]}\n" if name in forwards else ""
    return text, hosts


def _from_here(station: Station) -> str:
    return f"  BindAddress {station.bind}\n" if station.bind else ""


def _host(station: Station) -> str:
    return f"[{station.host}]" if ":" in station.host else station.host


def _grants(near: Sequence[Station], far: Sequence[Station], port: int) -> list[_Grant]:
    """One for each station, also where it stands on both ways: of two lines for one key sshd reads the first."""
    grants: dict[str, _Grant] = {}
    for way in (near, far):
        for here, following in pairwise(way):
            grant = grants.setdefault(here.remote.target.name, _Grant(here.remote))
            grant.opens.append(f"{_host(following)}:{following.port}")
    if near:
        grants.setdefault(near[-1].remote.target.name, _Grant(near[-1].remote)).listens.append(f"127.0.0.1:{port}")
    return list(grants.values())


async def _allow(grant: _Grant, tag: str, public: str) -> None:
    """The line at one station: from where it sees us, and by its own clock."""
    done = await grant.remote.errand('echo "$SSH_CONNECTION"; date -u +%Y%m%d%H%M%S', become=False, timeout=60)
    seen, _, now = done.stdout.decode(errors="replace").strip().partition("\n")
    if done.exit or not seen:
        raise FleetError(grant.remote.target.name, "other", f"{grant.remote.target.name} runs no command for us")
    expires = datetime.strptime(now.strip(), "%Y%m%d%H%M%S") + VALID
    line = authorization(
        tag, public, "exit 1", expires=expires, seen_from=seen.split()[0], more=grant.options(),
    )  # fmt: skip
    await set_line(grant.remote, tag, line, "")
