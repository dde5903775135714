"""Seven transfers at once through the whole cockpit, beside the bare tools started together; what its engine costs meanwhile.

Seven servers give a tree and an image each to one, all over real sshd. The cockpit's time is from the word that starts
them until the last one is synced (`transfers`), as the bare tools' is; its time with all proofs stands beside it.

    python -m tests.bench.data_seven [ROUNDS]
"""

from __future__ import annotations

import os
import sys
import time

from cockpit.journal.events import AttemptEnded
from tests.bench import transfers
from tests.bench.cold import MIB, cold
from tests.bench.measure import Row, at_most, interleaved, median, ratio, spread, table
from tests.bench.night import Night, used
from tests.bench.peers import CIPHER, versions
from tests.bench.transfers import Phases
from tests.hosts import Hosts

SCALE = float(os.environ.get("BENCH_SCALE", "1"))

COUNT = 7
FILES, FILE = int(450 * SCALE), 1 << 20  # half a minute: of ten seconds the beginning is half of what the engine costs
IMAGE = int(960 * SCALE) << 20
BEYOND, ENGINE = 1.15, 5.0  # times the bare tools; percent of one core
STEPS = """
[[steps]]
id = "copy"
on = {sources}
copy = {{ from = "/srv/data/", to = "{target}:/srv/ours/{{{{ server.name }}}}/" }}
"""
SSH = f"ssh -F none -i /root/bench.key -c {CIPHER} -o StrictHostKeyChecking=no -o LogLevel=ERROR"
RSYNC = 'rsync -a -e "$SSH -p {port}" root@{address}:/srv/data/ /srv/peer/{name}/ &'


class Seven:
    """The eight servers, and the figures of the cockpit's runs beside its time."""

    def __init__(self) -> None:
        self.hosts = Hosts()
        self.target = self.hosts("vault", user="root")
        self.sources = self.hosts.many(COUNT, user="root")
        self.said: list[Phases] = []
        self.wholes: list[float] = []
        self.shares: list[float] = []
        self.colds: list[float] = []  # percent of a core that a bare process took beside each
        for host in self.sources:
            data = host.path("/srv/data")
            data.mkdir()
            for n in range(FILES):
                (data / f"file {n}").write_bytes(os.urandom(FILE))
            with (data / "image").open("wb") as image:
                for _ in range(IMAGE >> 24):
                    image.write(os.urandom(1 << 24))
        key = self.target.path("/root/bench.key")
        key.write_bytes(self.target.client_key.read_bytes())
        key.chmod(0o600)

    def clear(self) -> None:
        self.target.run("rm -rf /srv/peer /srv/ours /root/.cockpit/images; mkdir /srv/peer /srv/ours; sync", timeout=100)

    def bare(self) -> float:
        self.clear()
        lines = "\n".join(RSYNC.format(port=host.port, address=host.address, name=host.name) for host in self.sources)
        with cold():  # as beside the cockpit
            began = time.monotonic()
            done = self.target.run(f"SSH='{SSH}'\n{lines}\nwait && sync -f /srv/peer", timeout=1000)
            took = time.monotonic() - began
        assert done.returncode == 0 and not done.stderr, done.stderr
        return took

    def cockpit(self) -> float:
        """Seconds from go until the last transfer was synced, each without the proof of its own image."""
        self.clear()
        names = "[" + ", ".join(f'"{host.name}"' for host in self.sources) + "]"
        steps = STEPS.format(sources=names, target=self.target.name)
        with transfers.night([self.target, *self.sources], steps, f"[limits]\ntransfers = {COUNT}\n") as night:
            with cold() as beside:
                took = self._walked(night)
            self.colds.append(beside.share)
            return took

    def _walked(self, night: Night) -> float:
        spent, began = used(night.engine), transfers.go(night)
        facts = night.until(lambda facts: len(transfers.done(facts)) == COUNT, 1000)
        took = time.time() - began
        self.shares.append((used(night.engine) - spent) / took * 100)
        ends = [fact.event for fact in transfers.done(facts)]
        each = [transfers.phases(night, end.task, began) for end in ends if isinstance(end, AttemptEnded)]
        self.said += each
        self.wholes.append(max(phases["whole"] for phases in each))
        return max(phases["total"] for phases in each)

    def beside(self) -> str:
        return ", ".join(f"{engine:.1f} and {bare:.1f} %" for engine, bare in zip(self.shares, self.colds, strict=True))


def run(rounds: int) -> list[Row]:
    seven = Seven()
    try:
        took = interleaved({"seven rsync -a": seven.bare, "cockpit": seven.cockpit}, rounds)
    finally:
        seven.hosts.close()
    size, line = (FILES * FILE + IMAGE) * COUNT / 1e6, RSYNC.format(port="PORT", address="SOURCE", name="NAME")
    return [
        Row(f"seven transfers at once, {FILES} files and an image each, {size:,.0f} MB, copied and synced"),
        Row("  peer: seven rsync -a", f"{COUNT} x {line} wait && sync -f /srv/peer   (SSH=\"{SSH}\")"),
        Row("  cockpit", spread(took["cockpit"])),
        *transfers.parts(seven.said),
        Row("  cockpit, until the last one was proven", spread(seven.wholes)),
        Row("  seven rsync -a", spread(took["seven rsync -a"])),
        Row("  cockpit with all proofs / seven rsync -a", f"{ratio(seven.wholes, took['seven rsync -a']):.2f}x"),
        at_most(ratio(took["cockpit"], took["seven rsync -a"]), BEYOND, "  cockpit / seven rsync -a", "x"),
        at_most(median(seven.shares), ENGINE, "  engine's processor time while seven transfers run", " % of a core"),
        Row(f"    of each round, and of a bare process that touches {MIB} MiB twice a second, beside it", seven.beside()),
    ]


if __name__ == "__main__":
    print(table(versions("rsync", "ssh") + run(*map(int, sys.argv[1:] or ["5"]))))
