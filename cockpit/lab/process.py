"""The lab's process, from outside: laid out, started, and gone without a trace when the demo closes it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cockpit.journal.lease import sessions_root
from cockpit.lab.ground import lay_out, moved_bytes, write_plan
from cockpit.lab.leftovers import end_everything

START_LIMIT = 30.0  # seconds until the seven must listen
STOP_LIMIT = 20.0


class LabFailed(Exception):
    """The servers did not come up; the text says what they said."""


@dataclass(slots=True)
class Lab:
    """Seven servers that run. moved: real bytes that the plan's copies will move."""

    folder: Path
    plan: Path
    process: subprocess.Popen[bytes]
    moved: int

    def keep_for(self, session: Path) -> None:
        """Should the demo's own process vanish (a closed terminal), the servers stay until this session has no engine."""
        (self.folder / "session").write_text(str(session))

    def stop(self) -> int:
        """End the servers and all that runs on them. Returns the payload bytes that SSH carried, in both directions."""
        self.process.terminate()
        try:
            self.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        end_everything(self.folder)
        try:
            carried = json.loads((self.folder / "carried.json").read_text())
        except (OSError, ValueError):
            return 0
        return sum(int(seen["sent"]) + int(seen["received"]) for seen in carried.values())


@contextmanager
def laboratory(scale: float) -> Iterator[Lab]:
    """The directory is $XDG_STATE_HOME/cockpit/demo/TIME, and is removed at the end. LabFailed."""
    base = sessions_root().parent / "demo"
    base.mkdir(mode=0o700, exist_ok=True)
    _sweep(base)
    folder = base / time.strftime("%Y%m%d-%H%M%S", time.gmtime()) / ""
    folder = folder.with_name(f"{folder.name}-{os.getpid()}")
    folder.mkdir(mode=0o700)
    lock = _locked(folder)
    lab = None
    try:
        lay_out(folder, scale)
        process = _start(folder, lock)
        lab = Lab(folder, folder / "plan.toml", process, moved_bytes(folder))
        write_plan(folder, _ready(folder, process))
        yield lab
    finally:
        if lab is not None and lab.process.poll() is None:
            lab.stop()
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path, lock: int) -> subprocess.Popen[bytes]:
    """In a session of its own, so that no terminal's end and no ctrl+c reaches it; the lock says that it lives."""
    with (folder / "lab.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "cockpit.lab", str(folder)], stdin=subprocess.PIPE, stdout=log, stderr=log,
            start_new_session=True, cwd="/", pass_fds=[lock],
        )  # fmt: skip


def _ready(folder: Path, process: subprocess.Popen[bytes]) -> dict[str, dict[str, object]]:
    deadline = time.monotonic() + START_LIMIT
    while not (folder / "ready.json").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            said = (folder / "lab.log").read_text(errors="replace").strip().splitlines()
            raise LabFailed(f"the demo's servers did not start: {said[-1] if said else 'they said nothing'}")
        time.sleep(0.02)
    ready: dict[str, dict[str, object]] = json.loads((folder / "ready.json").read_text())
    return ready


def _locked(folder: Path) -> int:
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)
    return fd


def _sweep(base: Path) -> None:
    """What a demo left that had no time to tidy up: nobody holds its lock any longer."""
    for folder in base.iterdir():
        try:
            fd = os.open(folder / "lock", os.O_RDWR)
        except OSError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        else:
            end_everything(folder)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(fd)
