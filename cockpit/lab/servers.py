"""The seven servers of the demo: in what they differ. Knows no SSH and no files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# What a server may have: whatever of it this machine has. python3 is the one that runs cockpit.
TOOLS = (
    "sh", "dash", "bash", "busybox", "fish", "csh", "tcsh", "[", "test", "true", "false", "echo", "printf", "cat", "cp", "mv",
    "rm", "ln", "ls", "mkdir", "rmdir", "mktemp", "mkfifo", "touch", "truncate", "chmod", "chown", "chgrp", "stat", "du",
    "df", "find", "xargs", "readlink", "realpath", "dirname", "basename", "head", "tail", "wc", "sort", "uniq", "cut", "tr",
    "sed", "grep", "egrep", "fgrep", "awk", "mawk", "gawk", "od", "dd", "cmp", "diff", "tar", "gzip", "sha256sum", "sha1sum",
    "md5sum", "cksum", "date", "sleep", "sync", "id", "whoami", "uname", "hostname", "env", "nohup", "setsid", "flock",
    "timeout", "kill", "ps", "pgrep", "expr", "seq", "tee", "nproc", "tty", "getent", "nc", "ssh", "ssh-keygen", "rsync",
    "filefrag", "b3sum", "openssl", "python3",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LabServer:
    """lacks: tools that are not installed there. shells: its login shell, the first that this machine has. greeting: what its
    rc file prints at every login, command or not. max_sessions: as sshd's MaxSessions."""

    name: str
    lacks: tuple[str, ...] = ()
    shells: tuple[str, ...] = ("sh",)
    greeting: str = ""
    max_sessions: int = 10
    sftp_only: bool = False


SERVERS: Mapping[str, LabServer] = {
    server.name: server
    for server in (
        LabServer("fs01", shells=("fish", "bash", "sh")),
        LabServer("sql01", shells=("tcsh", "csh", "sh"), lacks=("python3", "b3sum", "filefrag")),
        LabServer("web01", shells=("busybox", "dash", "sh"), lacks=("rsync", "bash", "openssl")),
        LabServer("mail01", shells=("bash", "sh"), greeting="mail01: authorised staff only. You have new mail.", max_sessions=1),
        LabServer("vmh01", shells=("dash", "sh"), lacks=("flock", "nc")),
        LabServer("bkp01", shells=("bash", "sh")),
        LabServer("nas01", sftp_only=True),
    )
}
