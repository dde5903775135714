"""One test host: a disk, its boots, its SSH server, and what a test may do to them.

Every call blocks; a start takes about 50 ms.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import tempfile
import threading
from pathlib import Path
from subprocess import CompletedProcess

from tests.hosts.disk import HOMES, Disk
from tests.hosts.keys import client_key
from tests.hosts.network import Wire
from tests.hosts.server import JAIL, SshServer
from tests.hosts.space import Space, until
from tests.hosts.tools import BASE, require


class Host:
    """A server with everything its own but /usr. See `__init__` for what can differ.

    Attributes: name, address, port, user, password, host_key ("ssh-ed25519 AAAA…"), known_hosts (a line for that file),
    client_key (path), root (its / seen from outside), boot_id, boot_count."""

    def __init__(
        self, name: str, *, shell: str = "bash", sh: str = "dash", userland: str = "gnu", user: str = "ops",
        sudo: str = "none", password: str | None = None, password_login: bool = False, server: str = "openssh",
        noisy_rc: bool = False, max_sessions: int | None = None, sftp_only: bool = False, without: tuple[str, ...] = (),
        read_only_home: bool = False, noexec_tmp: bool = False, small: dict[str, str] | None = None,
        via: Host | None = None, bastion: bool = False, sshd_config: str = "", directory: Path | None = None,
    ) -> None:
        """shell: login shell (bash, dash, busybox, csh, fish or a path). sh: what /bin/sh is (dash, bash, busybox).
        userland: gnu, or busybox applets instead of coreutils. user: ops or root. sudo: none, nopasswd, password.
        password: the user's (for sudo; password_login lets it log in too and authorizes no key). without: hidden tools.
        small: {"/srv": "8m"}, a file system of that size there (emptied by a reboot). via: reachable only through that
        host, which must have been made with bastion=True. sftp_only: a chroot at /srv/jail with /vault, /srv, /tmp."""
        require(*BASE, *({"dropbear": ("dropbear", "dropbearkey")}.get(server, ())), root=True)
        self.name, self.user, self.via = name, user, via
        self.password = password or ("opensesame" if sudo == "password" or password_login else None)
        self.sudo, self.sftp_only = sudo, sftp_only
        self._made = directory or Path(tempfile.mkdtemp(prefix=f"host-{name}-"))
        self._made.chmod(0o755)
        self.root = self._made / "disk"
        self.root.mkdir()
        self._small = tuple(small or ())
        self._wire = Wire() if bastion else None
        self.address, self.port = _free(self._wire.address if self._wire else None)
        self.client_key = client_key()
        mounts = [f"tmpfs {place} tmpfs size={size},mode=1777" for place, size in (small or {}).items()]
        mounts += [f"{HOMES[user]} {HOMES[user]} none bind,ro"] * read_only_home
        mounts += ["/tmp /tmp none bind,noexec", "/var/tmp /var/tmp none bind,noexec"] * noexec_tmp
        passwords = {user: self.password} if self.password else {}
        self._disk = Disk(self.root, name, shell, sh, userland, sudo, passwords, without, tuple(mounts))
        self._disk.make()
        self._server = SshServer(
            self.root, server, self.address, self.port, max_sessions, sftp_only, password_login, sshd_config
        )
        self._server.make()
        if not password_login:
            self._disk.authorize(user, self.client_key.with_suffix(".pub").read_text())
        if noisy_rc:
            self._disk.make_noisy(user)
        self._space: Space | None = None
        self._lock = threading.RLock()
        self._boots = threading.Condition()
        self.boot_count = 0

    @property
    def host_key(self) -> str:
        return self._server.host_key

    @property
    def known_hosts(self) -> str:
        return f"[{self.address}]:{self.port} {self.host_key}\n"

    @property
    def boot_id(self) -> str:
        return (self.root / ".boot_id").read_text().strip()

    @property
    def space(self) -> Space:
        if self._space is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._space

    def start(self) -> Host:
        """Boot it; returns when its SSH server listens."""
        with self._lock:
            if self._space is None:
                self._space = Space(self.root, self.name, self._server.command, self._net())
                self._wait_listening()
                threading.Thread(target=self._watch, args=(self._space,), daemon=True).start()
                with self._boots:
                    self.boot_count += 1
                    self._boots.notify_all()
        return self

    def _net(self) -> int | None:
        wire = self._wire or (self.via._wire if self.via else None)
        if self.via and wire is None:
            raise ValueError(f"{self.via.name} must be made with bastion=True to be the way to {self.name}")
        return wire.holder if wire else None

    def stop(self) -> None:
        """Power off: everything in it dies. Its disk stays; `start` boots it again as it was, with the same boot id."""
        with self._lock:
            space, self._space = self._space, None
            if space is not None:
                space.end()

    def reboot(self) -> None:
        """All its processes die at once; it comes back with a new boot id and what was on its disks."""
        with self._lock:
            self.stop()
            self._disk.new_boot_id()
            self.start()

    def wait_boots(self, count: int, seconds: float = 30.0) -> None:
        """Until it has booted that often in all (`boot_count`): for a reboot asked for from inside."""
        with self._boots:
            if not self._boots.wait_for(lambda: self.boot_count >= count, seconds):
                raise TimeoutError(f"{self.name} has booted {self.boot_count} times, not {count}")

    def _watch(self, space: Space) -> None:
        """Boot again after `reboot` inside: the kernel ends a PID namespace that asked for it with SIGHUP."""
        if space.wait() != -signal.SIGHUP:
            return
        with self._lock:
            if self._space is space:
                self.reboot()

    def kill_sshd(self) -> int:
        """SIGKILL the SSH server and all its connections; what they started lives on. How many processes it was."""
        return self.space.signal(signal.SIGKILL, _is_ssh_server)

    def start_sshd(self) -> None:
        """Start the SSH server again after `kill_sshd`."""
        named = self.root / "run/sshd.pid"
        named.unlink(missing_ok=True)  # a killed one leaves its number there, and it is written only after listening begins
        self.run(self._server.command, timeout=30)
        self._wait_listening()
        until(lambda: named.exists() and named.read_text().strip() != "", f"{self.name} names its SSH server")

    def drop_connections(self) -> int:
        """Kill every connection's server process, not the listener. How many processes it was."""
        listener = int((self.root / "run/sshd.pid").read_text())
        return self.space.signal(signal.SIGKILL, lambda pid: _is_ssh_server(pid) and _inner(pid) != listener)

    def swap_host_key(self) -> str:
        """Another host key, at once: restarts the listener, leaves connections alone. Returns the new public line."""
        key = self._server.new_host_key()
        listener = int((self.root / "run/sshd.pid").read_text())
        self.space.signal(signal.SIGKILL, lambda pid: _inner(pid) == listener)
        until(lambda: not self.space.listens(self.address, self.port), f"{self.name} stops listening")
        self.start_sshd()
        return key

    def freeze(self) -> None:
        """Stop every process in it: the network answers, nobody is home. Told again until nobody moves: what was born
        while the others were told (a login's shell) would run on for good."""
        told: set[int] = set()
        until(lambda: self._nobody_moves(told), f"{self.name} stands still")

    def _nobody_moves(self, told: set[int]) -> bool:
        """After telling all that do. Who is in D and has been told before stops where that ends; a shell is in it for good whose
        child was stopped between vfork and exec."""
        moving = {pid: state for pid in self.space.pids() if (state := _state(pid)) not in "TZX"}
        self.space.signal(signal.SIGSTOP, moving.__contains__)
        still = all(state == "D" and pid in told for pid, state in moving.items())
        told.update(moving)
        return still

    def thaw(self) -> None:
        self.space.signal(signal.SIGCONT)

    def run(self, command: str, *, input: bytes | None = None, timeout: float = 60.0) -> CompletedProcess[bytes]:
        """A command for /bin/sh inside, as root, not over SSH. Output as bytes."""
        return self.space.run(command, input=input, timeout=timeout)

    def path(self, inside: str | Path) -> Path:
        """Where an absolute path of this host is on the machine, for reading and writing directly."""
        inside = str(inside)
        if self._space and inside.startswith(self._small):
            return Path(f"/proc/{self.space.init}/root{inside}")
        return self.root / inside.lstrip("/")

    def seen(self, path: str) -> Path:
        """Where a path that a client sees over SFTP is on the machine (on an sftp-only host: inside the jail)."""
        return self.path(f"{JAIL}{path}" if self.sftp_only else path)

    def pids(self) -> set[int]:
        """Its processes, as the machine numbers them."""
        return set(self.space.pids())

    @property
    def wire(self) -> Wire:
        """Its cable, where it was made with bastion=True."""
        assert self._wire is not None, f"{self.name} has no cable of its own"
        return self._wire

    def own(self, inside: str) -> Path:
        """Give a path to the login user; returns it as seen from outside."""
        path, uid = self.path(inside), 0 if self.user == "root" else 1000
        for each in (path, *path.rglob("*")):
            os.chown(each, uid, uid, follow_symlinks=False)
        return path

    def close(self) -> None:
        """End it and forget its network; the directory is the factory's to remove."""
        self.stop()
        if self._wire:
            self._wire.close()

    def _wait_listening(self) -> None:
        try:
            until(lambda: self.space.listens(self.address, self.port), f"{self.name} listens")
        except TimeoutError as problem:
            logs = [(self.root / "var/log" / name).read_text(errors="replace") for name in ("init.log", "sshd.log")
                    if (self.root / "var/log" / name).exists()]
            raise TimeoutError(f"{problem}\n{''.join(logs)}") from None


def _free(address: str | None) -> tuple[str, int]:
    """An address of its own in 127.77/16 (or the given one) and a port free there."""
    while True:
        where = address or f"127.77.{random.randrange(1, 255)}.{random.randrange(1, 255)}"
        with socket.socket() as sock:
            try:
                sock.bind((where if address is None else "127.77.0.1", 0))
            except OSError:
                continue
            return where, sock.getsockname()[1]


def _is_ssh_server(pid: int) -> bool:
    try:
        tool = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return False
    return tool.startswith(("sshd", "dropbear"))


def _state(pid: int) -> str:
    """R, S, D, T …; X when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0]
    except OSError:
        return "X"


def _inner(pid: int) -> int:
    """The process id that the process has inside, 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return int(next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[-1])
