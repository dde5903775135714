"""The three tools of `tests.bench.eta`, each copying /srv/data of a shaped host here: what each said of the time left.

A `Trace` is what a person at the screen would have seen: (seconds since launch, bytes done, seconds left or None), and
when it was over. rsync and rclone are read from their own screens; the cockpit from its journal.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cockpit.journal.events import AttemptEnded, AttemptStarted, Fact
from cockpit.journal.reader import Reader
from cockpit.journal.records import Sample
from tests.bench.night import HEAD, Night, servers
from tests.bench.shaped import Shaped
from tests.hosts import Host

RSYNC = "rsync -a --info=progress2"
RCLONE = "rclone copy --progress --stats 500ms"
_RSYNC = re.compile(rb"\s*([\d,]+)\s+\d+%\s+\S+\s+(\d+):(\d\d):(\d\d)")
_RCLONE = re.compile(rb"Transferred:\s+([\d.]+) (\wi?B|B|\w+) / [^,]+, [^,]+, [^,]+, ETA (\S+)")
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SPAN = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


@dataclass
class Trace:
    seen: list[tuple[float, int, float | None]] = field(default_factory=list)
    took: float = 0.0


@dataclass
class Moved:
    """What the cockpit's journal has of one copy."""

    began: float
    ended: float
    samples: list[Sample]


def rsync(shaped: Shaped, to: Path) -> Trace:
    source = f"root@{shaped.host.address}:/srv/data/"
    return _watched([*RSYNC.split(), "-e", " ".join(shaped.ssh), source, str(to)], _rsync_line)


def rclone(shaped: Shaped, to: Path) -> Trace:
    host = shaped.host
    source = f":sftp,host={host.address},port={host.port},user=root,key_file='{host.client_key}':/srv/data"
    return _watched([*RCLONE.split(), "--config", "/dev/null", source, str(to)], _rclone_line)


def _watched(command: list[str], line: object) -> Trace:
    began, trace = time.monotonic(), Trace()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None and callable(line)
    said = b""
    for text in _lines(process.stdout.fileno()):
        said = text or said
        found = line(text)
        if found is not None:
            trace.seen.append((time.monotonic() - began, *found))
    if process.wait() != 0:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {said!r}")
    trace.took = time.monotonic() - began
    return trace


def _lines(fd: int) -> Iterator[bytes]:
    rest = b""
    while piece := os.read(fd, 65536):
        *lines, rest = re.split(rb"[\r\n]", rest + piece)
        yield from lines
    yield rest


def _rsync_line(text: bytes) -> tuple[int, float | None] | None:
    found = _RSYNC.match(text)
    if found is None:
        return None
    h, m, s = (int(found[i]) for i in (2, 3, 4))
    return int(found[1].replace(b",", b"")), h * 3600 + m * 60 + s


def _rclone_line(text: bytes) -> tuple[int, float | None] | None:
    found = _RCLONE.search(text)
    if found is None or found[2].decode() not in _UNITS:
        return None
    span = _SPAN.fullmatch(found[3].decode())
    left = None
    if span is not None and any(span.groups()):
        left = float(sum(int(n or 0) * unit for n, unit in zip(span.groups(), (604800, 86400, 3600, 60, 1), strict=True)))
    return int(float(found[1]) * _UNITS[found[2].decode()]), left


PLAN = """
[[steps]]
id = "copy"
on = "{target}"
copy = {{ from = "{source}:/srv/data/", to = "/srv/copy/" }}
"""


def cockpit(shaped: Shaped, target: Host, place: Path, rates: list[tuple[float, float]]) -> Moved:
    """A night of one copy, through the whole of it. The wire's schedule begins with the attempt."""
    plan = HEAD + servers([shaped.host, target]) + PLAN.format(source=shaped.host.name, target=target.name)
    night = Night(place, plan).start()
    try:
        night.until(lambda facts: any(isinstance(f.event, AttemptStarted) for f in facts))
        shaped.follow(rates)
        facts = night.until(lambda facts: any(f.kind == "NightEnded" for f in facts), 300)
        return _moved(facts, night.session.journal_path)
    finally:
        night.stop()


def _moved(facts: list[Fact], journal: Path) -> Moved:
    begun = next(f for f in facts if isinstance(f.event, AttemptStarted))
    ended = next(f for f in facts if isinstance(f.event, AttemptEnded))
    if not isinstance(ended.event, AttemptEnded) or ended.event.result != "done":
        raise RuntimeError(f"the copy failed: {ended.event}")
    reader = Reader.open(journal)
    try:
        return Moved(begun.at, ended.at, reader.samples(f"transfer/{ended.event.task}", begun.at, ended.at))
    finally:
        reader.close()
