"""A real StepContext without the engine: one attempt of one copy over real servers, its journal in lists."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cockpit.engine.secrets import Vault
from cockpit.fleet.api import Contact, Remote, Target
from cockpit.fleet.fleet import Fleet
from cockpit.plan.model import Copy, Estimate, Moment, Place, Plan, Server, Step, Window
from cockpit.plan.values import Into
from cockpit.steps.api import Pace, Reached
from tests.hosts.host import Host

PASSWORDS = {"sudo_password": "opensesame"}


def target_of(host: Host, **more: Any) -> Target:
    return Target(
        host.name, host.address, user=host.user, port=host.port, key=str(host.client_key), sftp_only=host.sftp_only,
        become=host.sudo != "none", become_password="sudo_password" if host.sudo == "password" else None,
        via=host.via.name if host.via else None, **more,
    )  # fmt: skip


@asynccontextmanager
async def fleet_of(hosts: Iterable[Host], place: Path, **more: Mapping[str, Any]) -> AsyncIterator[Fleet]:
    """Contact to these hosts, all of them up. more: host name -> further fields of its Target."""
    hosts = list(hosts)
    known = place / "known_hosts"
    known.write_text("".join(host.known_hosts for host in hosts))

    async def ask(kind: str, text: str, **about: Any) -> str | None:
        return PASSWORDS.get(str(about.get("name")))

    def heard(_: Contact) -> None: ...

    fleet = Fleet(
        [target_of(host, **more.get(host.name, {})) for host in hosts], known_hosts=[known],
        session_known_hosts=place / "session_known_hosts", ask=ask, on_contact=heard,
    )  # fmt: skip
    await fleet.start()
    try:
        for host in hosts:
            await asyncio.wait_for(fleet.wait_contact(host.name), 20)
        yield fleet
    finally:
        await fleet.close()


def plan_of(fleet: Fleet, hosts: Iterable[Host], step: Step) -> Plan:
    servers = {
        host.name: Server(host.name, host.address, become=host.sudo != "none", via=host.via.name if host.via else None)
        for host in hosts
    }
    return Plan("copying", Window(Moment(offset=0), Moment(offset=3600)), servers, (step,))


def place_of(text: str) -> Place:
    server, colon, path = text.partition(":")
    return Place(server, path) if colon and "/" not in server else Place(None, text)


def copying(source: str, target: str, *, timeout: float | None = None, **how: Any) -> Step:
    return Step("copy", "Copy", Copy(place_of(source), place_of(target), **how), timeout=timeout)


def piping(
    producer: str, consumer: str, source: str | None, target: str | None, *, estimate: Estimate | None = None, **how: Any
) -> Step:  # fmt: skip
    copy = Copy(Place(source, ""), Place(target, ""), pipe=(producer, consumer), **how)
    return Step("copy", "Copy", copy, estimate=estimate)


@dataclass
class Context:
    """One attempt. A second one with the same `detail` is the same attempt after a crash of the engine."""

    fleet: Fleet
    plan: Plan
    step: Step
    server: str | None
    n: int = 1
    detail: dict[str, Any] = field(default_factory=dict)
    night: str = "s1"
    epoch: int = 1
    rate: float | None = None
    running: int = 1
    said: list[str] = field(default_factory=list)
    samples: list[tuple[str, int, int | None, int | None, int | None]] = field(default_factory=list)
    more: list[dict[str, int | None]] = field(default_factory=list)  # of each sample: what only some have
    last: Reached = field(default_factory=Reached)
    errors: bytearray = field(default_factory=bytearray)
    cancel: asyncio.Event = field(default_factory=asyncio.Event)
    moved: asyncio.Event = field(default_factory=asyncio.Event)  # set at the first byte counted
    spoke: asyncio.Event = field(default_factory=asyncio.Event)
    noted: asyncio.Condition = field(default_factory=asyncio.Condition)
    secrets: Mapping[str, str] = field(default_factory=dict)
    resumed: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)
    answer: str | None = "without"
    person: asyncio.Event | None = None  # who takes their time to answer
    before: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def task(self) -> str:
        return f"copy@{self.server}"

    @property
    def attempt(self) -> str:
        return f"{self.night}-copy@{self.server}-{self.n}"

    @property
    def session(self) -> str:
        return self.night

    async def known_secrets(self) -> Mapping[str, str]:
        return self.secrets

    def render(self, text: str, *, into: Into = "shell", path: bool = False) -> str:
        return text

    def masked(self, text: str) -> str:
        return Vault(self.secrets).masked(text)

    def remote(self, server: str | None = None) -> Remote:
        return self.fleet.remote(server or self.server or "local")

    def read_file(self, path: str) -> bytes:
        raise FileNotFoundError(path)

    def become(self) -> bool:
        known = self.plan.servers.get(self.server or "")
        return self.step.become if self.step.become is not None else bool(known and known.become)

    async def output(self, stream: Literal["out", "err"], offset: int, data: bytes) -> None:
        assert stream == "err" and offset == len(self.errors), "no line lost or doubled"
        self.errors += data

    def offsets(self) -> tuple[int, int]:
        return 0, len(self.errors)

    def say(self, text: str) -> None:
        self.said.append(text)
        self.spoke.set()

    async def note(self, **detail: Any) -> None:
        async with self.noted:
            self.detail |= detail
            self.noted.notify_all()

    def progress(
        self, phase: str, bytes_done: int, bytes_total: int | None = None,
        files_done: int | None = None, files_total: int | None = None, **more: int | None,
    ) -> None:  # fmt: skip
        self.samples.append((phase, bytes_done, bytes_total, files_done, files_total))
        self.more.append(more)
        self.last = Reached(bytes_done, bytes_total, files_done, files_total)
        if phase == "copy" and bytes_done:
            self.moved.set()

    def reached(self) -> Reached:
        return self.last

    async def verdict(self, *_: Any) -> None: ...

    def cancelled(self) -> bool:
        return self.cancel.is_set()

    async def cancel_event(self) -> None:
        await self.cancel.wait()

    def pace(self) -> Pace:
        return Pace(self.rate, self.rate == 0)

    async def pace_changed(self, last: Pace) -> Pace:
        async with self.noted:
            await self.noted.wait_for(lambda: self.pace() != last)
        return self.pace()

    async def change_pace(self, rate: float | None) -> None:
        """0: paused."""
        async with self.noted:
            self.rate = rate
            self.noted.notify_all()

    def transfers(self) -> int:
        return self.running

    def bandwidth(self) -> float | None:
        return self.rate

    def earlier(self) -> list[Mapping[str, Any]]:
        return self.before

    def asking(self) -> bool:
        return self.person is not None and not self.person.is_set()

    async def ask(self, kind: str, text: str, *, choices: list[str], secret: bool = False) -> str | None:
        self.asked.append((kind, text))
        if self.person is not None:
            await self.person.wait()
        return self.answer

    def check_progress(self) -> None:
        """Percent never falls nor passes 100, and ends at 100."""
        copied = [(done, total) for phase, done, total, _, _ in self.samples if phase == "copy" and total]
        assert all(done <= total for done, total in copied), copied
        assert copied == sorted(copied), copied
        phase, done, total, files, all_files = self.samples[-1]
        assert (phase, done, files) == ("verify", total, all_files)
