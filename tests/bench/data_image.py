"""Large files beside their peers: bare tools between the same two servers, over the same sshd with the same cipher.

Each round runs every contender once, in turn; a peer's time includes the sync of what it wrote. SCALE shrinks every size.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cockpit.fleet.image.blocks import CHUNK
from tests.bench.measure import Row, at_least, at_most, median, ratio, spread, table
from tests.copy.images import MIB, Mover, change, mover, same
from tests.hosts.factory import Hosts
from tests.hosts.host import Host

SCALE = float(os.environ.get("BENCH_SCALE", "1"))
DENSE = int(2048 * SCALE) * MIB
APPARENT, EXTENTS, EXTENT = int(8192 * SCALE) * MIB, 100, int(7.6 * SCALE * MIB) // 4096 * 4096
CAT = "$SSH $HOST cat /srv/disk > /srv/peer/disk"
CIPHER = "aes128-gcm@openssh.com"
Contender = Callable[[], Awaitable[dict[str, float]]]  # seconds by name; "total" is what is compared


@dataclass
class Pair:
    """Source and destination, and bare ssh from the one to the other for the peers."""

    src: Host
    dst: Host
    moving: Mover
    peers: str = field(default="")

    def bare(self, command: str) -> float:
        """Seconds of a command on the destination, synced. $SSH reaches the source, $FROM is its name for rsync."""
        self.dst.run("rm -rf /srv/peer; mkdir /srv/peer; sync")
        return self.again(command)

    def again(self, command: str) -> float:
        began = time.monotonic()
        done = self.dst.run(f"{self.peers}\n{command} && sync -f /srv/peer", timeout=1000)
        assert done.returncode == 0, done.stderr
        return time.monotonic() - began


@asynccontextmanager
async def pair() -> AsyncIterator[Pair]:
    made = Hosts()
    try:
        with tempfile.TemporaryDirectory() as place:
            src, dst = made("src", user="root"), made("dst", user="root")
            key = dst.path("/root/bench.key")
            key.write_bytes(src.client_key.read_bytes())
            key.chmod(0o600)
            options = f"-F none -p {src.port} -i /root/bench.key -c {CIPHER} -o StrictHostKeyChecking=no -o LogLevel=ERROR"
            async with mover(src, dst, "pull", Path(place)) as moving:
                yield Pair(src, dst, moving, f"SSH='ssh {options}' HOST=root@{src.address}")
    finally:
        made.close()


async def ours(on: Pair, name: str, *, fresh: bool = True) -> dict[str, float]:
    """The part's job from its start to its end, and its phases."""
    if fresh:
        on.dst.run("rm -rf /srv/ours /root/.cockpit/images; mkdir /srv/ours; sync")
    began = time.monotonic()
    run = await on.moving.move((f"/srv/{name}", f"/srv/ours/{name}"))
    seconds = {key.removeprefix("seconds_"): value for key, value in run.part.detail().items() if key.startswith("seconds_")}
    whole = time.monotonic() - began
    return seconds | {"whole": whole, "total": whole - seconds["verify"]}


