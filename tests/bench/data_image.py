"""Large files beside their peers: bare tools between the same two servers, over the same sshd with the same cipher.

Ours goes through the whole cockpit (`transfers`), a night for each copy. Each round runs every contender once, in turn; a
peer's time includes the sync of what it wrote. BENCH_SCALE shrinks every size.

    python -m tests.bench.data_image ROUNDS [sparse dense again resumed]
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from cockpit.fleet.image.blocks import CHUNK
from tests.bench import transfers
from tests.bench.measure import Row, at_least, at_most, interleaved, ratio, spread, table
from tests.bench.peers import CIPHER, Peer, versions
from tests.bench.transfers import Phases
from tests.copy.images import MIB, change, same
from tests.hosts import Host, Hosts

SCALE = float(os.environ.get("BENCH_SCALE", "1"))
DENSE = int(2048 * SCALE) // 16 * 16 * MIB
APPARENT, EXTENTS, EXTENT = int(8192 * SCALE) * MIB, 100, int(7.6 * SCALE * MIB) // 4096 * 4096
PLACES = 20  # in which 1 % of the image is changed
METHOD = ', method = "image"'  # what files of over 256 MiB get by themselves: so that smaller scales measure the same
HALF = DENSE // (2 * 16 * MIB)
DD = "$SSH $HOST dd if=/srv/disk bs=16M skip={at} count={half} 2>/dev/null | dd of=/srv/peer/disk bs=16M seek={at} " \
     "iflag=fullblock oflag=direct conv=notrunc 2>/dev/null"

RSYNC_SPARSE = Peer("rsync -aS", 'rsync -aS -e "$SSH" $HOST:/srv/disk /srv/peer/')
TAR = Peer("tar -cS | ssh tar -xS", "$SSH $HOST tar -C /srv -cS disk | tar -C /srv/peer -xS")
RSYNC_WHOLE = Peer("rsync -aW --inplace", 'rsync -aW --inplace -e "$SSH" $HOST:/srv/disk /srv/peer/')
CAT = Peer("ssh cat", "$SSH $HOST cat /srv/disk > /srv/peer/disk")
TWO_DD = Peer("2 x dd | dd direct", f"{DD.format(at=0, half=HALF)} & {DD.format(at=HALF, half=HALF)}; wait")
WIRE = Peer(
    "the wire alone: 2 x ssh cat",
    f"$SSH $HOST head -c {DENSE // 2} /srv/disk > /dev/null & $SSH $HOST tail -c {DENSE // 2} /srv/disk > /dev/null; wait",
)
DISK = Peer("the disk alone: dd direct", f"dd if=/dev/zero of=/srv/peer/disk bs=16M count={DENSE >> 24} oflag=direct 2>/dev/null")
LEFT = DENSE // CHUNK - DENSE // CHUNK * 9 // 10  # chunks that a copy killed at 90 % has still to bring
REST = Peer(
    "the rest alone: dd | dd direct",
    f"$SSH $HOST dd if=/srv/disk bs=16M skip={DENSE // CHUNK - LEFT} 2>/dev/null | dd of=/srv/peer/disk bs=16M "
    "iflag=fullblock oflag=direct 2>/dev/null",
)
DELTA = "rsync -a --inplace --no-whole-file"
RSYNC_DELTA = Peer(DELTA, f'{DELTA} -e "$SSH" $HOST:/srv/disk /srv/peer/')


@dataclass
class Pair:
    """Source and destination, bare ssh from the one to the other for the peers, and the phases of what ours copied."""

    src: Host
    dst: Host
    ssh: str
    said: list[Phases] = field(default_factory=list)

    @property
    def disk(self) -> Path:
        return self.src.path("/srv/disk")

    def clear(self, place: str) -> None:
        self.dst.run(f"rm -rf {place} /root/.cockpit/images; mkdir {place}; sync", timeout=100)

    def peer(self, peer: Peer, *, fresh: bool = True) -> float:
        """Seconds of its command on the destination, synced."""
        if fresh:
            self.clear("/srv/peer")
        began = time.monotonic()
        done = self.dst.run(f"{self.ssh}\n{peer.command} && sync -f /srv/peer", timeout=1000)
        assert done.returncode == 0, done.stderr
        return time.monotonic() - began

    def ours(self, *, fresh: bool = True) -> float:
        """Seconds of the copy through the whole cockpit, synced and every chunk of it hashed at both ends."""
        if fresh:
            self.clear("/srv/ours")
        self.said.append(transfers.one(self.src, self.dst, "/srv/disk", "/srv/ours/disk", METHOD))
        return self.said[-1]["total"]

    def contenders(self, *peers: Peer) -> dict[str, Callable[[], float]]:
        bare = {peer.name: partial(self.peer, peer) for peer in peers}
        return {"cockpit": self.ours, **bare}


@contextmanager
def pair() -> Iterator[Pair]:
    made = Hosts()
    try:
        src, dst = made("src", user="root"), made("dst", user="root")
        key = dst.path("/root/bench.key")
        key.write_bytes(src.client_key.read_bytes())
        key.chmod(0o600)
        options = f"-F none -p {src.port} -i /root/bench.key -c {CIPHER} -o StrictHostKeyChecking=no -o LogLevel=ERROR"
        yield Pair(src, dst, f"SSH='ssh {options}' HOST=root@{src.address}")
    finally:
        made.close()


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


Took = dict[str, list[float]]


def sparse(on: Pair, rounds: int) -> Took:
    make_sparse(on.disk)
    took = interleaved(on.contenders(RSYNC_SPARSE, TAR), rounds)
    assert same(on.disk, on.dst.path("/srv/ours/disk"))
    return took


def dense(on: Pair, rounds: int) -> Took:
    """Beside what no copy of it can beat here: its bytes through ssh to nowhere, and onto the disk from nowhere."""
    make_dense(on.disk)
    return interleaved(on.contenders(RSYNC_WHOLE, CAT, TWO_DD, WIRE, DISK), rounds)


def again(on: Pair, rounds: int) -> Took:
    """1 % of the sparse image's data changed in 20 places; another night copies it to where the last one did."""
    make_sparse(on.disk)
    on.ours()
    on.said.clear()
    on.peer(RSYNC_SPARSE)
    seeds = iter(range(rounds))
    length = EXTENTS * EXTENT // 100 // PLACES // 4096 * 4096

    def ours() -> float:
        change(on.disk, PLACES, length, seed=next(seeds))
        return on.ours(fresh=False)

    took = interleaved({"cockpit": ours, RSYNC_DELTA.name: lambda: on.peer(RSYNC_DELTA, fresh=False)}, rounds)
    assert same(on.disk, on.dst.path("/srv/ours/disk"))
    return took


