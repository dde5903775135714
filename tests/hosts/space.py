"""The namespaces of a running test host: starting and ending its first process, its processes, commands inside."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from tests.hosts.tools import find

INIT = Path(__file__).with_name("init.sh")
ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "USER": "root"}


class Space:
    """One boot of one host. Everything in it dies with its first process, or when this process ends."""

    def __init__(self, root: Path, name: str, server: str, net: int | None = None) -> None:
        """`net` is the id of a process whose network namespace it enters."""
        enter = [] if net is None else [str(find("nsenter")), f"--net=/proc/{net}/ns/net"]
        apart = [str(find("unshare")), "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child"]
        self._log = root / "var/log/init.log"
        self._process = subprocess.Popen(
            [*enter, *apart, "bash", str(INIT), str(root), name, server],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log.open("ab"), start_new_session=True,
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline().strip()
        if not said:
            self._process.wait()
            raise RuntimeError(f"{name} did not start: {self._log.read_text(errors='replace')}")
        self.init = int(said)

    def wait(self) -> int:
        """Until the whole of it has ended; -SIGHUP when it asked the kernel for a reboot."""
        return self._process.wait()

    def end(self) -> None:
        """Kill everything at once, like a pulled plug."""
        if self._process.poll() is None:  # else the number may already be another process's
            with suppress(ProcessLookupError):
                os.kill(self.init, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def run(self, command: str, *, input: bytes | None, timeout: float) -> subprocess.CompletedProcess[bytes]:
        """A command for /bin/sh inside, as root."""
        into = [str(find("nsenter")), "-t", str(self.init), "-m", "-p", "-u", "-i", "-n", "--", "/bin/sh", "-c"]
        return subprocess.run([*into, command], input=input, capture_output=True, timeout=timeout, env=ENV, check=False)

    def pids(self) -> Iterator[int]:
        """Every process inside, as the machine numbers them, the first process among them."""
        with suppress(OSError):
            inside = os.readlink(f"/proc/{self.init}/ns/pid")
            for entry in os.listdir("/proc"):
                with suppress(OSError):
                    if entry.isdigit() and os.readlink(f"/proc/{entry}/ns/pid") == inside:
                        yield int(entry)

    def signal(self, number: int, chosen: Callable[[int], bool] = lambda pid: True) -> int:
        """Send it to the chosen processes; how many there were."""
        count = 0
        for pid in self.pids():
            with suppress(ProcessLookupError):
                if chosen(pid):
                    os.kill(pid, number)
                    count += 1
        return count

    def listens(self, address: str, port: int) -> bool:
        """Whether something inside listens there, without connecting to it."""
        wanted = "".join(f"{int(part):02X}" for part in reversed(address.split("."))) + f":{port:04X}"
        table = Path(f"/proc/{self.init}/net/tcp").read_text()
        return any(row.split()[1] == wanted and row.split()[3] == "0A" for row in table.splitlines()[1:])


def until(true: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait for something that nothing announces: looked at ever less often, since many looks read all of /proc."""
    deadline, pause = time.monotonic() + seconds, 0.002
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
