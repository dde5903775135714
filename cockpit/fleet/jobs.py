"""Jobs: commands that outlive the connection, with a record of their own on the server. The job methods of `api.Remote`.

All requests to one server go through one control shell for each user (the one who logged in, root through sudo). Nothing is
remembered here that matters: what a job did is asked of its server, and a new `Jobs` finds everything again. Knows no plan.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, replace
from typing import Protocol

from cockpit.fleet import jobs_words as words
from cockpit.fleet.api import FleetError, JobOutput, JobReport, JobSpec, Target
from cockpit.fleet.jobs_follow import SOON, Follower, Followers, report
from cockpit.fleet.shell import Notice, Process, Shell

REMEMBERED = 256  # notices (2 KiB at most each) of jobs that nobody has followed yet


class Link(Protocol):
    """What `connection.Link` and the local link give: a way to run text for /bin/sh."""

    @property
    def target(self) -> Target: ...
    def open_process(self, command: str, *, become: bool = False) -> Awaitable[Process]: ...


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose night this server is in: the session, the person, and when it was left, in UTC epoch seconds."""

    session: str
    who: str
    at: float


class Jobs:
    """Every method raises Lost when contact or the control shell breaks; asking again is safe, and opens a new one."""

    def __init__(self, link: Link, serves: tuple[str, int] | None = None) -> None:
        """serves: session and epoch that are left on the server before anything else is asked of a control shell there, so
        that what is looked at stays so: an older engine that wakes up afterwards starts nothing."""
        self._link, self._serves = link, serves
        self._desks: dict[bool, _Desk] = {}
        self._opening = {False: asyncio.Lock(), True: asyncio.Lock()}  # sudo may wait for a person, and only root with it

    async def start_job(self, spec: JobSpec) -> JobReport:
        """Start it, or find it started: by any engine, at any time. One round trip, and one more for each 32 KiB of program.

        Not started, with phase "ended", exit None and `how`: "stale-epoch" (a newer engine has been here), "locked" (the
        lock is another job's), "record" (no record can be written, so nothing is begun). Asking again is safe then too,
        and after the FleetError for a program that did not arrive whole.
        ValueError for what no shell can hold: a NUL, an impossible name of a variable.
        """
        desk = await self._desk(spec.become)
        program, checksum, before = "", "", b""
        if (body := words.program(spec)) is not None:
            program = f"up.{words.file_name(spec.session)}.{secrets.token_hex(8)}"
            checksum = words.cksum(body)
            for piece in words.pieces(body):
                if before:
                    await desk.shell.request("ck_ping", before=before)
                before = b"ck_piece %s %s\n" % (program.encode(), piece)
        sections = await desk.shell.request("ck_start", before=before + words.start(spec, program, checksum))
        found = report(sections[-1])
        name = self._link.target.name
        if found.how == "tools":
            raise FleetError(name, "tools", f"{name} has no {found.error}, which hide secrets in the output of a job")
        if found.how == "program":
            raise FleetError(name, "other", f"the program did not arrive whole on {name} and was not begun: {found.error}")
        if found.phase == "running":
            desk.expect(words.file_name(spec.id))
        return found

    async def follow_job(self, spec_id: str, *, become: bool, out: int = 0, err: int = 0) -> AsyncIterator[JobOutput | JobReport]:
        """Output from these offsets on, live, then one report whose phase is not `running`. While nobody takes what it yields,
        nothing is fetched for it."""
        desk = await self._desk(become)
        async for item in desk.follow(words.file_name(spec_id), out, err):
            yield item

    async def inspect_job(self, spec_id: str, *, become: bool) -> JobReport:
        desk = await self._desk(become)
        return await desk.look("ck_look " + words.file_name(spec_id))

    async def cancel_job(self, spec_id: str, *, become: bool, grace: float = 10.0) -> JobReport:
        """TERM to its process group, KILL after `grace` seconds, both by the server itself, whatever becomes of this contact.
        Returns when it has ended; `running` when it outlived even KILL (a process stuck in the kernel)."""
        desk = await self._desk(become)
        name = words.file_name(spec_id)
        with desk.awaiting(name) as ended:
            sections = await desk.shell.request(f"ck_cancel {name} {math.ceil(grace * 5)}")
            if (found := report(sections[-1])).phase == "running":
                found = await desk.ended(name, ended, grace + 5.0)
        return found if found.phase != "ended" else await self.inspect_job(spec_id, become=become)

    async def tell_job(self, spec_id: str, text: bytes, *, become: bool) -> JobReport:
        """See `api.Remote`. One round trip."""
        desk = await self._desk(become)
        before = b"ck_say=" + words.quote(words.told(text))
        said, job = await desk.shell.request("ck_told " + words.file_name(spec_id), before=before)
        if said.words[1] != "ok":
            name = self._link.target.name
            raise FleetError(name, "other", f"nothing can be written for job {spec_id} on {name}: is its disk full?")
        return report(job)

    async def serve(self, session: str, epoch: int) -> bool:
        """Leave this engine's epoch on the server, for each user that jobs run as: from now on older engines start nothing.
        False: a newer one has been here already. `start_job` does it too; this does it before anything is looked at."""
        answers = [await self._serve(become, session, epoch) for become in self._users()]
        return "stale" not in answers

    async def claim(self, session: str, who: str, force: bool = False) -> Claim | None:
        """Leave the server's lock. Another session's lock is returned and stays, unless `force`. None: it is ours."""
        desk = await self._desk(False)
        before = b"ck_ses=%s ck_who=%s ck_at=%d ck_tok=%s" % (
            words.quote(words.file_name(session)), words.quote(words.person(who)), time.time(), secrets.token_hex(8).encode(),
        )  # fmt: skip
        reply = await desk.shell.request("ck_claim" + (" force" if force else ""), before=before)
        _, holder, at, *who_else = reply[0].words
        if holder == words.file_name(session):
            return None
        if holder == "-":
            name = self._link.target.name
            raise FleetError(name, "other", f"no lock can be left on {name}: no directory is writable")
        return Claim(holder, words.shown(" ".join(who_else)), float(at) if at.isdecimal() else 0.0)

    async def release_claim(self, session: str) -> None:
        """Take this session's lock away; another's stays."""
        desk = await self._desk(False)
        await desk.shell.request("ck_release", before=b"ck_ses=" + words.quote(words.file_name(session)))

    async def remove_jobs(self, session: str) -> None:
        """Forget this session's records and its lock on the server. What still runs stays, and so does the epoch."""
        for become in self._users():
            desk = await self._desk(become)
            await desk.shell.request("ck_remove", before=b"ck_ses=" + words.quote(words.file_name(session)))

    async def boot_id(self) -> str | None:
        """None where the server has none to tell."""
        if self._link.target.sftp_only:
            return None
        desk = await self._desk(False)
        boot: str = (await desk.shell.request("ck_hello"))[0].words[1]
        return None if boot == "-" else boot

    async def close(self) -> None:
        """Let go of the control shells. The jobs go on."""
        desks, self._desks = self._desks, {}
        for desk in desks.values():
            await desk.close()

    def _users(self) -> list[bool]:
        return [] if self._link.target.sftp_only else sorted({False, self._link.target.become, *self._desks})

    async def _serve(self, become: bool, session: str, epoch: int) -> str:
        return await (await self._desk(become)).serve(session, epoch)

    async def _desk(self, become: bool) -> _Desk:
        async with self._opening[become]:
            desk = self._desks.get(become)
            if desk is None or not desk.shell.alive:
                desk = await _Desk.open(self._link, become)
                if self._serves is not None and await desk.serve(*self._serves) == "stale":
                    await desk.close()
                    raise FleetError(self._link.target.name, "other", "a newer engine of this session has been there")
                self._desks[become] = desk
            return desk


