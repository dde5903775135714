"""Servers that follow a script instead of being there, for nights that are too long to wait for: the fleet's seam, and its clock.

Jobs print at a steady pace for as long as their command says and then end well; a proof passes when it has been tried for long
enough; contact breaks now and then. The engine on this side of the seam is the real one. `Warp` lets its hours pass in minutes.
"""

from __future__ import annotations

import asyncio
import re
import selectors
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from unittest.mock import patch

from cockpit.fleet.api import Completed, Contact, JobOutput, JobReport, JobSpec, Lost, Remote, Target
from cockpit.fleet.local import LOCAL
from cockpit.journal.clock import LiveClock

T = TypeVar("T")

PRINTS_EVERY = 1.0  # seconds between two pieces of a job's output
TRIES = 25  # of a proof; the last one passes
PROGRESS = 80  # bytes of a copy's output that tell of its progress once
LOST_EVERY, LOST_FOR = 1200.0, 8.0  # seconds

_LOOKED = b"user root\nconn \nnow 20261127200000\nssh OpenSSH_9.2\nkeygen\nroot\nrsync  version 3.2.7  protocol version 31\n"
SIZE = 40_000_000_000  # bytes of the one file that a copy moves
_COUNTED = b"find\nfiles 1\nsize %d\napparent %d\nkind.reg 1\n" % (SIZE, SIZE)
_ABLE = b"writable 1\n"


class Warp:
    """While it is entered, this process's clocks run `speed` times as fast whenever a loop made by `loop` waits. While it works
    they run as ever: a slow machine takes longer for a night, but the night gets no longer, and tells as much of itself."""

    def __init__(self, speed: float) -> None:
        self._speed, self._real, self._turning = speed, (time.time, time.monotonic), threading.Lock()
        self._turned = (0.0, 0.0, 1.0)  # seconds since it was entered, the real clock then, how fast they run from there

    def __enter__(self) -> Warp:
        at, tick = time.time(), time.monotonic()
        self._turned = (0.0, tick, 1.0)
        time.time = lambda: at + self._passed()
        time.monotonic = lambda: tick + self._passed()
        return self

    def __exit__(self, *error: object) -> None:
        time.time, time.monotonic = self._real

    def _passed(self) -> float:
        with self._turning:
            passed, tick, pace = self._turned
            return passed + (self._real[1]() - tick) * pace

    def wait(self, select: Callable[[float | None], T], timeout: float | None) -> T:
        """`timeout` in seconds of these clocks."""
        self._turn(self._speed)
        try:
            return select(timeout if timeout is None else timeout / self._speed)
        finally:
            self._turn(1.0)

    def _turn(self, pace: float) -> None:
        """Other threads ask for the time, too: between looking and turning it would run backwards for them."""
        with self._turning:
            (passed, tick, before), now = self._turned, self._real[1]()
            self._turned = (passed + (now - tick) * before, now, pace)

    def journal_clock(self) -> Any:
        """The journal's clock took hold of the real ones when its module was read."""
        return patch.object(LiveClock.__init__, "__defaults__", (time.time, time.monotonic))

    def loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.SelectorEventLoop(_Selector(self))


class _Selector(selectors.EpollSelector):
    def __init__(self, warp: Warp) -> None:
        super().__init__()
        self._warp = warp

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return self._warp.wait(super().select, timeout)


