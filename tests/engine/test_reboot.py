"""`reboot` of servers that cannot, or will not: said in their own words, and soon. Real sshd, real sudo."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.state.model import Task
from cockpit.steps import reboot
from tests.engine.ground import night, session_of
from tests.hosts import Host, Hosts, section

STEP = '[[steps]]\nid = "restart"\non = "fs01"\nreboot = true\n'


async def restarted(host: Host, place: Path, home: Path, servers: str) -> Task:
    """The step when it has ended."""
    (home / ".ssh/known_hosts").write_text(host.known_hosts)
    async with night(session_of(place, servers + STEP)) as here:
        state = await here.until(lambda s: s.outcome or s.tasks["restart@fs01"].state in ("done", "failed"), 30)
        return state.tasks["restart@fs01"]


def told(task: Task) -> str:
    assert task.state == "failed" and task.attempt is not None
    return task.attempt.error or ""


async def test_sudos_refusal_is_said_at_once(hosts: Hosts, tmp_path: Path, own_home: Path) -> None:
    host = hosts("fs01", sudo="password")
    servers = section(host).replace('become_password = "sudo_password"\n', "")
    said = told(await restarted(host, tmp_path, own_home, servers))
    assert "sudo refused" in said and "a password is required" in said, said
    assert host.boot_count == 1


def says(host: Host, state: str) -> None:
    """Of itself, where somebody asks systemctl; which does nothing else."""
    tool = host.root / ".sbin/systemctl"
    tool.write_text(f"#!/bin/sh\n[ $1 != is-system-running ] || echo {state}\nexit 1\n")
    tool.chmod(0o755)


@pytest.mark.parametrize(("state", "bound"), [("degraded", "STILL_THERE"), ("offline", "UNTOLD")])
async def test_a_server_that_stays_says_why(
    state: str, bound: str, hosts: Hosts, tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reboot, "STILL_THERE", 0.5)
    monkeypatch.setattr(reboot, bound, 1.0)
    host = hosts("fs01", user="root")
    says(host, state)
    for tool in ("reboot", "shutdown"):
        (host.root / ".sbin" / tool).write_text(f"#!/bin/sh\necho {tool}: a backup runs, ask otto >&2; exit 1\n")
    said = told(await restarted(host, tmp_path, own_home, section(host)))
    assert "has not gone down" in said and "reboot: a backup runs, ask otto; shutdown: a backup runs" in said, said


async def test_one_without_a_boot_id_is_not_rebooted(hosts: Hosts, tmp_path: Path, own_home: Path) -> None:
    host = hosts("fs01", user="root")
    (host.root / ".boot_id").write_text("")
    said = told(await restarted(host, tmp_path, own_home, section(host)))
    assert "no boot id" in said, said
    assert host.boot_count == 1


async def test_one_that_reboots_is_found_in_its_new_boot(hosts: Hosts, tmp_path: Path, own_home: Path) -> None:
    host = hosts("fs01", sudo="nopasswd")
    before = host.boot_id
    task = await restarted(host, tmp_path, own_home, section(host))
    assert task.state == "done" and host.boot_id != before and host.boot_count == 2


@pytest.mark.parametrize("state", ["", "stopping"])
async def test_one_that_takes_its_time_and_is_not_known_to_stay_is_waited_for(
    state: str, hosts: Hosts, tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host without systemd, or in the middle of its shutdown."""
    monkeypatch.setattr(reboot, "STILL_THERE", 0.5)
    host = hosts("fs01", user="root")
    says(host, state)
    (host.root / ".sbin/reboot").write_text("#!/bin/sh\n(sleep 3; exec busybox reboot -f) </dev/null >/dev/null 2>&1 &\n")
    task = await restarted(host, tmp_path, own_home, section(host))
    assert task.state == "done" and host.boot_count == 2, told(task)
