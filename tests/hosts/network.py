"""A network namespace with one wire to the machine: behind it stand the hosts that only a jump host can reach."""

from __future__ import annotations

import secrets
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.hosts.tools import find, require


class Wire:
    """`address` is reachable from the machine; what else listens inside is not. `holder` is a process in it."""

    def __init__(self) -> None:
        require("ip", root=True)
        self._joined = False
        self._process = subprocess.Popen(
            [str(find("unshare")), "--net", "sh", "-c", "echo; exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()
        self.holder = self._process.pid
        number = self._plugged()
        net, first = f"10.177.{number // 64}", number % 64 * 4
        self._here, self.address = f"{net}.{first + 1}", f"{net}.{first + 2}"
        _ip("addr", "add", f"{self._here}/30", "dev", self._device)
        _ip("link", "set", self._device, "up")
        self._inside(f"ip link set lo up; ip addr add {self.address}/30 dev eth0; ip link set eth0 up")

    def _plugged(self) -> int:
        """A number that no other wire of this machine has, tests of other processes among them."""
        while True:
            number = secrets.randbelow(16384)
            self._device = f"ct{number}"
            with suppress(subprocess.CalledProcessError):
                _ip("link", "add", self._device, "type", "veth", "peer", "name", "eth0", "netns", str(self.holder))
                return number

    def join(self) -> None:
        """Hosts behind other wires that were joined are reached too, by way of the machine."""
        Path(f"/proc/sys/net/ipv4/conf/{self._device}/forwarding").write_text("1")
        self._joined = True
        self._inside(self._route)

    def cut(self) -> None:
        """As if the cable were pulled: nobody hears that it went."""
        self._inside("ip link set eth0 down")

    def mend(self) -> None:
        self._inside("ip link set eth0 up" + f"; {self._route}" * self._joined)

    @property
    def _route(self) -> str:
        return f"ip route add default via {self._here}"

    def _inside(self, script: str) -> None:
        subprocess.run([str(find("nsenter")), f"--net=/proc/{self.holder}/ns/net", "sh", "-ec", script], check=True)

    def close(self) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


def _ip(*words: str) -> None:
    subprocess.run([str(find("ip")), *words], check=True, capture_output=True)