class ScriptedRemote:
    """A job's command is "print BYTES SECONDS": it prints that much, evenly, and exits 0."""

    host_key = None

    def __init__(self, target: Target) -> None:
        self.target, self.up = target, asyncio.Event()
        self._jobs: dict[str, tuple[JobSpec, float]] = {}
        self._tries: Counter[str] = Counter()

    def _reached(self) -> None:
        if not self.up.is_set():
            raise Lost(self.target.name, "the script says so")

    async def run(self, command: str, **_: Any) -> Completed:
        self._reached()
        if "rsync --version" in command:
            return Completed(0, _LOOKED, b"")
        if "nanoseconds" in command:  # the trial of a destination
            return Completed(0, _ABLE, b"")
        if "echo contents" in command or "awk -v map" in command:  # a survey
            return Completed(0, b"file\n" * ("echo contents" in command) + _COUNTED, b"")
        if found := re.search(r"check (\d+) of (\S+)", command):
            self._tries[found[0]] += 1
            passing = self._tries[found[0]] >= TRIES or int(found[1]) % 10 > 0
            return Completed(0 if passing else 1, b"%s of 40 the same\n" % found[1].encode(), b"")
        return Completed(0, b"", b"")

    errand = run

    async def start_job(self, spec: JobSpec) -> JobReport:
        self._reached()
        self._jobs.setdefault(spec.id, (spec, time.time()))
        return await self.inspect_job(spec.id, become=False)

    async def inspect_job(self, spec_id: str, *, become: bool) -> JobReport:
        self._reached()
        if spec_id not in self._jobs:
            return JobReport("absent")
        printed, whole = self._printed(spec_id)
        return JobReport("ended", 0, out=printed) if printed == whole else JobReport("running", out=printed)

    def _printed(self, spec_id: str) -> tuple[int, int]:
        spec, began = self._jobs[spec_id]
        size, seconds = _script(spec)
        return min(size, int(size * (time.time() - began) / seconds)), size

    async def follow_job(self, spec_id: str, *, become: bool, out: int = 0, err: int = 0) -> AsyncIterator[JobOutput | JobReport]:
        moves = "rsync" in self._jobs[spec_id][0].command
        while True:
            self._reached()
            printed, whole = self._printed(spec_id)
            if moves:
                printed = printed if printed == whole else printed // PROGRESS * PROGRESS
                for at in range(out, printed, PROGRESS):
                    yield JobOutput("out", at, _moving(at + PROGRESS, whole))
            elif printed > out:
                yield JobOutput("out", out, _lines(out, printed))
            out = printed
            if printed == whole:
                yield await self.inspect_job(spec_id, become=become)
                return
            await asyncio.sleep(PRINTS_EVERY)

    async def cancel_job(self, spec_id: str, *, become: bool, grace: float = 10.0) -> JobReport:
        spec, _ = self._jobs[spec_id]
        self._jobs[spec_id] = (replace(spec, command="print 0 1"), 0.0)
        return JobReport("ended", 143, "cancelled")

    async def tell_job(self, spec_id: str, text: bytes, *, become: bool) -> None:
        self._reached()

    async def remove_jobs(self, session: str) -> None:
        self._jobs.clear()

    async def boot_id(self) -> str | None:
        return f"boot-{self.target.name}"

    async def claim(self, session: str, who: str, *, force: bool = False) -> str | None:
        return None

    async def serve(self, session: str, epoch: int) -> bool:
        return True

    async def release_claim(self, session: str) -> None:
        return None

    def sftp(self) -> Any:
        raise NotImplementedError("the script has no SFTP")


def _script(spec: JobSpec) -> tuple[int, float]:
    found = re.search(r"print (\d+) (\d+)", spec.command)
    return (int(found[1]), float(found[2])) if found else (24_000 * PROGRESS, 2900.0)  # a copy


def _lines(start: int, end: int) -> bytes:
    """Lines of 1,000 bytes, each with its own place in the stream."""
    first, last = start // 1000, (end - 1) // 1000
    text = b"".join(b"%012d " % n + b"x" * 986 + b"\n" for n in range(first, last + 1))
    return text[start - first * 1000 : end - first * 1000]


def _moving(end: int, whole: int) -> bytes:
    """rsync's counter when that much of the output has been printed."""
    share = end / whole
    line = f"\r{int(SIZE * share):>15} {int(100 * share):>3}% 11.11MB/s 0:00:10 (xfr#{int(share)}, to-chk=0/1)"
    return line.encode().ljust(PROGRESS)


class ScriptedFleet:
    """Stands where `cockpit.fleet.fleet.Fleet` does; its servers lose contact in turn."""

    def __init__(self, targets: Sequence[Target], *, on_contact: Callable[[Contact], None], **_: Any) -> None:
        self._remotes = {t.name: ScriptedRemote(t) for t in targets}
        self._here = ScriptedRemote(Target(LOCAL, "localhost"))
        self._here.up.set()
        self._tell, self._flapping = on_contact, list[asyncio.Task[None]]()
        self._heard: dict[str, float] = {}

    def remote(self, name: str) -> Remote:
        return self._here if name == LOCAL else self._remotes[name]

    async def start(self) -> None:
        for number, name in enumerate(self._remotes):
            self._flapping.append(asyncio.create_task(self._flap(name, number)))

    async def _flap(self, name: str, number: int) -> None:
        remote = self._remotes[name]
        while True:
            remote.up.set()
            self._tell(Contact(name, True, boot_id=f"boot-{name}", facts={"os": "scripted"}))
            await asyncio.sleep(LOST_EVERY + 60.0 * number)
            remote.up.clear()
            self._tell(Contact(name, False, "unreachable", "the script says so"))
            await asyncio.sleep(LOST_FOR)

    async def wait_contact(self, name: str) -> None:
        await self._remotes[name].up.wait()

    def heard(self, name: str) -> float | None:
        return time.time() if self._remotes[name].up.is_set() else None

    def latency(self, name: str) -> float | None:
        return 0.002

    def expect_new_key(self, name: str, expected: bool) -> None: ...

    def expects_new_key(self, name: str) -> bool:
        return False

    def update(self, targets: Sequence[Target]) -> None: ...

    def drop(self, name: str) -> None: ...

    def retry(self, name: str) -> None: ...

    async def close(self) -> None:
        for task in self._flapping:
            task.cancel()
        await asyncio.gather(*self._flapping, return_exceptions=True)
