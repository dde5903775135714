"""Seven transfers at once through the whole cockpit, beside the bare tools started together; what its engine costs meanwhile.

Seven servers give a tree and an image each to one, all over real sshd. The cockpit's time is from the word that starts
them until the last one is synced: survey and route are in it, the proof that follows is told apart.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from cockpit.journal.events import AttemptEnded, Fact
from cockpit.journal.reader import Reader
from tests.bench.data_image import CIPHER, SCALE
from tests.bench.measure import Row, at_most, interleaved, median, ratio, spread
from tests.bench.night import HEAD, Night, servers
from tests.hosts import Hosts

COUNT = 7
FILES, FILE = int(150 * SCALE), 1 << 20
IMAGE = int(320 * SCALE) << 20
BEYOND, ENGINE = 1.15, 5.0  # times the bare tools; percent of one core
STEPS = """
[[steps]]
id = "go"
title = "Go"
manual = "Say go"
[[steps]]
id = "copy"
on = {sources}
copy = {{ from = "/srv/data/", to = "{target}:/srv/ours/{{{{ server.name }}}}/" }}
"""
RSYNC = 'rsync -a -e "$SSH -p {port}" root@{address}:/srv/data/ /srv/peer/{name}/ &'


class Seven:
    """The eight servers, and the figures of the cockpit's runs that are not its time."""

    def __init__(self) -> None:
        self.hosts = Hosts()
        self.target = self.hosts("vault", user="root")
        self.sources = self.hosts.many(COUNT, user="root")
        self.proofs: list[float] = []
        self.shares: list[float] = []
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
        shell = f"SSH='ssh -F none -i /root/bench.key -c {CIPHER} -o StrictHostKeyChecking=no -o LogLevel=ERROR'\n"
        lines = "\n".join(RSYNC.format(port=host.port, address=host.address, name=host.name) for host in self.sources)
        began = time.monotonic()
        done = self.target.run(f"{shell}{lines}\nwait && sync -f /srv/peer", timeout=1000)
        assert done.returncode == 0 and not done.stderr, done.stderr
        return time.monotonic() - began

    def cockpit(self) -> float:
        """Seconds from go until the last transfer was synced."""
        self.clear()
        place = Path(tempfile.mkdtemp(prefix="bench-"))
        names = "[" + ", ".join(f'"{host.name}"' for host in self.sources) + "]"
        limits = f"[limits]\ntransfers = {COUNT}\n"
        plan = HEAD + limits + servers([self.target, *self.sources]) + STEPS.format(sources=names, target=self.target.name)
        try:
            night = Night(place, plan).start()
            try:
                return self._walked(night)
            finally:
                night.stop()
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _walked(self, night: Night) -> float:
        night.contacted(COUNT + 1)
        spent, began = sum(night.engine.cpu_times()[:2]), time.time()
        night.send("done", "go")
        facts = night.until(lambda facts: len(_ends(facts)) == COUNT, 1000)
        took = time.time() - began
        self.shares.append((sum(night.engine.cpu_times()[:2]) - spent) / took * 100)
        synced = max(_synced(night.session.journal_path, fact, began) for fact in _ends(facts))
        self.proofs.append(max(fact.at for fact in _ends(facts)) - synced)
        return synced - began


def _ends(facts: list[Fact]) -> list[Fact]:
    ended = [fact for fact in facts if isinstance(fact.event, AttemptEnded) and fact.event.task.startswith("copy")]
    for fact in ended:
        assert isinstance(fact.event, AttemptEnded)
        if fact.event.result != "done":
            raise RuntimeError(f"a copy failed: {fact.event}")
    return ended


def _synced(journal: Path, ended: Fact, began: float) -> float:
    """When the last proof of this transfer began: all that it copied is on the disk then."""
    assert isinstance(ended.event, AttemptEnded)
    reader = Reader.open(journal)
    try:
        seen = reader.samples(f"transfer/{ended.event.task}", began, ended.at)
    finally:
        reader.close()
    before = [sample.at for sample in seen if sample.values.get("phase") != "verify"]
    after = [sample.at for sample in seen if sample.at > max(before, default=0.0)]
    return min(after, default=ended.at)


def run(rounds: int) -> list[Row]:
    seven = Seven()
    try:
        took = interleaved({"seven rsync -a": seven.bare, "cockpit": seven.cockpit}, rounds)
    finally:
        seven.hosts.close()
    size = (FILES * FILE + IMAGE) * COUNT / 1e6
    return [
        Row(f"seven transfers at once, {size:,.0f} MB: seven {RSYNC[:8]}, then sync", spread(took["seven rsync -a"])),
        Row("seven transfers at once: cockpit, survey to sync", spread(took["cockpit"])),
        Row("  after it: proof", spread(seven.proofs)),
        at_most(ratio(took["cockpit"], took["seven rsync -a"]), BEYOND, "seven transfers: cockpit / bare tools", "x"),
        at_most(median(seven.shares), ENGINE, "engine's processor time while seven transfers run", " % of a core"),
    ]