def resumed(on: Pair, rounds: int) -> Took:
    """Killed at 90 %; the engine tries again by itself, in the same night. Beside it: a login that brings the rest, unhashed."""
    make_dense(on.disk)
    firsts, pauses = list[Phases](), list[float]()

    def first() -> float:
        on.ours()
        firsts.append(on.said.pop())
        return firsts[-1]["total"]

    def second() -> float:
        on.clear("/srv/ours")
        phases, pause = killed(on)
        on.said.append(phases)
        pauses.append(pause)
        return phases["total"]

    took = interleaved({"first copy": first, "resumed": second, REST.name: partial(on.peer, REST)}, rounds)
    assert same(on.disk, on.dst.path("/srv/ours/disk"))
    return took | {"from the kill until it tries again by itself": pauses}


def killed(on: Pair) -> tuple[Phases, float]:
    """The phases of what was left, from where it tries again; and the seconds from the kill until then."""
    step = transfers.STEP.format(target=on.dst.name, source=on.src.name, path="/srv/disk", to="/srv/ours/disk", more=METHOD)
    with transfers.night([on.src, on.dst], step) as running:
        transfers.go(running)
        receipted(on, DENSE // CHUNK * 9 // 10)
        since = time.time()
        on.dst.run("pkill -KILL -x python3")
        facts = running.until(lambda facts: bool(transfers.done(facts)), 1000)
        began = transfers.begun_again(facts)
        return transfers.phases(running, f"copy@{on.dst.name}", began), began - since


def receipted(on: Pair, chunks: int) -> None:
    """Until so many are written down on the destination: what the job says of itself comes too seldom for a kill in time."""
    place, deadline = on.dst.path("/root/.cockpit/images"), time.monotonic() + 300
    while sum(one.read_bytes().count(b'["chunk",') for one in place.glob("*") if one.suffix != ".new") < chunks:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{chunks} chunks were never receipted")
        time.sleep(0.01)


ROWS: dict[str, Callable[[Pair, int], Took]] = {"sparse": sparse, "dense": dense, "again": again, "resumed": resumed}
WHAT = {
    "sparse": f"sparse image of {APPARENT / 2**30:g} GiB, {EXTENTS * EXTENT / 1e6:.0f} MB in {EXTENTS} extents",
    "dense": f"dense file of {DENSE >> 20} MiB",
    "again": f"the sparse image with 1 % changed in {PLACES} places",
    "resumed": f"dense file of {DENSE >> 20} MiB, killed at 90 %",
}
PEERS = {
    "sparse": (RSYNC_SPARSE, TAR), "dense": (RSYNC_WHOLE, CAT, TWO_DD, WIRE, DISK), "again": (RSYNC_DELTA,), "resumed": (REST,),
}  # fmt: skip
BOUNDS = [  # bench, this one's time, over that one's, is at most or at least
    ("sparse", "rsync -aS", "cockpit", "at least", 8.0), ("sparse", "cockpit", "tar -cS | ssh tar -xS", "at most", 1.4),
    ("dense", "rsync -aW --inplace", "cockpit", "at least", 1.6), ("dense", "ssh cat", "cockpit", "at least", 1.0),
    ("again", "cockpit", DELTA, "at most", 1.0), ("resumed", "resumed", "first copy", "at most", 0.2),
]  # fmt: skip


def run(rounds: int, names: Sequence[str] = tuple(ROWS)) -> list[Row]:
    rows = list[Row]()
    for name in names:
        with pair() as on:
            took = ROWS[name](on, rounds)
            rows.append(Row(f"{WHAT[name]}, all copied and synced"))
            rows += [Row(f"  peer: {peer.name}", peer.said) for peer in PEERS[name]]
            for who, seconds in took.items():
                rows.append(Row(f"  {who}", spread(seconds)))
                rows += transfers.parts(on.said) if who in ("cockpit", "resumed") else []
        for bench, one, other, way, bound in BOUNDS:
            if bench == name:
                judged = at_least if way == "at least" else at_most
                rows.append(judged(ratio(took[one], took[other]), bound, f"  {one} / {other}", "x"))
    return rows


if __name__ == "__main__":
    print(table(versions("rsync", "tar", "dd, cat, sync", "ssh") + run(int(sys.argv[1]), sys.argv[2:] or tuple(ROWS))))
