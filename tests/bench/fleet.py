"""17 trivial steps on 50 real sshd: the whole cockpit beside a bare asyncssh script and ansible-core.

All hosts' disks are in memory: they share this machine's one disk, whose file system takes up to a millisecond to create a
file while 50 servers do so at once, which fifty real servers would not wait for. The journal is on the disk, as ever.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cockpit.journal.events import AttemptEnded
from tests.bench import ansible
from tests.bench.measure import Row, at_least, at_most, interleaved, ratio, spread
from tests.bench.night import HEAD, Night, servers
from tests.bench.peers import packages
from tests.hosts import Host, Hosts, known_hosts

SERVERS, STEPS = 50, 17
MEMORY = Path("/dev/shm")


def plan(made: list[Host]) -> str:
    """A manual step holds everybody back until all are connected; then each server walks down its own list."""
    steps = '[[steps]]\nid = "go"\ntitle = "Go"\nmanual = "Say go"\n'
    for number in range(STEPS):
        steps += f'[[steps]]\nid = "s{number:02d}"\ntitle = "Step"\non = "all"\nrun = "echo step {number}"\n'
    return f"{HEAD}[limits]\njobs = {len(made)}\n{servers(made)}{steps}"


def cockpit(made: list[Host]) -> float:
    """Seconds from saying go on the control socket to the fact that ends the night."""
    place = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        night = Night(place, plan(made)).start()
        try:
            return walked(night, made)
        finally:
            night.stop()
    finally:
        shutil.rmtree(place, ignore_errors=True)


def walked(night: Night, made: list[Host]) -> float:
    night.contacted(len(made))
    began = time.time()
    night.send("done", "go")
    facts = night.until(lambda facts: any(fact.kind == "NightEnded" for fact in facts))
    good = [fact for fact in facts if isinstance(fact.event, AttemptEnded) and fact.event.result == "done"]
    if len(good) < len(made) * STEPS:
        raise RuntimeError(f"{len(good)} tasks done of {len(made) * STEPS}")
    return next(fact.at for fact in facts if fact.kind == "NightEnded") - began


def bare(place: Path, made: list[Host]) -> float:
    spec = {"hosts": [[host.address, host.port, host.user] for host in made], "key": str(made[0].client_key),
            "known_hosts": str(known_hosts(made, place / "known_hosts"))}
    (place / "hosts.json").write_text(json.dumps(spec))
    script = [sys.executable, "-m", "tests.bench.bare", str(place / "hosts.json"), str(STEPS)]
    done = subprocess.run(script, capture_output=True, text=True, check=True, env=dict(os.environ))
    _connecting, running = map(float, done.stdout.split())
    return running


def run(rounds: int) -> list[Row]:
    hosts, place = Hosts(MEMORY), Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        made = hosts.many(SERVERS)
        ansible.write_play(place, made, STEPS)
        ansible.installed()
        sides = {
            "bare": lambda: bare(place, made),
            "cockpit": lambda: cockpit(made),
            "ansible": lambda: ansible.play(place),
        }
        took = interleaved(sides, rounds)
    finally:
        hosts.close()
        shutil.rmtree(place, ignore_errors=True)
    return [
        *packages("asyncssh"), *ansible.versions(),
        Row(f"{STEPS} trivial steps on {SERVERS} sshd"),
        Row("  peer: bare asyncssh", f"python -m tests.bench.bare hosts.json {STEPS}: a conn.run for each command, contact made"),
        Row("  peer: ansible-core", f"ansible-playbook play.yml: {STEPS} raw tasks, forks = 50, pipelining, ControlPersist"),
        Row("  cockpit, contact made", spread(took["cockpit"])),
        Row("  bare asyncssh, contact made", spread(took["bare"])),
        Row("  ansible-core", spread(took["ansible"])),
        at_most(ratio(took["cockpit"], took["bare"]), 1.5, "  cockpit / bare asyncssh", "x"),
        at_least(ratio(took["ansible"], took["cockpit"]), 5, "  ansible-core / cockpit", "x"),
    ]
