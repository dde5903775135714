"""A tree of small files through the whole cockpit beside `rsync -a`, both over a real sshd on loopback, both with `sync`.

Judged against rsync over ssh with the cipher that our routes use: what the processor spends on ciphers is not what is compared.
rsync with ssh's own cipher stands beside it.

    python -m tests.bench.data_tree [ROUNDS] [FILES]
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from tests.bench import transfers
from tests.bench.measure import Row, at_least, interleaved, ratio, spread, table
from tests.bench.peers import CIPHER, versions
from tests.bench.transfers import Phases
from tests.hosts import Hosts

FILES, SMALLEST, BIGGEST = int(20_000 * float(os.environ.get("BENCH_SCALE", "1"))), 4 << 10, 64 << 10
BOUND = 1.3
EQUAL, PLAIN = f"ssh -c {CIPHER}", "ssh"
OPTIONS = "-F none -i /root/bench.key -o StrictHostKeyChecking=no -o LogLevel=ERROR"


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


class Tree:
    """The two servers, and the phases of each copy of ours."""

    def __init__(self, files: int) -> None:
        self.hosts, self.said, self._runs = Hosts(), list[Phases](), 0
        self.src, self.dst = self.hosts("src", user="root"), self.hosts("dst", user="root")
        self.size = make_tree(self.src.path("/srv/tree"), files)
        key = self.dst.path("/root/bench.key")
        key.write_bytes(self.src.client_key.read_bytes())
        key.chmod(0o600)

    def place(self) -> str:
        """A new one each time. What was just deleted slows down what is made: an ext4 without a journal looks at every inode
        that was freed in the last minutes before it takes one."""
        self._runs += 1
        subprocess.run(["sync"], check=True)
        return f"/srv/to-{self._runs}/"

    def ours(self) -> float:
        self.said.append(transfers.one(self.src, self.dst, "/srv/tree/", self.place()))
        return self.said[-1]["total"]

    def rsync(self, ssh: str) -> float:
        """As a person would run it on the destination; then sync there."""
        target = self.place()
        line = f"rsync -a -e '{ssh} -p {self.src.port} {OPTIONS}' root@{self.src.address}:/srv/tree/ {target} && sync"
        began = time.monotonic()
        done = self.dst.run(line, timeout=600)
        assert done.returncode == 0, done.stderr
        return time.monotonic() - began


def run(rounds: int, files: int = FILES) -> list[Row]:
    tree = Tree(files)
    names = {ssh: f"rsync -a -e '{ssh}'" for ssh in (EQUAL, PLAIN)}
    try:
        took = interleaved({"cockpit": tree.ours, **{name: partial(tree.rsync, ssh) for ssh, name in names.items()}}, rounds)
    finally:
        tree.hosts.close()
    rows = [Row(f"{files:,} files of {SMALLEST >> 10} to {BIGGEST >> 10} KiB, {tree.size / 1e6:.0f} MB, copied and synced")]
    rows += [Row(f"  peer: {name}", f"rsync -a -e '{ssh} -p PORT {OPTIONS}' root@SOURCE:/srv/tree/ /srv/to-N/ && sync")
             for ssh, name in names.items()]
    for name, seconds in took.items():
        rows.append(Row(f"  {name}", spread(seconds)))
        rows += transfers.parts(tree.said) if name == "cockpit" else []
    plain = Row(f"  {names[PLAIN]} / cockpit", f"{ratio(took[names[PLAIN]], took['cockpit']):.2f}x")
    return [*rows, plain, at_least(ratio(took[names[EQUAL]], took["cockpit"]), BOUND, f"  {names[EQUAL]} / cockpit", "x")]


if __name__ == "__main__":
    print(table(versions("rsync", "ssh") + run(*map(int, sys.argv[1:] or ["5"]))))