class _Desk:
    """One control shell, who follows jobs through it, and the notices that came before anyone did."""

    shell: Shell
    followers: Followers

    def __init__(self) -> None:
        self._notices: dict[str, Notice] = {}
        self._started: dict[str, float] = {}
        self._waiting: dict[str, list[asyncio.Event]] = {}

    @classmethod
    async def open(cls, link: Link, become: bool) -> _Desk:
        desk = cls()

        async def run(command: str) -> Process:
            return await link.open_process(command, become=become)

        desk.shell = await Shell.open(link.target.name, run, desk._notice, desk._lost)
        desk.followers = Followers(desk.shell)
        return desk

    async def close(self) -> None:
        await self.shell.close()
        await self.followers.close()

    def expect(self, name: str) -> None:
        """A job is being started: its end will be told, so nobody need look at once."""
        self._started[name] = time.monotonic()
        while len(self._started) > REMEMBERED:
            del self._started[next(iter(self._started))]

    def follow(self, name: str, out: int, err: int) -> AsyncIterator[JobOutput | JobReport]:
        notice = self._notices.pop(name, None)
        due = 0.0 if notice else self._started.pop(name, 0.0) + SOON
        return self.followers.follow(Follower(name, out, err, due, notice))

    async def serve(self, session: str, epoch: int) -> str:
        """ok | stale | record: left, refused by a newer one, or nowhere to write it."""
        before = b"ck_ses=%s ck_epo=%d" % (words.quote(words.file_name(session)), epoch)
        return (await self.shell.request("ck_epoch", before=before))[0].words[1]

    async def look(self, request: str) -> JobReport:
        size, job = await self.shell.request(request)
        out, err = (0 if word == "-" else int(word) for word in size.words[1:])
        return replace(report(job), out=out, err=err)

    def awaiting(self, name: str) -> _Awaiting:
        return _Awaiting(self._waiting, name)

    async def ended(self, name: str, notice: asyncio.Event, patience: float) -> JobReport:
        """Wait for the end of a job. A job without its wrapper ends without a notice."""
        until = time.monotonic() + patience
        while True:
            try:
                async with asyncio.timeout(SOON):
                    await notice.wait()
            except TimeoutError:
                pass
            found = await self.look("ck_look " + name)
            if found.phase not in ("running", "gone") or time.monotonic() > until:
                return found

    def _notice(self, notice: Notice) -> None:
        for event in self._waiting.get(notice.id, ()):
            event.set()
        if not self.followers.notice(notice):
            self._notices[notice.id] = notice
            while len(self._notices) > REMEMBERED:
                del self._notices[next(iter(self._notices))]

    def _lost(self) -> None:
        if hasattr(self, "followers"):
            self.followers.wake()


class _Awaiting:
    def __init__(self, waiting: dict[str, list[asyncio.Event]], name: str) -> None:
        self._waiting, self._name, self._event = waiting, name, asyncio.Event()

    def __enter__(self) -> asyncio.Event:
        self._waiting.setdefault(self._name, []).append(self._event)
        return self._event

    def __exit__(self, *_: object) -> None:
        self._waiting[self._name].remove(self._event)
        if not self._waiting[self._name]:
            del self._waiting[self._name]
