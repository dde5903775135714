"""Hostile output: escape sequences, bytes that are no text, a line of 10 MB, 100 MB in all. Others don't notice."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from cockpit.journal.reader import Reader
from tests.hosts import Hosts
from tests.night.sessions import Cockpit, lines, write_plan

STEPS = r"""
[[steps]]
id = "loud"
on = "fs01"
run = '''
printf '\033[2J\033]0;title\007\033P+q\033\\ \302\233 \377\376\200 \000 end\n'
head -c 10000000 /dev/zero | tr '\0' x; echo
head -c 90000000 /dev/urandom | tee /srv/noise
'''

[[steps]]
id = "one"
on = "web01"
needs = []
run = "echo one"

[[steps]]
id = "calm"
on = "web01"
needs = ["one"]
run = "i=0; while [ $i -lt 20 ]; do date +%s.%N >> /srv/beats; sleep 0.1; i=$((i+1)); done"

[[steps]]
id = "two"
on = "web01"
needs = ["calm"]
run = "echo two"
"""


def test_hostile_output_disturbs_nobody(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    loud, calm = hosts("fs01", user="root"), hosts("web01", user="root")
    follower = cockpit.start(write_plan(place, [loud, calm], STEPS))
    cockpit.until_state("two@web01", "done")
    beats = [float(b) for b in lines(calm, "/srv/beats")]
    ended = datetime.fromisoformat(cockpit.task("calm@web01")["ended"]).astimezone(UTC).timestamp()
    assert ended - beats[-1] < 5.0, "its end is heard while the other one shouts"
    assert follower.wait(90) == 0
    reader = Reader.open(cockpit.session().journal_path)
    whole, size = hashlib.sha256(), 0
    for piece in reader.attempt_output("loud@fs01", 1, "out"):
        whole.update(piece)
        size += len(piece)
    reader.close()
    first = b"\033[2J\033]0;title\007\033P+q\033\\ \302\233 \377\376\200 \000 end\n" + b"x" * 10_000_000 + b"\n"
    expected = hashlib.sha256(first)
    expected.update(loud.path("/srv/noise").read_bytes())
    assert size == len(first) + 90_000_000
    assert whole.digest() == expected.digest()
