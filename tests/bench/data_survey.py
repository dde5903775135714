"""A survey of 200,000 files, all of it counted, beside `find -printf` of the same files through a standing ssh connection.

Ours is the one that a copy begins with, through the whole cockpit. Each round has a target of its own: to delete what
had arrived of so many files takes some disks minutes.

    python -m tests.bench.data_survey [ROUNDS]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cockpit.journal.records import Sample
from tests.bench import transfers
from tests.bench.measure import Row, at_most, interleaved, ratio, spread, table
from tests.bench.night import Night
from tests.bench.peers import versions
from tests.hosts import Host, Hosts, known_hosts

DIRECTORIES, EACH = int(400 * float(os.environ.get("BENCH_SCALE", "1"))), 500
FORMAT = "%s %n %D:%i %b %P\\n"  # what shards are cut from: the least that a survey could ask


def tree(host: Host) -> None:
    for d in range(DIRECTORIES):
        place = host.path(f"/srv/data/year-{d // 12}/month-{d:03}")
        place.mkdir(parents=True)
        for n in range(EACH):
            (place / f"document-{n:05}.pdf").write_bytes(b"x" * (n % 64))


def by_find(host: Host, place: Path) -> float:
    """Seconds until the last name has come through ssh. The connection is made before."""
    known = known_hosts([host], place / "known_hosts")
    line = ["ssh", "-F", "/dev/null", "-i", str(host.client_key), "-p", str(host.port), "-o", f"UserKnownHostsFile={known}",
            "-o", f"ControlPath={place}/master", "-o", "ControlMaster=auto", "-o", "ControlPersist=300",
            f"{host.user}@{host.address}"]
    subprocess.run([*line, "true"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    began = time.monotonic()
    found = subprocess.run([*line, f"find /srv/data -printf '{FORMAT}'"], check=True, capture_output=True).stdout
    took = time.monotonic() - began
    assert found.count(b"\n") > DIRECTORIES * EACH
    return took


def by_cockpit(source: Host, target: Host) -> float:
    """Seconds from the word that lets a copy of them go until the engine knows what there is to copy. The copy ends there."""
    task = f"copy@{target.name}"
    to = f"/srv/ours-{time.time_ns()}/"
    step = transfers.STEP.format(source=source.name, target=target.name, path="/srv/data/", to=to, more="")
    with transfers.night([source, target], step) as night:
        began = transfers.go(night)
        night.until(lambda _: bool(_counted(night, task, began)), 300)
        counted = _counted(night, task, began)[0]
        night.send("cancel", task)
        night.until(lambda facts: any(fact.kind == "AttemptEnded" for fact in facts), 300)
        night.send("skip", task)  # the night ends by it and takes its locks away: the next one would ask about them
        night.until(lambda facts: any(fact.kind == "NightEnded" for fact in facts), 60)
    assert counted.values["files_total"] == DIRECTORIES * EACH, counted
    return counted.at - began


def _counted(night: Night, task: str, since: float) -> list[Sample]:
    samples = night.samples(f"transfer/{task}", since, time.time())
    return [sample for sample in samples if sample.values["files_total"] is not None]


def measured(rounds: int) -> dict[str, list[float]]:
    made = Hosts()
    with tempfile.TemporaryDirectory(prefix="bench-survey-") as name:
        place = Path(name)
        try:
            source, target = made("src", user="root"), made("dst", user="root")
            tree(source)
            return interleaved({"find": lambda: by_find(source, place), "cockpit": lambda: by_cockpit(source, target)}, rounds)
        finally:
            subprocess.run(["ssh", "-F", "/dev/null", "-o", f"ControlPath={place}/master", "-O", "exit", "x"],
                           check=False, capture_output=True)
            made.close()


def run(rounds: int) -> list[Row]:
    took = measured(rounds)
    return [
        Row(f"survey of {DIRECTORIES * EACH:,} files"),
        Row("  peer: find", f"ssh SOURCE find /srv/data -printf '{FORMAT}', over a connection that stands"),
        Row("  cockpit, from the word until all is counted", spread(took["cockpit"])),
        Row("  find", spread(took["find"])),
        at_most(ratio(took["cockpit"], took["find"]), 1.5, "  cockpit / find", "x"),
    ]


if __name__ == "__main__":
    print(table(versions("find", "ssh") + run(*map(int, sys.argv[1:] or ["5"]))))
