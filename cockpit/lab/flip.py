"""One byte of one file at its target turned over, behind everybody's back: what the proofs of a demo must find."""

from __future__ import annotations

import os
from pathlib import Path

from cockpit.lab.machine import Machine
from cockpit.lab.servers import SERVERS


def flip_byte(folder: Path) -> Path:
    """In a file of fs01's new shares, on disk. Size and times stay as they were: only its content tells."""
    target = Machine(folder, SERVERS["fs01"]).root / "export/shares"
    path = sorted(found for found in target.rglob("*.dat") if found.stat().st_size)[0]
    seen = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    return path
