"""The disk of a test host: a directory that becomes its /. Knows no processes.

Everything is the host's own but /usr and a few read-only parts of /etc, which are bound from the machine.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path

SHELLS = {"bash": "/bin/bash", "dash": "/bin/dash", "busybox": "/opt/ash", "csh": "/bin/csh", "fish": "/usr/bin/fish"}
HOMES = {"root": "/root", "ops": "/home/ops"}
UIDS = {"root": 0, "ops": 1000}
BOUND_ETC = ("alternatives", "pam.d", "security", "ssl")  # read-only from the machine
NAME_SERVICES = ("passwd", "group", "shadow", "hosts", "sudoers")
COPIED_ETC = ("ld.so.cache", "ld.so.conf", "login.defs", "services", "protocols", "bash.bashrc", "profile")
TOOL_DIRS = ("usr/bin", "usr/sbin", "usr/local/bin")
NOISE = "*** NOTICE *** this system is monitored; disk usage 97% \\033[31mred\\033[0m ***"
KEPT_BESIDE_BUSYBOX = ("busybox", "sudo", "rsync", "ssh", "dropbear", "bash", "dash", "python3")


@dataclass
class Disk:
    """A host's / on this machine. `mounts` are extra fstab lines whose target is written as the host sees it."""

    root: Path
    name: str
    shell: str = "bash"
    sh: str = "dash"  # what /bin/sh is: dash | bash | busybox
    userland: str = "gnu"  # gnu | busybox
    sudo: str = "none"  # none | nopasswd | password
    passwords: dict[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()

    def make(self) -> None:
        """Write the whole tree. The time is a few milliseconds, more where tools are hidden for the first time."""
        for place in ("usr", "dev", "sys", "proc", "srv", "mnt", "opt", "run/sshd", "run/sudo", "etc", "home", ".sbin"):
            (self.root / place).mkdir(parents=True)
        for place in ("var/log", "var/lib/sudo", "var/empty", "var/cache", "var/spool"):
            (self.root / place).mkdir(parents=True)
        for place in ("tmp", "var/tmp"):
            (self.root / place).mkdir()
            (self.root / place).chmod(0o1777)
        (self.root / "run/sudo").chmod(0o711)
        (self.root / "var/run").symlink_to("/run")
        for link in ("bin", "sbin", "lib", "lib32", "lib64"):
            if Path("/", link).is_symlink():
                (self.root / link).symlink_to(f"usr/{link}")
        (self.root / "opt/ash").symlink_to("/usr/bin/busybox")
        self._etc()
        self._homes()
        self._power_tools()
        self._fstab(self._farms())
        self.new_boot_id()

    def new_boot_id(self) -> str:
        boot_id = str(uuid.uuid4())
        (self.root / ".boot_id").write_text(boot_id + "\n")
        return boot_id

    def _etc(self) -> None:
        etc = self.root / "etc"
        shell = SHELLS.get(self.shell, self.shell)
        (etc / "passwd").write_text(
            f"root:x:0:0:root:/root:{shell}\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n"
            f"sshd:x:100:65534::/run/sshd:/usr/sbin/nologin\nops:x:1000:1000:Operator:/home/ops:{shell}\n"
        )
        (etc / "group").write_text("root:x:0:\nshadow:x:42:\ntty:x:5:\nnogroup:x:65534:\nops:x:1000:\n")
        lines = [f"{user}:{_hash(self.passwords.get(user))}:19000:0:99999:7:::\n" for user in UIDS]
        _private(etc / "shadow", "".join(lines), 0o640)
        (etc / "hostname").write_text(self.name + "\n")
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {self.name}\n")
        (etc / "nsswitch.conf").write_text("".join(f"{each}: files\n" for each in NAME_SERVICES))
        (etc / "shells").write_text("".join(f"{path}\n" for path in ("/bin/sh", *SHELLS.values())))
        (etc / "os-release").write_text(f'NAME="Test host"\nID=test\nPRETTY_NAME="Test host {self.name}"\n')
        (etc / "fstab").write_text("")
        (etc / "mtab").symlink_to("/proc/self/mounts")
        grant = {"none": "", "nopasswd": "ops ALL=(ALL:ALL) NOPASSWD: ALL\n", "password": "ops ALL=(ALL:ALL) ALL\n"}
        secure = 'Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"\n'
        _private(etc / "sudoers", f"{secure}root ALL=(ALL:ALL) ALL\n{grant[self.sudo]}", 0o440)
        for entry in COPIED_ETC:
            if Path("/etc", entry).is_file():
                shutil.copy(Path("/etc", entry), etc / entry)
        (etc / "ssh").mkdir()

    def _homes(self) -> None:
        for user, place in HOMES.items():
            home = self.root / place.lstrip("/")
            (home / ".ssh").mkdir(parents=True)
            for path in (home, home / ".ssh"):
                path.chmod(0o700)
                os.chown(path, UIDS[user], UIDS[user])

    def authorize(self, user: str, public_key: str) -> None:
        keys = self.root / HOMES[user].lstrip("/") / ".ssh/authorized_keys"
        with keys.open("a") as file:
            file.write(public_key.strip() + "\n")
        keys.chmod(0o600)
        os.chown(keys, UIDS[user], UIDS[user])

    def make_noisy(self, user: str) -> None:
        """Every rc file that a shell reads for a command sent over SSH prints something."""
        home = self.root / HOMES[user].lstrip("/")
        (home / ".config/fish").mkdir(parents=True)
        for rc in (".bashrc", ".cshrc", ".tcshrc", ".profile", ".config/fish/config.fish", ".ssh/rc"):
            (home / rc).write_text(f"printf '{NOISE}\\n'\n")
        for path in (home / ".config", *home.rglob("*")):
            os.chown(path, UIDS[user], UIDS[user])

    def _power_tools(self) -> None:
        """`reboot` and `shutdown` that end this host's PID namespace, as the kernel does for a real one."""
        for tool in ("reboot", "shutdown"):
            path = self.root / ".sbin" / tool
            path.write_text("#!/bin/sh\nexec busybox reboot -f\n")
            path.chmod(0o755)

    def _farms(self) -> list[str]:
        """fstab lines that replace a directory of tools by links to those that this host is to have."""
        lines = []
        for place in TOOL_DIRS:
            found = sorted(os.listdir(Path("/", place))) if Path("/", place).is_dir() else []
            kept = [tool for tool in found if not self._hidden(tool)]
            special = {"sh": self.sh} if place == "usr/bin" and self.sh != "dash" else {}
            if self.userland == "busybox":
                kept, special = self._busybox(place, kept)
            if len(kept) == len(found) and not special:
                continue
            lines += self._farm(place, kept, special)
        return lines

    def _busybox(self, place: str, found: list[str]) -> tuple[list[str], dict[str, str]]:
        kept = [tool for tool in found if tool.startswith(KEPT_BESIDE_BUSYBOX) or place == "usr/local/bin"]
        if place != "usr/bin":
            return kept, {}
        applets = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
        return kept, {tool: "busybox" for tool in applets if not self._hidden(tool)}

    def _farm(self, place: str, kept: list[str], special: dict[str, str]) -> list[str]:
        original, root = f".original/{place}", self.root
        (root / original).mkdir(parents=True)
        tools = {tool: f"/{original}/{tool}" for tool in kept}
        tools |= {tool: f"/.original/usr/bin/{real}" for tool, real in special.items()}
        farm = _links(tuple(tools.items()))
        return [f"/{place} {root}/{original} none bind,ro 0 0", f"{farm} {root}/{place} none bind,ro 0 0"]

    def _hidden(self, tool: str) -> bool:
        names = {*self.without, *(("python",) if "python3" in self.without else ())}
        return any(tool == name or (name.startswith("python") and tool.startswith(name)) for name in names)

    def _fstab(self, farms: list[str]) -> None:
        root = self.root
        lines = [
            f"/usr {root}/usr none rbind,ro 0 0",
            f"/dev {root}/dev none rbind 0 0",
            f"shm {root}/dev/shm tmpfs mode=1777 0 0",
            f"/sys {root}/sys none rbind 0 0",
            f"proc {root}/proc proc defaults 0 0",
            f"{root}/.boot_id {root}/proc/sys/kernel/random/boot_id none bind 0 0",
        ]
        for entry in BOUND_ETC:
            if Path("/etc", entry).is_dir():
                (root / "etc" / entry).mkdir()
                lines.append(f"/etc/{entry} {root}/etc/{entry} none bind,ro 0 0")
        lines += farms
        for tool in ("reboot", "shutdown"):
            if Path("/usr/sbin", tool).exists() and not farms:
                lines.append(f"{root}/.sbin/{tool} {root}/usr/sbin/{tool} none bind 0 0")
        lines.append(f"{root}/.sbin {root}/usr/local/sbin none bind 0 0")
        for extra in self.mounts:
            source, target, *rest = extra.split()
            source = source if source == "tmpfs" else f"{root}{source}"
            lines.append(" ".join((source, f"{root}{target}", *rest, "0 0")))
        (root / ".fstab").write_text("\n".join(lines) + "\n")


@functools.cache
def _links(links: tuple[tuple[str, str], ...]) -> Path:
    """A directory of these (name, what it leads to), for every host of the run that wants it: there are a thousand in each."""
    place = Path(tempfile.mkdtemp(prefix="test-tools-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    place.chmod(0o755)
    for name, real in links:
        (place / name).symlink_to(real)
    return place


def _hash(password: str | None) -> str:
    """A crypt(3) hash as /etc/shadow has it; `*` (no password fits) for None."""
    if password is None:
        return "*"
    script = "print crypt($ARGV[0], q($6$rounds=1000$testhost$))"
    return subprocess.run(["perl", "-e", script, password], capture_output=True, text=True, check=True).stdout


def _private(path: Path, text: str, mode: int) -> None:
    path.write_text(text)
    path.chmod(mode)
