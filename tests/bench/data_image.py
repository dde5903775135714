"""Large files beside their peers: bare tools between the same two servers, over the same sshd with the same cipher.

Each round runs every contender once, in turn; a peer's time includes the sync of what it wrote. SCALE shrinks every size.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.copy.images import MIB, Mover, change, mover, same
from tests.hosts.factory import Hosts
from tests.hosts.host import Host

SCALE = float(os.environ.get("BENCH_SCALE", "1"))
DENSE = int(2048 * SCALE) * MIB
APPARENT, EXTENTS, EXTENT = int(8192 * SCALE) * MIB, 100, int(7.6 * SCALE * MIB) // 4096 * 4096
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


def cold(host: Host) -> None:
    host.run("sync")


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
            "ssh cat": peer(on, "$SSH $HOST cat /srv/disk > /srv/peer/disk"),
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
            await run.until("copy", DENSE * 9 // 10)
            on.dst.run("pkill -KILL -x python3")
            await following
            found["resumed"].append(await ours(on, "disk", fresh=False))
        return found


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


def main(names: list[str], rounds: int) -> None:
    for name in names or list(ROWS):
        for who, runs in asyncio.run(ROWS[name](rounds)).items():
            medians = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
            print(f"{name:8} {who:34}", "  ".join(f"{key} {value:6.2f}" for key, value in medians.items()), flush=True)


if __name__ == "__main__":
    import sys

    main(sys.argv[2:], int(sys.argv[1]))
