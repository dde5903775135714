"""Lays out a demo's directory: the servers' folders with their data, the key, and, once the servers listen, the plan."""

from __future__ import annotations

import getpass
import json
import socket
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from random import Random

import asyncssh

from cockpit.lab import data
from cockpit.lab.machine import Machine
from cockpit.lab.servers import SERVERS

SEED = 20_261_127
BANDWIDTH = "16MB/s"  # over all copies: a person can watch it, and it fits a rehearsal
PLAN = files("cockpit.lab") / "files"

Maker = Callable[[Path, float, Random], None]
DATA: Mapping[str, tuple[str, Maker]] = {
    "fs01": ("srv/share", data.shares), "sql01": ("srv/db", data.database), "web01": ("srv/www", data.site),
    "mail01": ("srv/mail", data.mail), "vmh01": ("srv/images", data.images),
}  # fmt: skip
AT_WORK = ("fs01", "sql01", "web01", "mail01")  # where the business writes until it is frozen
WITH_HTTP = ("fs01", "web01", "mail01")

RC = """# What runs when this server starts: the business, writing a line into the data each second.
cd {root} || exit 1
setsid sh -c 'while :; do date >> "$0"; sleep 1; done' "$(cat etc/data)/journal.log" < /dev/null > /dev/null 2>&1 &
echo $! > run/writer.pid
"""


def lay_out(folder: Path, scale: float) -> None:
    """Everything but the plan, in an empty directory."""
    key = asyncssh.generate_private_key("ssh-ed25519", comment="cockpit demo")
    _keep(key, folder / "key")
    for name, server in SERVERS.items():
        machine = Machine(folder, server)
        machine.install()
        _keep(asyncssh.generate_private_key("ssh-ed25519", comment=name), machine.host_key)
        key.write_public_key(machine.authorized_keys)
        _fill(machine, name, scale)


def _keep(key: asyncssh.SSHKey, path: Path) -> None:
    """As ssh wants it: it refuses a key that others can read."""
    path.touch(mode=0o600)
    key.write_private_key(path)


def _fill(machine: Machine, name: str, scale: float) -> None:
    root, random = machine.root, Random(f"{SEED} {name}")
    if name in DATA:
        where, make = DATA[name]
        (root / where).mkdir(parents=True)
        make(root / where, scale, random)
    if name == "sql01":
        data.disk(root / "dev/sda", scale, random)
    if name == "bkp01":
        (root / "vault").mkdir()
    if name in AT_WORK:
        (root / "etc/data").write_text(DATA[name][0] + "\n")
        machine.start_script.write_text(RC.format(root=f"'{root}'"))


def write_plan(folder: Path, ready: Mapping[str, Mapping[str, object]]) -> Path:
    """The plan for servers that listen: a plain file for people, with everything that differs written in."""
    values = {"user": getpass.getuser(), "key": str(folder / "key"), "bandwidth": BANDWIDTH}
    for name in SERVERS:
        values[f"{name}.root"] = str(folder / "servers" / name)
        values |= {f"{name}.{key}": str(value) for key, value in ready[name].items()}
    for name in WITH_HTTP:
        values[f"{name}.http"] = str(_free_port())
    servers = folder / "servers"
    sources = [data.apparent_bytes(servers / name / DATA[name][0]) for name in AT_WORK]
    values["bytes.source"] = f"{max(sources) / 1e6:.1f}MB"
    values["bytes.images"] = f"{data.apparent_bytes(servers / 'vmh01' / 'srv/images') / 1e6:.1f}MB"
    values["bytes.disk"] = f"{data.apparent_bytes(servers / 'sql01' / 'dev/sda') / 1e6:.1f}MB"
    text = (PLAN / "night.toml").read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", json.dumps(value)[1:-1])
    plan = folder / "plan.toml"
    plan.write_text(text)
    (folder / "files").mkdir(exist_ok=True)
    (folder / "files" / "rebuild.sh").write_text((PLAN / "rebuild.sh").read_text())
    return plan


def _free_port() -> int:
    """Free now; the service that is to listen there starts minutes later."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def moved_bytes(folder: Path) -> int:
    """Real bytes that the night's copies move from one server to another: every source out and in, the images too, the disk."""
    servers = folder / "servers"
    there = [data.real_bytes(servers / name / where) for name, (where, _) in DATA.items()]
    return 2 * sum(there) + data.real_bytes(servers / "sql01" / "dev/sda")
