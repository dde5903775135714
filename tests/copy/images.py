"""Images between two real servers without the engine: a route, the part's job, its words. And images to move."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import threading
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from cockpit.fleet.api import JobReport, JobSpec
from cockpit.fleet.fleet import Fleet
from cockpit.fleet.openroute import OpenRoute
from cockpit.fleet.routes import open_route
from cockpit.fleet.sides import look
from cockpit.steps.api import Outcome
from cockpit.steps.copy.images import Images, Large
from tests.copy.context import fleet_of
from tests.hosts.host import Host

MIB = 1 << 20
COUNT = itertools.count(1)
Way = Literal["pull", "push", "local"]
HALVES = pytest.mark.parametrize(("python", "server"), [(True, {}), (False, {"without": ("python3",)})], ids=["python", "posix"])
"""By python3, and by a POSIX shell on servers that have none."""


@dataclass
class Run:
    """One job of one part, as the runner of a copy would have it."""

    fleet: Fleet
    part: Images
    job: Host
    id: str
    become: bool
    report: JobReport | None = None
    errors: bytearray = field(default_factory=bytearray)
    heard: asyncio.Condition = field(default_factory=asyncio.Condition)
    seen: list[tuple[str, int, int, int]] = field(default_factory=list)

    async def follow(self) -> Outcome | None:
        remote = self.fleet.remote(self.job.name)
        async for seen in remote.follow_job(self.id, become=self.become):
            if isinstance(seen, JobReport):
                self.report = seen
                continue
            if seen.stream == "err":
                self.errors += seen.data
                continue
            self.part.feed(seen.data)
            async with self.heard:
                self.seen.append((self.part.phase, self.part.bytes_done, self.part.moved, self.part.proved))
                self.heard.notify_all()
        assert self.report is not None
        exit = 137 if self.report.exit is None else self.report.exit
        return self.part.judge(exit, self.errors.decode(errors="replace"))

    async def until(self, phase: str, done: int = 0) -> None:
        """Until the job said that it is in this phase with so much done."""
        async with self.heard:
            await asyncio.wait_for(self.heard.wait_for(lambda: any(s[0] == phase and s[1] >= done for s in self.seen)), 60)


class Mover:
    """Two hosts with an open route between them; each `start` is another attempt."""

    def __init__(
        self, fleet: Fleet, source: Host, target: Host, way: Way, route: OpenRoute | None, become: tuple[bool, bool]
    ) -> None:
        self.fleet, self.source, self.target, self.way, self.route = fleet, source, target, way, route
        self.job = source if way == "push" else target
        self._become = become

    def part(self, pairs: Sequence[tuple[str, str]], **how: Any) -> Images:
        large = [Large(src, dst, size_of(self.source, src)) for src, dst in pairs]
        return Images(large, self.way, become=self._become[self.way == "push"], **how)

    async def start(self, pairs: Sequence[tuple[str, str]], *, told: bytes = b"", **how: Any) -> Run:
        part, ours = self.part(pairs, **how), self._become[self.way != "push"]
        forced = part.forced()
        if self.route is not None:
            assert forced is not None
            await self.route.permit(forced)
        name = f"images-{next(COUNT)}"
        place = self.target.path("/tmp/told") if self.way != "push" else self.source.path("/tmp/told")
        place.mkdir(exist_ok=True)
        (place / "told").write_bytes(told)
        command = part.command(self.route.shell if self.route else None).command
        spec = JobSpec(name, "s1", 1, command, become=ours, env={"COCKPIT_JOB": "/tmp/told"}, lock=pairs[0][1])
        await self.fleet.remote(self.job.name).start_job(spec)
        return Run(self.fleet, part, self.job, name, ours)

    def tell(self, rate: int | None) -> None:
        place = self.job.path("/tmp/told")
        (place / "told.new").write_text("" if rate is None else str(rate))
        (place / "told.new").rename(place / "told")

    async def move(self, *pairs: tuple[str, str], **how: Any) -> Run:
        """To the end; it must be done. The processes of a job that was killed may hold the target a moment longer."""
        async with asyncio.timeout(100):
            while True:
                run = await self.start(pairs, **how)
                outcome = await run.follow()
                if run.report is None or run.report.phase != "absent":  # as one looks that another holds off
                    break
        assert outcome is None, (outcome, bytes(run.errors), run.report)
        return run


def size_of(host: Host, path: str) -> int:
    if path.startswith("/dev/"):
        return int(host.run(f"blockdev --getsize64 {path}").stdout)
    where = host.path(path)
    return where.stat().st_size if where.exists() else 0


@asynccontextmanager
async def mover(source: Host, target: Host, way: Way, place: Path) -> AsyncIterator[Mover]:
    hosts = [source] if source is target else [source, target]
    async with fleet_of(hosts, place) as fleet:
        become = (source.sudo != "none", target.sudo != "none")
        if way == "local":
            yield Mover(fleet, source, target, way, None, become)
            return
        ours, theirs = await asyncio.gather(
            look(fleet.remote(source.name), become[0]), look(fleet.remote(target.name), become[1])
        )
        job, other = (ours, theirs) if way == "push" else (theirs, ours)
        route = await open_route("cockpit-route-images", way, job, other)
        assert isinstance(route, OpenRoute), route
        try:
            yield Mover(fleet, source, target, way, route, become)
        finally:
            await route.close()


def dense(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        for at in range(0, size, 16 * MIB):
            file.write(os.urandom(min(16 * MIB, size - at)))
    return path


def sparse(path: Path, size: int, extents: int, length: int, seed: int = 1) -> Path:
    """Data of `length` bytes at even distances, at offsets that fit no grid, and a hole at the end."""
    rng = random.Random(seed)
    with path.open("wb") as file:
        for n in range(extents):
            file.seek(n * (size // (extents + 1)) // 4096 * 4096 + 4096)
            file.write(rng.randbytes(length))
        file.truncate(size)
    return path


def change(path: Path, places: int, length: int, seed: int = 2) -> None:
    """Other bytes at so many places, and the time of writing that goes with it."""
    rng = random.Random(seed)
    size = path.stat().st_size
    with path.open("r+b") as file:
        for n in range(places):
            file.seek(n * (size // places) // 4096 * 4096)
            file.write(rng.randbytes(length))


@contextmanager
def writing(path: Path, places: Iterable[int], wait: float = 0.01) -> Iterator[None]:
    """Meanwhile somebody writes 4 KiB to one of these places after another, one in so many seconds."""
    stop = threading.Event()

    def guest() -> None:
        with path.open("r+b", buffering=0) as file:
            for at in places:
                file.seek(at)
                file.write(os.urandom(4096))
                if stop.wait(wait):
                    break

    thread = threading.Thread(target=guest)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def allocated(path: Path) -> int:
    return path.stat().st_blocks * 512


def same(one: Path, other: Path) -> bool:
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as a, other.open("rb") as b:
        while True:
            piece = a.read(16 * MIB)
            if piece != b.read(16 * MIB):
                return False
            if not piece:
                return True


def receipts(host: Host) -> list[Path]:
    return [path for path in host.root.glob("**/.cockpit/images/*") if len(path.name) == 32]

