"""A server that has several host keys: which of them is asked for, and so shown to a person. As OpenSSH's own client does it."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import asyncssh
import pytest

from cockpit.fleet.trust import fetch_keys
from tests.fleet.ground import ground
from tests.hosts import Host, Hosts

KINDS = {"rsa": "ssh-rsa", "ecdsa": "ecdsa-sha2-nistp256"}


def with_more_keys(hosts: Hosts) -> tuple[Host, dict[str, str]]:
    """An sshd with an RSA and an ECDSA key beside its ed25519 one, named first in its configuration."""
    files = {name: f"/etc/ssh/ssh_host_{name}_key" for name in KINDS}
    host = hosts("many", start=False, sshd_config="".join(f"HostKey {file}\n" for file in files.values()))
    public = {"ed25519": host.host_key}
    for name, kind in KINDS.items():
        key = asyncssh.generate_private_key(kind)
        host.path(files[name]).touch(mode=0o600)
        host.path(files[name]).write_bytes(key.export_private_key("openssh"))
        public[name] = " ".join(key.export_public_key("openssh").decode().split()[:2])
    return host.start(), public


def as_ssh_takes_it(host: Host, place: Path) -> str:
    """The key that OpenSSH's client writes down of a server that it doesn't know."""
    known = place / "as_ssh"
    options = ["StrictHostKeyChecking=accept-new", f"UserKnownHostsFile={known}", "BatchMode=yes", "HashKnownHosts=no"]
    ssh = ["ssh", "-F", "/dev/null", "-i", str(host.client_key), "-p", str(host.port), *(w for o in options for w in ("-o", o))]
    subprocess.run([*ssh, f"{host.user}@{host.address}", "true"], check=True, capture_output=True, timeout=30)
    return " ".join(known.read_text().split()[1:3])


async def test_an_unknown_server_is_asked_for_the_key_that_ssh_would_ask_for(hosts: Hosts, tmp_path: Path) -> None:
    host, public = with_more_keys(hosts)
    async with ground([host], tmp_path, known=False) as here:
        told = await here.down("many", "key-unknown")
        fetched = await fetch_keys(here.fleet, "many")
    assert told.offered_key == fetched.key == public["ed25519"] == await asyncio.to_thread(as_ssh_takes_it, host, tmp_path)


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
async def test_the_key_that_is_known_is_the_one_asked_for(hosts: Hosts, tmp_path: Path, kind: str) -> None:
    host, public = with_more_keys(hosts)
    async with ground([host], tmp_path, known=False, more={"many": {"host_key": public[kind]}}) as here:
        await here.up("many")
        assert here.fleet.remote("many").host_key == public[kind]
        assert (await fetch_keys(here.fleet, "many")).standing == "known"


async def test_a_dropbear_with_only_an_ed25519_key(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("small", server="dropbear")
    async with ground([host], tmp_path, known=False) as here:
        assert (await here.down("small", "key-unknown")).offered_key == host.host_key
        assert (await fetch_keys(here.fleet, "small")).key == host.host_key
        here.fleet.accept_key("small", host.host_key)
        await here.up("small")
