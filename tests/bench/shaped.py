"""A server behind a wire whose rate follows a schedule (tc tbf on its network namespace), and what is copied from it.

Knows no tool and no forecast. The rates of a seed are the same for every tool; the wire is each tool's own.
"""

from __future__ import annotations

import random
import subprocess
import threading
from pathlib import Path

from tests.hosts import Host, Hosts
from tests.hosts.tools import find

SHAPES = ("tree", "dense", "mixed")
TOTAL = {"tree": 160_000_000, "dense": 160_000_000, "mixed": 400_000_000}  # bytes
SMALL = {"tree": 160_000_000, "dense": 0, "mixed": 100_000_000}  # bytes of it in small files
BLOCK = 1 << 24  # written at once
FASTER = 2.5  # times: the wire of the mix, so that it takes as long as the others
SLOWEST, FASTEST = 3e6, 16e6  # bytes/s, drawn evenly on a logarithmic scale
SHORTEST, LONGEST = 1.5, 6.0  # s that one rate holds


def rates_of(shape: str) -> tuple[float, float]:
    """The fastest and the slowest, bytes/s."""
    more = FASTER if shape == "mixed" else 1.0
    return FASTEST * more, SLOWEST * more


def schedule(seed: int, shape: str, seconds: float = 300.0) -> list[tuple[float, float]]:
    """(seconds, bytes/s), one after the other."""
    fastest, slowest = rates_of(shape)
    rng, found, total = random.Random(seed), list[tuple[float, float]](), 0.0
    while total < seconds:
        span = rng.uniform(SHORTEST, LONGEST)
        found.append((span, slowest * (fastest / slowest) ** rng.random()))
        total += span
    return found


def fill(place: Path, shape: str, seed: int) -> None:
    """A tree of files of 4 to 64 KiB, one dense file, or both, the large one last in any tool's order: of over 256 MiB, which
    the cockpit moves by chunks."""
    rng = random.Random(seed)
    place.mkdir(parents=True, exist_ok=True)
    total, small = TOTAL[shape], SMALL[shape]
    made = number = 0
    while made < small:
        size = rng.randrange(4096, 65537)
        path = place / f"d{number // 200:03d}" / f"f{number:05d}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(rng.randbytes(size))
        made, number = made + size, number + 1
    if made < total:
        last = place / ("zz" if shape == "mixed" else "one")
        last.mkdir()
        with open(last / "huge.img", "wb") as file:
            for begin in range(made, total, BLOCK):
                file.write(rng.randbytes(min(BLOCK, total - begin)))


def size_of(place: Path) -> int:
    return sum(p.stat().st_size for p in place.rglob("*") if p.is_file())


class Shaped:
    """A host with a wire of its own; `follow` runs a schedule on it until `stop`."""

    def __init__(self, hosts: Hosts, name: str) -> None:
        self.host: Host = hosts(name, user="root", bastion=True)
        wire = self.host._wire
        assert wire is not None
        self._enter = [str(find("nsenter")), f"--net=/proc/{wire.holder}/ns/net", "tc", "qdisc"]
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def _rate(self, rate: float) -> None:
        bits = f"{int(rate * 8)}bit"
        shape = ["tbf", "rate", bits, "burst", "128kb", "latency", "200ms"]
        subprocess.run([*self._enter, "replace", "dev", "eth0", "root", *shape], check=True)

    def follow(self, rates: list[tuple[float, float]]) -> None:
        self._rate(rates[0][1])
        self._over.clear()
        self._thread = threading.Thread(target=self._walk, args=(rates,), daemon=True)
        self._thread.start()

    def _walk(self, rates: list[tuple[float, float]]) -> None:
        for span, rate in rates:
            self._rate(rate)
            if self._over.wait(span):
                return

    def stop(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        subprocess.run([*self._enter, "del", "dev", "eth0", "root"], check=False)

    def take(self, data: Path) -> None:
        """Lay a copy of the data there. Hard links between the hosts would be files of several names: those go by no chunks."""
        place = self.host.path("/srv/data")
        subprocess.run(["rm", "-rf", str(place)], check=True)
        subprocess.run(["cp", "-a", str(data), str(place)], check=True)

    @property
    def ssh(self) -> list[str]:
        """What an OpenSSH client needs to reach it; its host key is known."""
        known = self.host.root.parent / "known_hosts"
        known.write_text(self.host.known_hosts)
        return ["ssh", "-F", "/dev/null", "-i", str(self.host.client_key), "-p", str(self.host.port),
                "-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes"]
