"""One server's contact: dialled, asked for its facts, watched, dialled again for ever; each change told once.

Knows no plan. What it may not decide (a key, a password) it tells or asks, and goes on trying meanwhile.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import asyncssh

from cockpit.fleet import facts
from cockpit.fleet.answers import Answers
from cockpit.fleet.api import Contact, FleetError, Lost, Station, Target
from cockpit.fleet.connection import Link
from cockpit.fleet.dial import Dialer, Services
from cockpit.fleet.hostkeys import KeyProblem, public_line, read_key
from cockpit.fleet.remote import ServerRemote, complete
from cockpit.fleet.sshconfig import Route, jump_target

# Seconds until the next try, beside the address's own backoff: a withdrawn answer is not asked for again in a loop.
PAUSES = {"auth": 300.0, "become": 300.0, "other": 10.0}
PAUSE = 1.0
FACTS = 20.0  # seconds for the one command of a contact
HOP = (
    "It is a jump host's, so nobody is asked to believe it. Compare it on that machine's own console; if it is right, take an "
    "old one away (ssh-keygen -R '{place}' -f the file named above), write it into ~/.ssh/known_hosts, and retry {server}"
)

_hops: ContextVar[tuple[str, ...]] = ContextVar("hops", default=())


@dataclass(frozen=True, slots=True)
class ServerHost:
    """What a server needs of its fleet. find(name, None): a server of the plan; find(name, target): a jump host. leads(name):
    whether the way to a server that is still of the night leads through this one."""

    services: Services
    find: Callable[[str, Target | None], Server]
    on_contact: Callable[[Contact], None]
    leads: Callable[[str], bool]
    serves: tuple[str, int] | None = None


class _Password:
    """`connection.Sudo` by asking: one answer for all servers whose plan names the same input."""

    def __init__(self, server: str, name: str, answers: Answers) -> None:
        self._server, self._name, self._answers = server, name, answers

    def known(self) -> str | None:
        return self._answers.known(self._name)

    async def ask(self, refused: str | None) -> str:
        text = f"Password for sudo on {self._server}"
        return await self._answers.get("sudo", self._name, text, self._server, refused=refused)


class Server:
    def __init__(self, target: Target, host: ServerHost) -> None:
        self.target, self._host = target, host
        self.dialer = Dialer(target, host.services, self._jump)
        password = target.become_password
        sudo = _Password(target.name, password, host.services.answers) if password else None
        self.link = Link(target, self._dial, sudo=sudo, key=lambda: self.dialer.shown_key)
        self._own, self._left = ServerRemote(self.link, host.serves, self.stations), ServerRemote(Link(target, self._refuse))
        self.dropped = self._closed = False
        self._before: str | None = None  # through whom the newest dial went
        self._offered: KeyProblem | None = None
        self._told: Contact | None = None
        self._news = asyncio.Condition()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._errands: set[asyncio.Task[None]] = set()

    # --- commands

    def watch(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch(), name=f"contact {self.target.name}")

    def drop(self) -> None:
        self.dropped = True
        self._errand(self._announce())

    def hang_up(self) -> None:
        """Of one that was dropped: its connections end, unless they carry those of servers behind it, which are still needed."""
        if self.dropped and not self._host.leads(self.target.name):
            self.link.abort()

    def retry(self) -> None:
        self.dropped = False
        if self._told is not None and not self._told.up:
            self._told = None  # what was told may have been answered with no: it is said, and asked, again
        self._pardon()
        self._wake.set()
        self.watch()

    def _pardon(self, seen: frozenset[str] = frozenset()) -> None:
        """Also the hosts before it: what keeps us from it may be theirs."""
        self.dialer.pardon()
        if self._before is not None and self._before not in seen:
            self._host.find(self._before, None)._pardon(seen | {self._before})

    def accept_key(self, key: str, place: str | None) -> None:
        line = public_line(read_key(key))
        offered = self._offered
        if place is None:
            place = offered.place if offered is not None and offered.key == line else self.dialer.place
        self._host.services.host_keys.accept(place, line)
        self._offered = None
        self.retry()

    def let_go(self) -> None:
        self._errand(self.close())

    async def close(self) -> None:
        self._closed = True
        while self._task is not None and not self._task.done():  # a cancel can be lost in asyncio.wait_for (Python 3.11)
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=0.1)
        await self._own.close()
        await self.link.close()
        await self._announce()

    # --- what is known

    @property
    def remote(self) -> ServerRemote:
        """Once it was dropped nothing is done on it, whomever its connection still leads to."""
        return self._left if self.dropped else self._own

    async def wait_up(self) -> None:
        async with self._news:
            await self._news.wait_for(lambda: self._closed or self.dropped or bool(self._told and self._told.up))
        if self._closed or self.dropped:
            raise self._gone()

    def heard(self) -> float | None:
        return self.dialer.heard()

    def latency(self) -> float | None:
        return self.dialer.latency()

    # --- the watch

    async def _watch(self) -> None:
        while not (self.dropped or self._closed):
            self._wake.clear()
            try:
                await self.link.connection()
                learned = await self._learn()
            except FleetError as problem:
                await self._tell(self._down(problem))
                await self._pause(problem)
                continue
            learned |= {"host_key": self.dialer.fingerprint, "login": self.dialer.login}
            await self._tell(Contact(self.target.name, True, boot_id=learned.get("boot_id"), facts=learned))
            await self.link.lost()
            if self._told is not None and self._told.up and not self.dropped:
                await self._tell(self._down(Lost(self.target.name, f"the connection to {self.target.name} broke")))

    async def _learn(self) -> dict[str, Any]:
        """FleetError when the server lets us in and is of no use all the same."""
        try:
            async with asyncio.timeout(FACTS + self.target.connect_timeout):
                if self.target.sftp_only:
                    async with self.link.sftp():
                        return {}
                begun = time.time()
                async with await self.link.open_process(facts.COMMAND) as process:
                    done = await complete(process, b"", 1 << 20)
                return facts.read(done.stdout, begun, time.time())
        except TimeoutError:
            self.link.abort()
            raise FleetError(self.target.name, "other", f"{self.target.name} let us in and then answered nothing") from None

    async def _pause(self, problem: FleetError) -> None:
        seconds = PAUSES.get(problem.problem, PAUSE) * random.uniform(0.8, 1.2)
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _down(self, problem: FleetError) -> Contact:
        if not isinstance(problem, KeyProblem):
            return Contact(self.target.name, False, problem.problem, problem.text)
        text = f"{problem.text}. {HOP.format(place=problem.place, server=self.target.name)}" if problem.hop else problem.text
        return Contact(
            self.target.name, False, problem.problem, text, offered_key=problem.key, offered_fingerprint=problem.fingerprint,
            place=problem.place, hop=problem.hop,
        )  # fmt: skip

    async def _tell(self, contact: Contact) -> None:
        if self._closed or contact == self._told:
            return
        self._told = contact
        self._host.on_contact(contact)
        await self._announce()

    async def _announce(self) -> None:
        async with self._news:
            self._news.notify_all()

    # --- dialling

    async def _refuse(self) -> asyncssh.SSHClientConnection:
        raise self._gone()

    async def _dial(self) -> asyncssh.SSHClientConnection:
        if self._closed or (self.dropped and not self._host.leads(self.target.name)):
            raise self._gone()
        try:
            connection = await self.dialer()
        except KeyProblem as problem:
            self._offered = problem
            await self._tell(self._down(problem))
            self.link.abort()  # the machine that answers now is not the one that our open connections lead to
            raise
        self._offered = None
        return connection

    async def _jump(self, target: Target, route: Route) -> asyncssh.SSHClientConnection | None:
        """Through `via`, or the hosts of ssh_config's ProxyJump, each by its own link: its host key is checked as any."""
        self._before = before = self._last_hop(target, route)
        return await self._through(before) if before is not None else None

    def stations(self) -> tuple[Station, ...]:
        """See `api.Remote`."""
        route = self.dialer.route
        if route.proxied:
            raise FleetError(self.target.name, "other", f"{self.target.name} is reached by ssh_config's ProxyCommand")
        before = self._last_hop(self.target, route)
        earlier = self._host.find(before, None).stations() if before is not None else ()
        bind = route.local[0] if route.local else None
        return (*earlier, Station(self._own, route.host, route.port, route.user, bind))

    def _last_hop(self, target: Target, route: Route) -> str | None:
        """The name of the server or jump host before this one."""
        before = target.via
        for number in range(len(route.jumps)):
            name = "jump host " + ",".join(route.jumps[: number + 1])
            hop = jump_target(route.jumps[number], name=name, via=before, timeout=target.connect_timeout)
            self._host.find(name, hop)
            before = name
        return before

    async def _through(self, name: str) -> asyncssh.SSHClientConnection:
        hops = (*_hops.get(), self.target.name)
        if name in hops:
            raise FleetError(self.target.name, "other", f"the way to it goes in a circle: {' > '.join((*hops, name))}")
        token = _hops.set(hops)
        try:
            return await self._host.find(name, None).link.connection()
        except KeyProblem as problem:
            if not name.startswith("jump host "):
                raise Lost(self.target.name, f"its way leads through {name}: {problem.text}") from problem
            text = f"{name}: {problem.text}"
            raise KeyProblem(
                self.target.name, problem.problem, text, problem.key, problem.fingerprint, problem.place, problem.hop or name
            ) from problem
        except FleetError as problem:
            raise Lost(self.target.name, f"its way leads through {name}: {problem.text}") from problem
        finally:
            _hops.reset(token)

    def _gone(self) -> FleetError:
        why = "was dropped from this night" if self.dropped else "is not contacted any longer"
        return FleetError(self.target.name, "other", f"{self.target.name} {why}")

    def _errand(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)
