"""One lab server's folder: where its things are, what it has installed, and the environment of what runs there. Knows no SSH."""

from __future__ import annotations

import getpass
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from cockpit.lab.servers import TOOLS, LabServer

MARK = "COCKPIT_LAB"  # in the environment of everything that a lab starts: by it the leftovers are found
NOISE = '[ -n "$SSH_CLIENT" ] && printf "%s\\n" "{words}"\n'


class Machine:
    """A server below `folder/servers/NAME`."""

    def __init__(self, folder: Path, server: LabServer) -> None:
        self.folder, self.server = folder, server
        self.root = folder / "servers" / server.name

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def authorized_keys(self) -> Path:
        return self.home / ".ssh" / "authorized_keys"

    @property
    def host_key(self) -> Path:
        return self.root / "etc" / "ssh_host_ed25519_key"

    @property
    def start_script(self) -> Path:
        """What runs when the server boots: its services."""
        return self.root / "etc" / "rc"

    def install(self) -> None:
        """Its folders, its tools (links to this machine's) and its rc file."""
        for place in (self.home / ".ssh", self.root / "etc", self.root / "tmp", self.root / "bin", self.root / "run"):
            place.mkdir(parents=True, exist_ok=True)
        (self.home / ".ssh").chmod(0o700)
        for name in TOOLS:
            found = os.path.realpath(sys.executable) if name == "python3" else shutil.which(name)
            if found and name not in self.server.lacks:
                (self.root / "bin" / name).symlink_to(found)
        if self.server.greeting:
            (self.home / ".bashrc").write_text(NOISE.format(words=self.server.greeting))

    def login_shell(self) -> list[str]:
        """As argv, to which `-c COMMAND` is added."""
        for name in self.server.shells:
            if (self.root / "bin" / name).exists():
                return [str(self.root / "bin" / name), *(["sh"] if name == "busybox" else [])]
        return ["/bin/sh"]

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """What login gives a process; nothing of this process's own environment goes in."""
        user, tmp = getpass.getuser(), str(self.root / "tmp")
        return {
            "HOME": str(self.home), "USER": user, "LOGNAME": user, "SHELL": self.login_shell()[0], "PATH": str(self.root / "bin"),
            "TMPDIR": tmp, "COCKPIT_PUBLIC": tmp, "LANG": "C.UTF-8", MARK: str(self.folder), **more,
        }
