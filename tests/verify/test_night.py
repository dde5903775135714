"""Verify steps in whole nights: what `status` and a gate say of them, and what no death of an engine or a server changes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.factory import Hosts
from tests.night.conftest import cockpit, place
from tests.night.sessions import Cockpit, lines, write_plan

__all__ = ["cockpit", "place"]

PROVE = """
[[steps]]
id = "copy"
on = "fs01"
copy = { from = "/srv/data/", to = "nas01:/vault/fs01/" }

[[steps]]
id = "prove"
on = "fs01"
verify = [
    { name = "same", compare = ["/srv/data", "nas01:/vault/fs01", "bkp01:/srv/replica"], meta = true },
    { name = "rows", run = "cat /srv/data/rows", expect = "^42$" },
]

[[steps]]
id = "go"
gate = { requires = ["prove"] }

[[steps]]
id = "restore"
on = "fs01"
copy = { from = "bkp01:/srv/replica/", to = "/srv/data/" }
"""


def make(hosts: Hosts) -> list[Any]:
    made = [hosts("fs01", sudo="nopasswd"), hosts("nas01", sftp_only=True), hosts("bkp01", without=("python3",), sudo="nopasswd")]
    data = made[0].path("/srv/data")
    (data / "sub").mkdir(parents=True)
    (data / "rows").write_text("42\n")
    (data / "sub/f").write_bytes(os.urandom(5000))
    made[0].own("/srv/data")
    subprocess.run(["cp", "-a", str(data), str(made[2].path("/srv/replica"))], check=True)
    return made


def proofs(cockpit: Cockpit) -> dict[str, dict[str, Any]]:
    return {f"{p['step']}/{p['check']}@{p['server']}": p for p in cockpit.status()["proofs"]}


def test_a_proof_from_pass_to_stale(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    made = make(hosts)
    plan = write_plan(place, made, PROVE)
    cockpit("run", str(plan), "--headless", code=4)
    told = proofs(cockpit)["prove/same@fs01"]
    assert told["result"] == "pass" and told["fresh"] is True, told
    assert told["evidence"].startswith("3 places agree: 2 files, 2 directories, 5.00 kB; by sha256 of every byte, mode"), told
    cockpit("do", told_of(cockpit), "go", "go", "--as", "lead")
    cockpit.until(lambda s: s["outcome"] == "done")
    found = proofs(cockpit)
    assert found["prove/same@fs01"]["fresh"] is False, "data was copied over its source"
    assert found["prove/rows@fs01"]["fresh"] is True


def test_one_flipped_byte_holds_the_gate(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    made = make(hosts)
    with made[2].path("/srv/replica/sub/f").open("r+b") as file:
        byte = file.read(1)
        file.seek(0)
        file.write(bytes([byte[0] ^ 1]))
    plan = write_plan(place, made, PROVE.replace(", meta = true", ""))
    cockpit("run", str(plan), "--headless", code=None)
    status = cockpit.status()
    task = next(t for t in status["tasks"] if t["step"] == "prove")
    assert task["state"] == "failed" and "DIFFER sub/f at bkp01:/srv/replica" in task["error"], task
    found = proofs(cockpit)
    assert found["prove/same@fs01"]["result"] == "fail" and "sub/f" in found["prove/same@fs01"]["evidence"]
    assert found["prove/rows@fs01"]["result"] == "pass"
    made[2].path("/srv/replica/sub/f").write_bytes(made[0].path("/srv/data/sub/f").read_bytes())
    cockpit("do", told_of(cockpit), "retry", "prove@fs01", "--as", "lead")
    cockpit.until(lambda s: any(n["kind"] == "gate" for n in s["needs_you"]))
    assert proofs(cockpit)["prove/same@fs01"]["result"] == "pass"


def told_of(cockpit: Cockpit) -> str:
    return str(cockpit.status()["session"])


SLOW = """
[[steps]]
id = "prove"
on = "fs01"
verify = [
    { name = "slow", run = "echo x >>/srv/tries; touch /srv/begun; until [ -e /srv/flag ]; do sleep 0.05; done; echo ok" },
    { name = "quick", run = "echo ok" },
]
"""


def begin(plan: Path) -> subprocess.Popen[str]:
    """A follower; returns when its night has begun."""
    command = [sys.executable, "-m", "cockpit", "run", str(plan), "--headless", "--wait"]
    follower = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    assert follower.stdout is not None
    assert follower.stdout.readline(), "it was refused"
    return follower


@pytest.mark.parametrize("death", ["engine"])
def test_after_a_loss_the_checks_simply_run_again(death: str, cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    host = hosts("fs01", user="root")
    plan = write_plan(place, [host], SLOW)
    follower = begin(plan)
    host.run("until [ -e /srv/begun ]; do sleep 0.05; done; rm /srv/begun")
    if death == "engine":
        cockpit.kill_engine()
        host.path("/srv/flag").touch()
        cockpit("resume", "--headless")
    else:
        host.kill_sshd()
        cockpit.until(lambda s: s["tasks"][0]["state"] == "unknown")
        host.start_sshd()
        host.run("until [ -e /srv/begun ]; do sleep 0.05; done; touch /srv/flag")
    cockpit.until(lambda s: s["outcome"] == "done")
    follower.communicate(timeout=30)
    found = proofs(cockpit)
    assert {key: p["result"] for key, p in found.items()} == {"prove/slow@fs01": "pass", "prove/quick@fs01": "pass"}
    assert lines(host, "/srv/tries") == ["x", "x"]
