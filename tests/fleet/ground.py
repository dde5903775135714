"""A fleet over test hosts: what it was told and asked is kept, and waited for without sleeping."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cockpit.fleet.api import Contact, Target
from cockpit.fleet.fleet import Fleet
from tests.hosts.host import Host

PATIENCE = 30.0


def target_of(host: Host, **more: Any) -> Target:
    how: dict[str, Any] = {
        "user": host.user, "port": host.port, "key": str(host.client_key), "sftp_only": host.sftp_only,
        "become": host.sudo != "none", "become_password": "sudo_password" if host.sudo == "password" else None,
        "via": host.via.name if host.via else None,
    }  # fmt: skip
    return Target(host.name, host.address, **(how | more))


@dataclass
class People:
    """Answers what the fleet asks, from `answers` by kind; each value once, the last one for ever. None: nobody answers."""

    answers: dict[str, list[str | None]] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # kind, name, text

    async def __call__(self, kind: str, text: str, *, name: str = "", **about: Any) -> str | None:
        assert about["secret"] is True
        self.asked.append((kind, name, text))
        ready = self.answers.get(kind, [None])
        return ready.pop(0) if len(ready) > 1 else ready[0]


@dataclass
class Ground:
    """`seen` are all contacts in order; `until` waits for one."""

    fleet: Fleet
    people: People
    seen: list[Contact]
    news: asyncio.Condition
    session_known_hosts: Path

    async def until(self, what: Callable[[Contact], bool], *, after: int = 0) -> Contact:
        async with asyncio.timeout(PATIENCE), self.news:
            await self.news.wait_for(lambda: any(what(one) for one in self.seen[after:]))
        return next(one for one in self.seen[after:] if what(one))

    async def up(self, name: str, *, after: int = 0) -> Contact:
        return await self.until(lambda one: one.server == name and one.up, after=after)

    async def down(self, name: str, problem: str, *, after: int = 0) -> Contact:
        return await self.until(lambda one: one.server == name and not one.up and one.problem == problem, after=after)


@asynccontextmanager
async def ground(
    hosts: Iterable[Host], place: Path, *, answers: Mapping[str, list[str | None]] | None = None, known: bool = True,
    more: Mapping[str, Mapping[str, Any]] | None = None, extra: Iterable[Target] = (), **how: Any,
) -> AsyncIterator[Ground]:
    """A started fleet of these hosts. known=False: no host key is known. more: host -> fields of its Target. how: Fleet's."""
    hosts = list(hosts)
    known_hosts = place / "known_hosts"
    known_hosts.write_text("".join(host.known_hosts for host in hosts) if known else "")
    people, seen, news = People(dict(answers or {})), [], asyncio.Condition()
    telling: set[asyncio.Task[None]] = set()

    async def tell() -> None:
        async with news:
            news.notify_all()

    def on_contact(contact: Contact) -> None:
        seen.append(contact)
        task = asyncio.get_running_loop().create_task(tell())
        telling.add(task)
        task.add_done_callback(telling.discard)

    targets = [target_of(host, **(more or {}).get(host.name, {})) for host in hosts]
    fleet = Fleet(
        [*targets, *extra], known_hosts=[known_hosts], session_known_hosts=place / "session_known_hosts", ask=people,
        on_contact=on_contact, **how,
    )  # fmt: skip
    await fleet.start()
    try:
        yield Ground(fleet, people, seen, news, place / "session_known_hosts")
    finally:
        await asyncio.wait_for(fleet.close(), PATIENCE)