def make_sparse(path: Path) -> None:
    rng = random.Random(5)
    places = sorted(rng.sample(range(APPARENT // EXTENT - 1), EXTENTS))
    with path.open("wb") as file:
        for n in places:
            file.seek(n * EXTENT)
            file.write(os.urandom(EXTENT))
        file.truncate(APPARENT)


def make_dense(path: Path) -> None:
    with path.open("wb") as file:
        for _ in range(DENSE // (16 * MIB)):
            file.write(os.urandom(16 * MIB))


async def sparse(rounds: int) -> dict[str, list[dict[str, float]]]:
    async with pair() as on:
        make_sparse(on.src.path("/srv/disk"))
        found = await interleaved(rounds, {
            "cockpit": lambda: ours(on, "disk"),
            "rsync -aS": peer(on, 'rsync -aS -e "$SSH" $HOST:/srv/disk /srv/peer/'),
            "tar -cS | ssh tar -xS": peer(on, "$SSH $HOST tar -C /srv -cS disk | tar -C /srv/peer -xS"),
        })  # fmt: skip
        assert same(on.src.path("/srv/disk"), on.dst.path("/srv/ours/disk"))
        return found


async def dense(rounds: int) -> dict[str, list[dict[str, float]]]:
    async with pair() as on:
        make_dense(on.src.path("/srv/disk"))
        return await interleaved(rounds, {
            "cockpit": lambda: ours(on, "disk"),
            "rsync -aW --inplace": peer(on, 'rsync -aW --inplace -e "$SSH" $HOST:/srv/disk /srv/peer/'),
            "ssh cat": peer(on, CAT),
            "2 x dd | dd direct": peer(on, two_dd()),
        })  # fmt: skip


def two_dd() -> str:
    half = DENSE // (2 * 16 * MIB)
    one = "$SSH $HOST dd if=/srv/disk bs=16M skip={at} count={half} 2>/dev/null | dd of=/srv/peer/disk bs=16M seek={at} " \
          "iflag=fullblock oflag=direct conv=notrunc 2>/dev/null"
    return f"{one.format(at=0, half=half)} & {one.format(at=half, half=half)}; wait"


async def again(rounds: int) -> dict[str, list[dict[str, float]]]:
    """1 % of the sparse image's data changed in 20 places."""
    async with pair() as on:
        disk = on.src.path("/srv/disk")
        make_sparse(disk)
        await ours(on, "disk")
        on.bare('rsync -aS -e "$SSH" $HOST:/srv/disk /srv/peer/')
        length = EXTENTS * EXTENT // 100 // 20 // 4096 * 4096
        found: dict[str, list[dict[str, float]]] = {"cockpit": [], "rsync --inplace --no-whole-file": []}
        for n in range(rounds):
            change(disk, 20, length, seed=n)
            found["cockpit"].append(await ours(on, "disk", fresh=False))
            line = 'rsync -a --inplace --no-whole-file -e "$SSH" $HOST:/srv/disk /srv/peer/'
            found["rsync --inplace --no-whole-file"].append({"total": on.again(line)})
        return found


async def resumed(rounds: int) -> dict[str, list[dict[str, float]]]:
    """Killed at 90 %, begun again."""
    async with pair() as on:
        make_dense(on.src.path("/srv/disk"))
        found: dict[str, list[dict[str, float]]] = {"first copy": [], "resumed": []}
        for _ in range(rounds):
            found["first copy"].append(await ours(on, "disk"))
            on.dst.run("rm -rf /srv/ours /root/.cockpit/images; mkdir /srv/ours; sync")
            run = await on.moving.start([("/srv/disk", "/srv/ours/disk")])
            following = asyncio.create_task(run.follow())
            await asyncio.to_thread(receipted, on, DENSE // CHUNK * 9 // 10)
            on.dst.run("pkill -KILL -x python3")
            await following
            found["resumed"].append(await ours(on, "disk", fresh=False))
        return found


def receipted(on: Pair, chunks: int) -> None:
    """Until so many are written down on the destination: what the job says of itself comes too seldom for a kill in time."""
    place = on.dst.path("/root/.cockpit/images")
    while sum(one.read_bytes().count(b'["chunk",') for one in place.glob("*")) < chunks:
        time.sleep(0.01)


def peer(on: Pair, command: str) -> Contender:
    async def run() -> dict[str, float]:
        return {"total": on.bare(command)}

    return run


async def interleaved(rounds: int, contenders: dict[str, Contender]) -> dict[str, list[dict[str, float]]]:
    found: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            found[name].append(await contender())
    return found


ROWS = {"sparse": sparse, "dense": dense, "again": again, "resumed": resumed}
WHAT = {
    "sparse": f"sparse image of {APPARENT >> 30} GiB, {EXTENTS * EXTENT / 1e6:.0f} MB in {EXTENTS} extents",
    "dense": f"dense file of {DENSE >> 20} MiB",
    "again": "the sparse image with 1 % changed in 20 places",
    "resumed": f"dense file of {DENSE >> 20} MiB, killed at 90 %",
}
BOUNDS = [  # bench, this one's time, over that one's, is at most or at least
    ("sparse", "rsync -aS", "cockpit", "at least", 8.0), ("sparse", "cockpit", "tar -cS | ssh tar -xS", "at most", 1.4),
    ("dense", "rsync -aW --inplace", "cockpit", "at least", 1.6), ("dense", "ssh cat", "cockpit", "at least", 1.0),
    ("again", "cockpit", "rsync --inplace --no-whole-file", "at most", 1.0), ("resumed", "resumed", "first copy", "at most", 0.2),
]  # fmt: skip
PEERS = ("rsync --version", "tar --version", "ssh -V", "python3 --version")


def versions() -> list[Row]:
    """The peers', and how they were called."""
    said = [subprocess.run(peer.split(), capture_output=True, text=True, check=True) for peer in PEERS]
    first = [(one.stdout or one.stderr).splitlines()[0] for one in said]
    rows = [Row(f"peer: {peer.split()[0]}", line) for peer, line in zip(PEERS, first, strict=True)]
    return [*rows, Row("peer: ssh cat", CAT), Row("peer: dd", two_dd()), Row("peers' ssh, also rsync's -e", f"ssh -c {CIPHER}")]


def run(rounds: int, names: Sequence[str] = tuple(ROWS)) -> list[Row]:
    rows = versions()
    for name in names:
        found = asyncio.run(ROWS[name](rounds))
        totals = {who: [one["total"] for one in runs] for who, runs in found.items()}
        for who, runs in found.items():
            rows.append(Row(f"{WHAT[name]}: {who}", f"{spread(totals[who])}{_parts(runs)}"))
        for bench, one, other, way, bound in BOUNDS:
            if bench == name:
                judged = at_least if way == "at least" else at_most
                rows.append(judged(ratio(totals[one], totals[other]), bound, f"{WHAT[name]}: {one} / {other}", "x"))
    return rows


def _parts(runs: list[dict[str, float]]) -> str:
    """Copy, sync and proof apart, as medians; nothing of a bare tool."""
    named = {"copy": "copy", "sync": "sync", "verify": "proof"}
    return "".join(f", {word} {median([one[key] for one in runs]):.2f}" for key, word in named.items() if key in runs[0])


if __name__ == "__main__":
    print(table(run(int(sys.argv[1]), sys.argv[2:] or tuple(ROWS))))
