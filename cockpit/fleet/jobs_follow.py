"""Live output of a server's running jobs: one request for all of them, in equal shares, so that a loud job starves no other.

Knows how far each follower has got and when to ask next; not how a job is started, and nothing of the server's files.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from cockpit.beat import after
from cockpit.fleet.api import FleetError, JobOutput, JobPhase, JobReport, Lost
from cockpit.fleet.shell import Notice, Section, Shell

BLOCK = 4096  # bytes: output is read from a multiple of this, since dd can seek to one and no other tool seeks everywhere
SHARE = 128  # blocks in one reply, over all jobs and both streams: 512 KiB, 256 KiB for a job alone and each of its streams
SOON, LATE = 0.5, 1.0  # seconds between two looks at a job that printed within the last LATELY, and at a silent one
FEW = 3  # jobs that are looked at as often as one
LATELY = 2.0  # a job that tells of itself three times a second is sometimes looked at between two lines


def report(section: Section) -> JobReport:
    """Of `job INDEX PHASE EXIT HOW WORDS`. Sizes are not known here."""
    _, _, phase, code, how, *words = section.words
    return JobReport(
        phase=_PHASES[phase], exit=None if code == "-" else int(code), how="" if how == "-" else how, error=" ".join(words),
    )  # fmt: skip


_PHASES: dict[str, JobPhase] = {
    "absent": "absent", "prepared": "prepared", "running": "running", "ended": "ended", "gone": "gone", "rebooted": "rebooted",
}  # fmt: skip


@dataclass(eq=False, slots=True)
class Follower:
    """One reader of one job. `items` is what it has not taken yet; nothing more is fetched for it until that is empty."""

    name: str
    out: int
    err: int
    due: float  # monotonic time of the next look
    notice: Notice | None = None
    items: deque[JobOutput | JobReport] = field(default_factory=deque)
    problem: FleetError | None = None
    over: bool = False  # the report is among the items
    news: asyncio.Event = field(default_factory=asyncio.Event)
    printed: float = 0.0  # monotonic time of the newest look that brought something

    @property
    def hungry(self) -> bool:
        return not self.items and not self.over

    def take_notice(self) -> None:
        """Its job ended and printed so little that the notice has it all."""
        if self.hungry and self.notice is not None and self.notice.output is not None:
            out, err = self.notice.output
            self._add("out", out[self.out :])
            self._add("err", err[self.err :])
            self._end(self._ended(self.notice))

    def take(self, sections: list[Section], share: int, soon: float = SOON) -> None:
        """What a look brought: `job …`, then `data … out` and `data … err` where there are such files with something in them."""
        full = False
        before = self.out + self.err
        for section in sections[1:]:
            full = len(section.data) == share or full
            ahead = (self.out if section.words[2] == "out" else self.err) % BLOCK
            self._add(section.words[2], section.data[ahead:])
        found = report(sections[0])
        if full:
            self.due = 0.0
        elif self.notice is not None and (found.phase != "running" or (self.out, self.err) == self.notice.sizes):
            self._end(self._ended(self.notice, found.error))
        elif self.notice is not None:
            self.due = 0.0  # it overtook a look that was made before the job's last words
        elif found.phase != "running":
            self._end(JobReport(found.phase, found.exit, found.how, self.out, self.err, found.error))
        else:
            now = time.monotonic()
            self.printed = now if self.out + self.err > before else self.printed
            self.due = after(now, soon if now - self.printed < LATELY else LATE)

    def fail(self, problem: FleetError) -> None:
        self.problem = problem
        self.news.set()

    def _add(self, stream: str, data: bytes) -> None:
        if not data:
            return
        if stream == "out":
            self.items.append(JobOutput("out", self.out, data))
            self.out += len(data)
        else:
            self.items.append(JobOutput("err", self.err, data))
            self.err += len(data)
        self.news.set()

    def _ended(self, notice: Notice, error: str = "") -> JobReport:
        how = "" if notice.how == "-" else notice.how
        return JobReport("ended", None if notice.exit == "-" else int(notice.exit), how, self.out, self.err, error)

    def _end(self, last: JobReport) -> None:
        self.items.append(last)
        self.over = True
        self.news.set()


class Followers:
    """All followers of one control shell, and the one task that looks for them while there are any."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._all: list[Follower] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def follow(self, follower: Follower) -> AsyncIterator[JobOutput | JobReport]:
        """Its items, to the report. Lost, and any FleetError, as they come."""
        follower.take_notice()
        self._all.append(follower)
        if not follower.over:
            self._look()
        try:
            while True:
                while follower.items:
                    item = follower.items.popleft()
                    yield item
                    if isinstance(item, JobReport):
                        return
                if follower.problem is not None:
                    raise follower.problem
                follower.news.clear()
                if follower.due <= time.monotonic() or self._over:
                    self._look()
                await follower.news.wait()
        finally:
            self._all.remove(follower)
            self._wake.set()

    def notice(self, notice: Notice) -> bool:
        """False when nobody follows that job."""
        found = [follower for follower in self._all if follower.name == notice.id]
        for follower in found:
            follower.notice = notice
            follower.due = 0.0
        self._wake.set()
        return bool(found)

    def wake(self) -> None:
        self._wake.set()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._fail(Lost(self._shell.server, f"the control shell on {self._shell.server} was closed"))

    def _look(self) -> None:
        self._wake.set()
        if self._over:
            self._task = asyncio.create_task(self._looking())

    @property
    def _over(self) -> bool:
        return self._task is None or self._task.done()

    async def _looking(self) -> None:
        try:
            while self._all:
                for follower in self._all:
                    follower.take_notice()
                now = time.monotonic()
                # One whose time has come and who is not hungry yet says so itself.
                due = [one.due for one in self._all if one.hungry or (one.due > now and not one.over)]
                pause = min(due, default=float("inf")) - now
                if pause > 0 and self._shell.alive:
                    await self._rest(pause)
                else:
                    await self._ask([one for one in self._all if one.hungry])
        except FleetError as problem:
            self._fail(problem)

    def _fail(self, problem: FleetError) -> None:
        for follower in self._all:
            follower.fail(problem)

    async def _rest(self, pause: float) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(None if pause == float("inf") else pause):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _ask(self, hungry: list[Follower]) -> None:
        blocks = max(1, SHARE // (2 * max(1, len(hungry))))
        words = " ".join(f"{follower.name} {follower.out // BLOCK} {follower.err // BLOCK}" for follower in hungry)
        sections = await self._shell.request(f"ck_poll {blocks} {words}")
        soon = SOON if len(self._all) <= FEW else LATE
        for index, follower in enumerate(hungry):
            follower.take([section for section in sections if section.words[1] == str(index)], blocks * BLOCK, soon)
