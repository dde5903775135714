"""What it costs here to be a process that wakes seldom: some hosts take back memory that was not touched for a moment, and
each page touched again is then fetched, on the account of who touches it. A peer for all that is measured in percent of a core.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from tests.bench.night import used

MIB = 4  # about what an engine touches between two of its wakes
TOUCHES = f"""
import time
kept, size = bytearray({MIB} << 20), {MIB} << 20
while True:
    for at in range(0, size, 4096):
        kept[at] = 1
    time.sleep(0.5)
"""


@dataclass
class Cold:
    share: float = 0.0  # percent of a core


@contextmanager
def cold() -> Iterator[Cold]:
    """A bare process beside what is measured; its share is there at the end."""
    found = Cold()
    with subprocess.Popen([sys.executable, "-c", TOUCHES]) as process:
        try:
            time.sleep(0.5)  # Python itself has begun
            peer, began = psutil.Process(process.pid), time.monotonic()
            before = used(peer)
            yield found
            found.share = (used(peer) - before) / (time.monotonic() - began) * 100
        finally:
            process.kill()
