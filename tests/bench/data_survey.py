"""A survey of 200,000 files, all of it counted, beside `find -printf` of the same files through a standing ssh connection."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import time
from pathlib import Path

from cockpit.fleet.survey.look import survey
from tests.bench.measure import Row, at_most, interleaved, ratio, spread
from tests.copy.context import fleet_of
from tests.hosts import Host, Hosts, known_hosts

DIRECTORIES, EACH = 400, 500
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


def by_cockpit(host: Host, place: Path) -> float:
    async def timed() -> float:
        async with fleet_of([host], place) as fleet:
            remote = fleet.remote(host.name)
            await remote.run("true", become=False)
            began = time.monotonic()
            seen = await survey(remote, "/srv/data/", become=False)
            took = time.monotonic() - began
        assert seen.files == DIRECTORIES * EACH
        return took

    return asyncio.run(timed())


def measured(rounds: int) -> tuple[float, dict[str, list[float]]]:
    """(median ratio of cockpit's survey to find, seconds of each)."""
    made = Hosts()
    with tempfile.TemporaryDirectory(prefix="bench-survey-") as name:
        place = Path(name)
        try:
            host = made("src", user="root")
            tree(host)
            sides = {"find": lambda: by_find(host, place), "cockpit": lambda: by_cockpit(host, place)}
            took = interleaved(sides, rounds)
        finally:
            subprocess.run(["ssh", "-F", "/dev/null", "-o", f"ControlPath={place}/master", "-O", "exit", "x"],
                           check=False, capture_output=True)
            made.close()
    return ratio(took["cockpit"], took["find"]), took


def run(rounds: int) -> list[Row]:
    share, took = measured(rounds)
    what = f"survey of {DIRECTORIES * EACH:,} files"
    return [
        Row(f"{what}: find -printf through ssh", spread(took["find"])),
        Row(f"{what}: cockpit, everything counted", spread(took["cockpit"])),
        at_most(share, 1.5, "survey / find", "x"),
    ]  # fmt: skip
