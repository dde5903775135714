"""One end of a copy: a server, and what it has for moving data directly to another. Knows no copy and no key."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from cockpit.fleet.api import Remote
from cockpit.fleet.rsync import NANOSECONDS, OLDEST, Rsync, parse_version

HERE = "local"  # the name of this machine, to which no server can log in
HOLDS = 60.0  # seconds for which a server that has all is not looked at again, nor a way tried: they don't go between two copies


@dataclass(frozen=True, slots=True)
class Side:
    """One end of a copy: a server, whether its half runs as root, and what was seen there."""

    remote: Remote
    become: bool = False
    user: str = ""
    address: str = ""  # as the cockpit reaches it, from inside; "" on this machine
    port: int = 22
    own: frozenset[str] = frozenset()  # its addresses, as its kernel has them
    now: datetime | None = None  # its clock, UTC, at `seen`
    seen: float = field(default_factory=time.monotonic, compare=False)
    rsync: Rsync | None = None
    ssh: bool = False  # OpenSSH's ssh and ssh-keygen
    silent_root: bool = True  # root's rsync without a password, where it becomes
    problem: str = ""  # why it can take no part in a direct route

    @property
    def name(self) -> str:
        return self.remote.target.name

    @property
    def clock(self) -> datetime | None:
        """What its clock shows by now: a person may have been asked for days since it was looked at."""
        return self.now and self.now + timedelta(seconds=time.monotonic() - self.seen)

    def addresses(self) -> list[tuple[str, int]]:
        """Where the other side may find its sshd: the storage network where there is one, else as the cockpit does."""
        target = self.remote.target
        if target.data_host:
            return [(target.data_host, self.port)]
        return list(dict.fromkeys([(target.host, target.port or self.port), (self.address, self.port)]))


_ADDRESS = re.compile(r"[0-9A-Za-z:.%_-]+")  # or a port; what a server says of itself is put before others
_LOOK = """LC_ALL=C; export LC_ALL
echo "user $(id -un)"
echo "conn $SSH_CONNECTION"
echo "now $(date -u +%Y%m%d%H%M%S)"
echo "own" $(ip -o addr 2>/dev/null | sed -n 's/.* inet6* \\([^ /]*\\).*/\\1/p')
ssh -V 2>&1 | sed 's/^/ssh /' | head -n 1
command -v ssh-keygen >/dev/null 2>&1 && echo keygen
__ROOT__
rsync --version 2>/dev/null | head -n 30
:"""
_ROOT = "sudo -n __TOOL__ >/dev/null 2>&1 && echo root || [ \"$(id -u)\" = 0 ] && echo root"


_said: WeakKeyDictionary[Remote, dict[tuple[str, str | None], tuple[float, str]]] = WeakKeyDictionary()
"""By the script and the host key: when a server that has all said so, and its words."""


async def look(remote: Remote, become: bool, *, rsync: bool = True) -> Side:
    """What this server has for a direct route. Lost and refusals of contact are raised; missing tools are `problem`.
    rsync: whether it needs that, also as root."""
    if remote.target.sftp_only:
        return Side(remote, become, problem=f"{remote.target.name} has only sftp")
    root = _ROOT.replace("__TOOL__", "rsync --version" if rsync else "true") if become else "echo root"
    script = _LOOK.replace("__ROOT__", root)
    known, key, now = _said.setdefault(remote, {}), (script, remote.host_key), time.monotonic()
    at, words = known.get(key, (-HOLDS, ""))
    if now - at >= HOLDS:
        at, words = now, (await remote.errand(script, become=False, timeout=60)).stdout.decode(errors="replace")
    side = read_side(Side(remote, become, seen=at), words)
    known.pop(key, None)
    if _has_all(side):  # what a person mends is seen at the next try
        known[key] = at, words
    return side if rsync else replace(side, problem="")


def _has_all(side: Side) -> bool:
    tool = side.rsync
    whole = tool is not None and tool.acls and tool.xattrs and tool.version >= NANOSECONDS
    return whole and side.ssh and side.silent_root and not side.problem


def read_side(side: Side, seen: str) -> Side:
    """Pure: what `look`'s script printed."""
    found = dict(line.split(" ", 1) for line in seen.splitlines() if line.startswith(("user ", "conn ", "now ", "own ")))
    conn = [word for word in found.get("conn", "").split() if _ADDRESS.fullmatch(word)]
    rsync = parse_version(seen)
    problem = "" if rsync and rsync.version >= OLDEST else f"{side.name} has no rsync 3.1 or newer"
    reached = len(conn) == 4 and side.name != HERE
    return replace(
        side, user=found.get("user", ""), address=conn[2] if reached else "", port=int(conn[3]) if reached else 22,
        own=frozenset(found.get("own", "").split()), now=_clock(found.get("now", "")), rsync=rsync,
        ssh=bool(re.search(r"^ssh .*OpenSSH", seen, re.MULTILINE)) and bool(re.search(r"^keygen$", seen, re.MULTILINE)),
        silent_root=bool(re.search(r"^root$", seen, re.MULTILINE)), problem=problem,
    )  # fmt: skip


async def clock_of(remote: Remote) -> datetime | None:
    """What a server's clock shows, UTC. FleetError, Lost, TimeoutError."""
    done = await remote.errand("date -u +%Y%m%d%H%M%S", become=False, timeout=60)
    return _clock(done.stdout.decode(errors="replace").strip())


def _clock(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S")
    except ValueError:
        return None
