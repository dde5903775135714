"""A tree of small files through the whole cockpit beside `rsync -a`, both over a real sshd on loopback, both with `sync`.

Judged against rsync over ssh with the cipher that our routes use: what the processor spends on ciphers is not what is compared.
rsync with ssh's own cipher stands beside it. Two bounds of the machine stand there too: two rsyncs, each with half of the
tree, and the same files made from memory by tar, with no wire and no ssh at all. Not within five minutes of anything that
deleted many files: see `Tree.place`.

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
HALVES, MEMORY = "two rsyncs at once, half each", "made from memory: tar -x"
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
        return self._timed(f"rsync -a -e '{self._shell(ssh)}' {self._source}/ {target} && sync")

    def halves(self) -> float:
        """By two rsyncs at once, each with every other directory; then sync."""
        target, tree = self.place(), self.src.path("/srv/tree")
        inner = sorted(str(path.relative_to(tree)) for path in tree.glob("*/*"))
        one, other = (" ".join(f"{self._source}/./{path}" for path in inner[n::2]) for n in (0, 1))
        half = f"rsync -aR -e '{self._shell(EQUAL)}'"
        both = f"{half} {one} {target} & first=$!; {half} {other} {target} && wait $first"
        return self._timed(f"mkdir {target} && {{ {both}; }} && sync")

    def from_memory(self) -> float:
        """Only made, by tar, on the destination; then sync."""
        target, login = self.place(), f"{self._shell(EQUAL)} {self._source.partition(':')[0]}"
        self._timed(f"{login} tar -C /srv/tree -cf - . > /dev/shm/tree.tar")
        try:
            return self._timed(f"mkdir {target} && tar -C {target} -xf /dev/shm/tree.tar && sync")
        finally:
            self.dst.run("rm /dev/shm/tree.tar")

    def _shell(self, ssh: str) -> str:
        return f"{ssh} -p {self.src.port} {OPTIONS}"

    @property
    def _source(self) -> str:
        return f"root@{self.src.address}:/srv/tree"

    def _timed(self, line: str) -> float:
        began = time.monotonic()
        done = self.dst.run(line, timeout=600)
        assert done.returncode == 0, done.stderr
        return time.monotonic() - began


def run(rounds: int, files: int = FILES) -> list[Row]:
    tree = Tree(files)
    names = {ssh: f"rsync -a -e '{ssh}'" for ssh in (EQUAL, PLAIN)}
    try:
        peers = {name: partial(tree.rsync, ssh) for ssh, name in names.items()}
        took = interleaved({"cockpit": tree.ours, **peers, HALVES: tree.halves, MEMORY: tree.from_memory}, rounds)
    finally:
        tree.hosts.close()
    rows = [Row(f"{files:,} files of {SMALLEST >> 10} to {BIGGEST >> 10} KiB, {tree.size / 1e6:.0f} MB, copied and synced")]
    rows += [Row(f"  peer: {name}", f"rsync -a -e '{ssh} -p PORT {OPTIONS}' root@SOURCE:/srv/tree/ /srv/to-N/ && sync")
             for ssh, name in names.items()]
    for name, seconds in took.items():
        rows.append(Row(f"  {name}", spread(seconds)))
        rows += transfers.parts(tree.said) if name == "cockpit" else []
    rows += [Row(f"  {names[EQUAL]} / {name}", f"{ratio(took[names[EQUAL]], took[name]):.2f}x") for name in (HALVES, MEMORY)]
    rows.append(Row(f"  {names[PLAIN]} / cockpit", f"{ratio(took[names[PLAIN]], took['cockpit']):.2f}x"))
    return [*rows, at_least(ratio(took[names[EQUAL]], took["cockpit"]), BOUND, f"  {names[EQUAL]} / cockpit", "x")]


if __name__ == "__main__":
    print(table(versions("rsync", "ssh") + run(*map(int, sys.argv[1:] or ["5"]))))
