"""Making hosts for a test, writing the part of a plan that names them, and leaving nothing behind."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import tomli_w

from tests.hosts.host import Host


class Hosts:
    """`hosts("fs01", shell="csh")` makes and starts one; `close` ends all of them and removes their disks."""

    def __init__(self, beside: Path | None = None) -> None:
        """beside: the folder in which the disks are made (None: the machine's usual one)."""
        self._place = Path(tempfile.mkdtemp(prefix="hosts-", dir=beside))
        self._place.chmod(0o755)
        self._all: list[Host] = []

    def __call__(self, name: str, *, start: bool = True, **how: Any) -> Host:
        """See `Host` for `how`. start=False: made, not booted."""
        directory = self._place / f"{len(self._all)}-{name}"
        directory.mkdir()
        host = Host(name, directory=directory, **how)
        self._all.append(host)
        return host.start() if start else host

    def many(self, count: int, prefix: str = "srv", **how: Any) -> list[Host]:
        """Alike hosts, started together."""
        made = [self(f"{prefix}{number:02d}", start=False, **how) for number in range(1, count + 1)]
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(Host.start, made))

    def __iter__(self) -> Any:
        return iter(self._all)

    def close(self) -> None:
        for host in reversed(self._all):
            host.close()
        self._all.clear()
        shutil.rmtree(self._place, ignore_errors=True)


def section(host: Host, **more: Any) -> str:
    """The host's [servers.NAME] of a plan; `more` are further keys (tags=["source"], vars={…}, host_key=…).

    A sudo password is called `sudo_password`: the plan must have that secret input."""
    entry: dict[str, Any] = {"host": host.address, "port": host.port, "user": host.user, "key": str(host.client_key)}
    if host.sftp_only:
        entry["sftp_only"] = True
    if host.sudo != "none":
        entry["become"] = "sudo"
    if host.sudo == "password":
        entry["become_password"] = "sudo_password"
    if host.via:
        entry["via"] = host.via.name
    return tomli_w.dumps({"servers": {host.name: entry | more}}) + "\n"


def known_hosts(hosts: Iterable[Host], path: Path) -> Path:
    """Write a known_hosts file that trusts these hosts as they are now."""
    path.write_text("".join(host.known_hosts for host in hosts))
    return path
