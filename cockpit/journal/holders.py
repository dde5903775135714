"""Which processes hold a journal for writing now, as the kernel lists them: for words, never for a decision. Ends none."""

from __future__ import annotations

import os
from pathlib import Path

LOCKS = Path("/proc/locks")


def writers(path: Path) -> list[int]:
    """Process ids, without ours. Of a journal in WAL mode the locks are on its -shm file (sqlite.org/walformat.html, 2.3).
    [] where the kernel doesn't say (proc(5), /proc/locks)."""
    try:
        inodes = {str(file.stat().st_ino) for file in (path, path.with_name(path.name + "-shm")) if file.exists()}
        lines = [line.split() for line in LOCKS.read_text().splitlines()]
    except OSError:
        return []
    # "1: POSIX  ADVISORY  WRITE 17395 08:01:123456 120 120"
    held = {int(w[4]) for w in lines if len(w) >= 6 and w[1] == "POSIX" and w[3] == "WRITE" and w[5].rpartition(":")[2] in inodes}
    return sorted(pid for pid in held if pid > 0 and pid != os.getpid())
