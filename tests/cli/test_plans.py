"""`cockpit check` and `cockpit new` as a technician meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.night.sessions import Cockpit

GOOD = """
[plan]
version = 1
name = "a night"
[window]
opens = "+0s"
closes = "+13h"
[servers.fs01]
host = "10.0.0.1"
[[steps]]
id = "look"
on = "all"
run = "true"
estimate = "10m"
[[steps]]
id = "go"
gate = { requires = ["look"] }
"""


@pytest.fixture
def plan(place: Path) -> Path:
    path = place / "night.toml"
    path.write_text(GOOD)
    return path


def test_check_shows_the_schedule(apart: Cockpit, plan: Path) -> None:
    said = apart("check", str(plan)).stdout
    assert "look" in said and "critical path: look@fs01 > go" in said and "to spare" in said
    found = json.loads(apart("check", str(plan), "--json").stdout)
    assert found["ok"] and found["critical"] == ["look@fs01", "go"]
    assert {t["task"]: t["needs"] for t in found["tasks"]} == {"look@fs01": [], "go": ["look@fs01"]}


def test_a_plan_that_cannot_be_done_in_its_window_fails_the_check(cockpit: Cockpit, plan: Path) -> None:
    plan.write_text(GOOD.replace('"10m"', '"14h"'))
    for options in ([], ["--json"]):
        done = cockpit("check", str(plan), *options, code=1)
        assert "1h01 after its window closes" in done.stderr and "critical path" in done.stderr
    assert json.loads(done.stdout)["slack_s"] == -3660
    assert "1h01 too late" in cockpit("check", str(plan), code=1).stdout


def test_check_names_every_problem_with_its_line(apart: Cockpit, plan: Path) -> None:
    plan.write_text(GOOD.replace('host = "10.0.0.1"', "hots = 3").replace('run = "true"', 'rum = "true"\nretries = "two"'))
    done = apart("check", str(plan), code=2)
    assert done.stdout == "" and "Traceback" not in done.stderr
    lines = GOOD.splitlines()
    for text, line in (("hots", lines.index('host = "10.0.0.1"') + 1), ("rum", lines.index('run = "true"') + 1)):
        assert f"night.toml:{line}: " in next(each for each in done.stderr.splitlines() if text in each)
    assert "retries" in done.stderr and "4 problems; nothing runs from" in done.stderr
    found = json.loads(apart("check", str(plan), "--json", code=2).stdout)
    assert not found["ok"] and len(found["problems"]) >= 4 and all(p["line"] for p in found["problems"])


@pytest.mark.parametrize("text", [b"\xff\xfe\x00", b"[plan", b"", b"a = 1\n" * 10])
def test_check_of_what_is_no_plan(cockpit: Cockpit, plan: Path, text: bytes) -> None:
    plan.write_bytes(text)
    done = cockpit("check", str(plan), code=2)
    assert "night.toml" in done.stderr and "Traceback" not in done.stderr


def test_check_of_what_is_not_there(cockpit: Cockpit, place: Path) -> None:
    said = cockpit("check", str(place / "no.toml"), code=2).stderr
    assert "cockpit new" in said and "started" not in said and len(said.splitlines()) == 1
    assert "can't be read" in cockpit("check", str(place), code=2).stderr


def test_new_writes_a_plan_that_check_accepts_and_never_overwrites(apart: Cockpit, place: Path) -> None:
    path = place / "new.toml"
    assert "cockpit check" in apart("new", str(path)).stdout
    apart("check", str(path))
    path.write_text("mine")
    assert "not overwritten" in apart("new", str(path), code=2).stderr
    assert path.read_text() == "mine"


def test_new_from_ssh_config_and_inventory(cockpit: Cockpit, place: Path, own_home: Path) -> None:
    (own_home / ".ssh" / "config").write_text("Host db1 db2\n  User ops\nHost *.lab\n  User x\n")
    (place / "hosts.yml").write_text("files:\n  hosts:\n    fs01: {ansible_host: 10.0.0.9}\n")
    path = place / "new.toml"
    cockpit("new", str(path), "--from-ssh-config", "--from-inventory", str(place / "hosts.yml"))
    found = json.loads(cockpit("check", str(path), "--json").stdout)
    assert {t["server"] for t in found["tasks"]} >= {"db1", "db2", "fs01"}


def test_new_from_what_cannot_be_used_writes_nothing(cockpit: Cockpit, place: Path) -> None:
    path = place / "new.toml"
    assert "can't be read" in cockpit("new", str(path), "--from-inventory", str(place / "none.ini"), code=2).stderr
    said = cockpit("new", str(path), "--from-ssh-config", code=2).stderr
    assert "can't be read" in said and "write the servers into the plan" in said and "--from-inventory FILE" in said
    (place / "bad.yml").write_text("a: [")
    assert "not YAML" in cockpit("new", str(path), "--from-inventory", str(place / "bad.yml"), code=2).stderr
    (place / "empty.ini").write_text("# nobody\n")
    assert "names no host" in cockpit("new", str(path), "--from-inventory", str(place / "empty.ini"), code=2).stderr
    assert not path.exists()
    assert "where you may write" in cockpit("new", str(place / "no" / "where.toml"), code=2).stderr
