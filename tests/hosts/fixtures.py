"""pytest fixtures over `tests.hosts`: `hosts` (a factory) and `seven` (one server of every sort, for the whole run)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hosts.factory import Hosts
from tests.hosts.host import Host
from tests.hosts.tools import require


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    made = Hosts()
    try:
        yield made
    finally:
        made.close()


def make_seven(made: Hosts) -> dict[str, Host]:
    """Seven servers, no two alike: every shell, both sudos, root, a jump host, one session, only sftp."""
    require("busybox", "csh", "fish", "sudo", "dropbear")
    bastion = made("bastion", shell="bash", noisy_rc=True, sudo="nopasswd", bastion=True)
    rest = [
        bastion,
        made("fs01", shell="csh", sudo="password"),
        made("db01", shell="bash", user="root"),
        made("web01", shell="fish", sudo="nopasswd", max_sessions=1),
        made("app01", shell="dash", sudo="nopasswd", via=bastion, without=("python3", "flock")),
        made("old01", shell="busybox", sh="busybox", userland="busybox", user="root", server="dropbear",
             without=("rsync", "python3")),
        made("nas01", sftp_only=True),
    ]
    return {host.name: host for host in rest}


@pytest.fixture(scope="session")
def seven() -> Iterator[dict[str, Host]]:
    """By name: bastion, fs01, db01, web01, app01 (through bastion), old01 (dropbear, busybox), nas01 (sftp only)."""
    made = Hosts()
    try:
        yield make_seven(made)
    finally:
        made.close()
