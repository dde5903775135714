"""The SSH server of a test host: its keys, its configuration and the command that starts it. Starts nothing itself."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from tests.hosts.tools import find

JAIL = "/srv/jail"  # what an sftp-only server shows as /


@dataclass
class SshServer:
    """`kind` is openssh or dropbear; `extra` are lines for the end of sshd_config."""

    root: Path
    kind: str
    address: str
    port: int
    max_sessions: int | None = None
    sftp_only: bool = False
    passwords: bool = False
    extra: str = ""

    def make(self) -> None:
        self.new_host_key()
        if self.kind == "openssh":
            (self.root / "etc/ssh/sshd_config").write_text(self._config())
        if self.sftp_only:
            self._jail()

    @property
    def command(self) -> str:
        """For sh, inside: returns once the server runs in the background."""
        if self.kind == "dropbear":
            where = f"{self.address}:{self.port}"
            password = "" if self.passwords else "-s"
            return f"exec {find('dropbear')} -E -r /etc/ssh/dropbear_host_key -P /run/sshd.pid {password} -p {where}"
        return f"exec {find('sshd')} -f /etc/ssh/sshd_config -E /var/log/sshd.log"

    def new_host_key(self) -> str:
        """Make another host key; returns its public line ("ssh-ed25519 AAAA…")."""
        place = self.root / "etc/ssh"
        for old in place.glob("*host*key*"):
            old.unlink()
        if self.kind == "dropbear":
            return self._dropbear_key(place)
        key = asyncssh.generate_private_key("ssh-ed25519")
        path = place / "ssh_host_ed25519_key"
        path.touch(mode=0o600)
        path.write_bytes(key.export_private_key("openssh"))
        return self._publish(key.export_public_key("openssh").decode())

    def _dropbear_key(self, place: Path) -> str:
        command = ["dropbearkey", "-t", "ed25519", "-f", str(place / "dropbear_host_key")]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return self._publish(next(line for line in said.splitlines() if line.startswith("ssh-ed25519 ")))

    def _publish(self, line: str) -> str:
        public = " ".join(line.split()[:2])
        (self.root / "etc/ssh/host_key.pub").write_text(public + "\n")
        return public

    @property
    def host_key(self) -> str:
        return (self.root / "etc/ssh/host_key.pub").read_text().strip()

    def _config(self) -> str:
        lines = [
            f"ListenAddress {self.address}", f"Port {self.port}", "HostKey /etc/ssh/ssh_host_ed25519_key",
            "PidFile /run/sshd.pid", "UsePAM no", "UseDNS no", "PermitRootLogin yes", "KbdInteractiveAuthentication no",
            f"PasswordAuthentication {'yes' if self.passwords else 'no'}", "PrintMotd no", "LogLevel VERBOSE",
        ]
        if self.max_sessions is not None:
            lines.append(f"MaxSessions {self.max_sessions}")
        if self.sftp_only:
            lines += ["Subsystem sftp internal-sftp", "ForceCommand internal-sftp", f"ChrootDirectory {JAIL}",
                      "AllowTcpForwarding no"]
        else:
            lines.append("Subsystem sftp /usr/lib/openssh/sftp-server")
        return "\n".join([*lines, self.extra]) + "\n"

    def _jail(self) -> None:
        """sshd wants the jail itself to be root's and closed to others; the user owns what is inside."""
        jail = self.root / JAIL.lstrip("/")
        for place in ("vault", "srv", "tmp"):
            (jail / place).mkdir(parents=True)
            (jail / place).chmod(0o1777)
