"""The demo at its full size, from a fresh installation: how long it takes, what it moves and proves; and one flipped byte, found.

Each in a network of its own, whose loopback carries nothing but that demo: the kernel counts what its servers really sent.
tests/lab/test_demo.py has the rest, with little data.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import require
from tests.hosts.tools import find

LIMIT = 150.0  # seconds that the whole of it may take on two cores
DATA = 200_000_000  # bytes that it moves at least
ALONE = 'ip link set lo up; "$@"; code=$?; echo; grep lo: /proc/net/dev; exit $code'


@dataclass(frozen=True)
class Demo:
    code: int
    said: str
    complained: str
    seconds: float
    carried: int  # bytes that crossed its network, SSH's own among them
    status: dict[str, Any]


@pytest.fixture
def demo(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """demo(*options): `cockpit demo --headless` in a network of its own, and what `cockpit status --json` says afterwards."""
    require("ip", "rsync", root=True)
    monkeypatch.delenv("PYTHONPATH", raising=False)

    def run(*options: str) -> Demo:
        alone = [str(find("unshare")), "--net", "sh", "-c", ALONE, "sh", installed, "demo", "--headless", *options]
        began = time.monotonic()
        done = subprocess.run(alone, cwd="/", capture_output=True, text=True, timeout=2 * LIMIT, check=False)
        seconds = time.monotonic() - began
        said, _, device = done.stdout.rpartition("lo:")
        asked = subprocess.run([installed, "status", "--json"], cwd="/", capture_output=True, text=True, timeout=60, check=True)
        return Demo(done.returncode, said, done.stderr, seconds, int(device.split()[0]), json.loads(asked.stdout))

    return run


@pytest.mark.timeout(500)
def test_in_a_fresh_environment_it_proves_a_whole_night_in_time(demo: Any) -> None:
    night = demo()
    assert night.code == 0, night.said + night.complained
    print(f"\n{night.seconds:.0f} s, {night.carried / 1e6:.0f} MB over its network")
    assert night.seconds < LIMIT
    tasks, proofs = [t for t in night.status["tasks"] if t["phase"] == "night"], night.status["proofs"]
    assert night.status["outcome"] == "done" and len({task["step"] for task in tasks}) == 17
    assert [t for t in tasks if t["state"] != "done" and not (t["state"] == "skipped" and t["who"] is None)] == []
    assert len(proofs) >= 14 and [p for p in proofs if p["result"] != "pass" or not p["fresh"]] == []
    copied = [task for task in tasks if task["kind"] == "copy"]
    assert all(task["bytes_done"] == task["bytes_total"] for task in copied)
    assert sum(task["bytes_done"] for task in copied) >= DATA, "the journal says so, holes included"
    assert night.carried >= DATA, "and no hole crosses a network"


@pytest.mark.timeout(500)
def test_one_flipped_byte_is_found_and_its_file_named(demo: Any) -> None:
    night = demo("--flip-byte")
    assert night.code == 1, night.said + night.complained
    flipped = re.search(r"one byte flipped in .+/export/shares/(.+)", night.said)
    assert flipped is not None, night.said
    assert re.search(rf"proof@fs01: .*{re.escape(flipped[1])}", night.complained), night.complained
    proofs = [proof for proof in night.status["proofs"] if proof["result"] != "pass"]
    assert [(proof["step"], proof["server"]) for proof in proofs] == [("proof", "fs01")]
    assert flipped[1] in proofs[0]["evidence"]
    assert night.status["outcome"] == "backed-out"
