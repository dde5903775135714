"""ansible-core on the same servers: one play of `raw` tasks, forks=50, in a virtual environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.measure import Row
from tests.hosts import Host, known_hosts

VENV = Path(__file__).resolve().parents[2] / "build/bench-ansible"


def installed() -> Path:
    """ansible-playbook's path; installs ansible-core on first use."""
    tool = VENV / "bin/ansible-playbook"
    if not tool.exists():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        subprocess.run([str(VENV / "bin/pip"), "install", "-q", "ansible-core"], check=True)
    return tool


def versions() -> list[Row]:
    said = subprocess.run([str(installed()), "--version"], capture_output=True, text=True, check=True).stdout
    return [Row("version: ansible-core", said.splitlines()[0])]


def write_play(place: Path, made: list[Host], steps: int) -> None:
    """inventory, play and configuration as someone who cares about speed would set them."""
    trusted = known_hosts(made, place / "ansible_known_hosts")
    common = f"ansible_ssh_common_args='-F /dev/null -o UserKnownHostsFile={trusted}'"
    lines = [f"{host.name} ansible_host={host.address} ansible_port={host.port} ansible_user={host.user} "
             f"ansible_ssh_private_key_file={host.client_key} {common}" for host in made]
    (place / "inventory").write_text("\n".join(lines) + "\n")
    tasks = "".join(f"    - raw: echo step {number}\n" for number in range(steps))
    (place / "play.yml").write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")
    (place / "ansible.cfg").write_text(
        f"[defaults]\nforks = 50\ninventory = {place}/inventory\nlocal_tmp = {place}/tmp\nstdout_callback = minimal\n"
        f"[ssh_connection]\npipelining = true\ncontrol_path_dir = {place}/cp\n"
        "ssh_args = -o ControlMaster=auto -o ControlPersist=60s\n"
    )


def play(place: Path) -> float:
    """Seconds for the whole of it, its own start included."""
    environment = {**os.environ, "ANSIBLE_CONFIG": str(place / "ansible.cfg"), "ANSIBLE_HOME": str(place)}
    began = time.perf_counter()
    command = [str(installed()), str(place / "play.yml")]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ansible: {done.stdout[-2000:]!r} {done.stderr[-2000:]!r}")
    return time.perf_counter() - began
