"""A tree of small files through the real steps against `rsync -a`, both over a real sshd on loopback, both with `sync`.

Measures the jobs and the flush; survey, route and proof are told apart from them. Run by hand:

    python -m tests.bench.data_tree [ROUNDS] [FILES]
"""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cockpit.steps import copy
from tests.bench.measure import Row, at_least, interleaved, median, ratio, table
from tests.copy.context import Context, copying, fleet_of, plan_of
from tests.hosts.factory import Hosts
from tests.hosts.keys import client_key

FILES, SMALLEST, BIGGEST = 20_000, 4 << 10, 64 << 10
BOUND = 1.3
CIPHER = "aes128-gcm@openssh.com"


def make_tree(root: Path, files: int, seed: int = 5) -> int:
    """Random bytes, a hundred files in a directory; how many bytes. 20,000 files are about 700 MB."""
    rng, size = random.Random(seed), 0
    for n in range(files):
        if n % 100 == 0:
            (root / f"d{n // 1000}/e{n // 100}").mkdir(parents=True)
        data = rng.randbytes(rng.randrange(SMALLEST, BIGGEST))
        (root / f"d{n // 1000}/e{n // 100}/f{n}").write_bytes(data)
        size += len(data)
    return size


@dataclass
class Timed(Context):
    """When each phase was first seen and each part noted, in seconds of the monotonic clock."""

    times: dict[str, float] = field(default_factory=dict)

    def progress(self, phase: str, *rest: Any, **more: Any) -> None:
        self.times.setdefault(phase, time.monotonic())
        super().progress(phase, *rest)

    async def note(self, **detail: Any) -> None:
        if "copy" in detail:
            self.times.setdefault(detail["copy"]["part"], time.monotonic())
        await super().note(**detail)


class Bench:
    def __init__(self, place: Path, files: int) -> None:
        self.place, self.hosts, self.said = place, Hosts(place), list[dict[str, float]]()
        self.whole = list[float]()
        self.src, self.dst = self.hosts("src", user="root"), self.hosts("dst", user="root")
        self.size = make_tree(self.src.path("/srv/tree"), files)
        subprocess.run(["sync"], check=True)

    def clear(self) -> None:
        shutil.rmtree(self.dst.path("/srv/to"), ignore_errors=True)
        subprocess.run(["sync"], check=True)

    def ours(self) -> float:
        self.clear()
        return asyncio.run(self._ours())

    async def _ours(self) -> float:
        async with fleet_of([self.src, self.dst], self.place) as fleet:
            step = copying("/srv/tree/", "dst:/srv/to/")
            ctx = Timed(fleet, plan_of(fleet, [self.src, self.dst], step), step, "src", night=f"s{len(self.said)}")
            began = time.monotonic()
            outcome = await copy.run(ctx)
            ended = time.monotonic()
        assert outcome.result == "done", (outcome, ctx.said, ctx.errors)
        at = ctx.times
        first = min(at[name] for name in ("files", "settle") if name in at)
        self.said.append({
            "survey and route": first - began, "files": at["settle"] - first, "settle": at["sync"] - at["settle"],
            "sync": at["verify"] - at["sync"], "proof": ended - at["verify"],
        })  # fmt: skip
        self.whole.append(ended - began)
        return at["verify"] - first

    def rsync(self) -> float:
        """As a person would run it on the destination, with the cipher that ours uses; then sync there."""
        self.clear()
        (self.dst.path("/root/key")).write_bytes(client_key().read_bytes())
        (self.dst.path("/root/key")).chmod(0o600)
        options = f"-c {CIPHER} -i /root/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        shell = f"ssh -p {self.src.port} {options}"
        began = time.monotonic()
        done = self.dst.run(f"rsync -a -e '{shell}' root@{self.src.address}:/srv/tree/ /srv/to/ && sync", timeout=600)
        took = time.monotonic() - began
        assert done.returncode == 0, done.stderr
        return took


def run(rounds: int, files: int = FILES) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-tree-") as place:
        Path(place).chmod(0o755)
        bench = Bench(Path(place), files)
        try:
            figures = interleaved({"rsync -a": bench.rsync, "cockpit": bench.ours}, rounds)
        finally:
            bench.hosts.close()
    parts = [Row(f"  of it: {name}", f"{median([said[name] for said in bench.said]):.2f} s") for name in bench.said[0]]
    rates = [Row(f"{name}: {files} files, {bench.size / 1e6:.0f} MB, copied and synced",
                 f"{median(took):.2f} s, {bench.size / median(took) / 1e6:.0f} MB/s") for name, took in figures.items()]
    version = subprocess.run(["rsync", "--version"], capture_output=True, text=True, check=True).stdout.partition("  protocol")[0]
    said = Row(f"peer: {version}, ssh -c {CIPHER} as ours", "rsync -a -e SSH SOURCE TARGET && sync")
    whole = Row("  with survey, route and proof", f"{median(bench.whole):.2f} s, "
                f"{ratio(figures['rsync -a'], bench.whole):.2f} times faster than rsync -a")
    faster = at_least(ratio(figures["rsync -a"], figures["cockpit"]), BOUND, "small files: times faster than rsync -a", "")
    return [said, *rates, *parts, whole, faster]


if __name__ == "__main__":
    print(table(run(*map(int, sys.argv[1:])) if sys.argv[1:] else run(5)))
