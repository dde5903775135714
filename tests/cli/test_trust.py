"""`cockpit trust`: what is unknown is shown and asked for, what has changed is never taken."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.hosts import Hosts
from tests.night.sessions import Cockpit, write_plan

STEPS = '[[steps]]\nid = "look"\non = "all"\nrun = "true"\n'


def forget(plan: Path) -> Path:
    """No host key is known any longer."""
    known = plan.with_name(plan.name + ".known_hosts")
    known.unlink()
    return known


def test_unknown_keys_are_kept_with_yes_and_known_ones_left_alone(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    made = [hosts("fs01", user="root"), hosts("web01", user="root")]
    plan = write_plan(place, made, STEPS)
    known = forget(plan)
    done = cockpit("trust", str(plan), "--yes")
    assert "2 of 2 servers" in done.stdout and "2 new in" in done.stdout
    for host in made:
        assert host.host_key.split()[1] in known.read_text()
    before = known.read_text()
    assert "nothing new" in cockpit("trust", str(plan)).stdout
    assert known.read_text() == before
    cockpit("run", str(plan), "--headless")


def test_a_person_sees_the_fingerprint_and_may_refuse_it(apart: Cockpit, hosts: Hosts, place: Path) -> None:
    host = hosts("fs01", user="root")
    plan = write_plan(place, [host], STEPS)
    known = forget(plan)
    public = place / "key.pub"
    public.write_text(host.host_key)
    fingerprint = subprocess.run(["ssh-keygen", "-lf", str(public)], capture_output=True, text=True, check=True).stdout.split()[1]
    refused = apart("trust", str(plan), code=1, input="n\n")
    assert fingerprint in refused.stdout and not known.exists()
    accepted = apart("trust", str(plan), input="y\n")
    assert fingerprint in accepted.stdout and known.exists()


def test_nobody_answers(apart: Cockpit, hosts: Hosts, place: Path) -> None:
    plan = write_plan(place, [hosts("fs01", user="root")], STEPS)
    forget(plan)
    done = apart("trust", str(plan), code=2)
    assert "no answer was given" in done.stderr


def test_a_changed_key_is_never_accepted(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    fs01, web01 = hosts("fs01", user="root"), hosts("web01", user="root")
    plan = write_plan(place, [fs01, web01], STEPS)
    known = plan.with_name(plan.name + ".known_hosts")
    known.write_text(fs01.known_hosts)
    old = fs01.host_key
    new = fs01.swap_host_key()
    done = cockpit("trust", str(plan), "--yes", code=2)
    assert "fs01: CHANGED" in done.stderr and "ssh-keygen -R" in done.stderr
    text = known.read_text()
    assert old.split()[1] in text and new.split()[1] not in text
    assert web01.host_key.split()[1] in text, "the unknown one of another server is still taken"


def test_jump_hosts_come_first(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    bastion = hosts("bastion", user="root", bastion=True)
    behind = hosts("app01", user="root", via=bastion)
    plan = write_plan(place, [behind, bastion], STEPS)
    known = forget(plan)
    done = cockpit("trust", str(plan), "--yes")
    assert done.stdout.index("bastion:") < done.stdout.index("app01:")
    assert len(known.read_text().splitlines()) == 2


def test_a_dead_host_is_named_and_the_others_are_kept(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    dead, alive = hosts("fs01", user="root"), hosts("web01", user="root")
    plan = write_plan(place, [dead, alive], STEPS)
    known = forget(plan)
    dead.stop()
    done = cockpit("trust", str(plan), "--yes", code=1)
    assert "fs01" in done.stderr and "1 of 2 servers" in done.stdout
    assert len(known.read_text().splitlines()) == 1
