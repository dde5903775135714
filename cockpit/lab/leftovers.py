"""What still runs on the servers of a lab when it ends: found by the mark in its environment, and ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from cockpit.lab.machine import MARK

ROUNDS = 10  # what is being ended may have started something meanwhile


def end_everything(folder: Path) -> None:
    """KILL: the folder goes with them."""
    for _ in range(ROUNDS):
        found = list(_marked(folder))
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, timeout=1)
        if not found:
            return


def _marked(folder: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == str(folder):
                yield process
