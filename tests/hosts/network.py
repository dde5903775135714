"""A network namespace with one wire to the machine: behind it stand the hosts that only a jump host can reach."""

from __future__ import annotations

import itertools
import os
import subprocess

from tests.hosts.tools import find, require

_numbers = itertools.count(os.getpid())


class Wire:
    """`address` is reachable from the machine; what else listens inside is not. `holder` is a process in it."""

    def __init__(self) -> None:
        require("ip", root=True)
        number = next(_numbers) % 16384
        net, first = f"10.177.{number // 64}", number % 64 * 4
        here, self.address = f"{net}.{first + 1}", f"{net}.{first + 2}"
        self._device = f"ct{number}"
        self._process = subprocess.Popen(
            [str(find("unshare")), "--net", "sh", "-c", "echo; exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()
        self.holder = self._process.pid
        _ip("link", "add", self._device, "type", "veth", "peer", "name", "eth0", "netns", str(self.holder))
        _ip("addr", "add", f"{here}/30", "dev", self._device)
        _ip("link", "set", self._device, "up")
        script = f"ip link set lo up; ip addr add {self.address}/30 dev eth0; ip link set eth0 up"
        subprocess.run([str(find("nsenter")), f"--net=/proc/{self.holder}/ns/net", "sh", "-ec", script], check=True)

    def cut(self) -> None:
        """As if the cable were pulled."""
        _ip("link", "set", self._device, "down")

    def mend(self) -> None:
        _ip("link", "set", self._device, "up")

    def close(self) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


def _ip(*words: str) -> None:
    subprocess.run([str(find("ip")), *words], check=True, capture_output=True)
