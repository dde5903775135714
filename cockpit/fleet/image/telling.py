"""What a job says while it runs, and what it is told: lines on its standard output, the pace in a file of its directory.

Runs on the servers (Python 3.6). Says little: a few lines a second at most. Knows no image.
"""

import json
import os
import sys
import threading
import time
from typing import Any, Callable

SAY = 0.3  # seconds between two lines
LOOK = 0.5  # seconds between two looks at what was told


class Stopped(Exception):
    """Another stream has failed: this one need not go on."""


class Pace:
    """The rate that the job was told, shared evenly by the streams that run. Nothing told: no limit. 0: paused."""

    def __init__(self, streams: "Callable[[], int]") -> None:
        place = os.environ.get("COCKPIT_JOB", "")
        self._path = os.path.join(place, "told") if place else ""
        self._streams = streams
        self._looked = 0.0
        self._rate = None  # type: int | None

    def rate(self) -> "int | None":
        """Bytes per second for the whole job; a change is seen within a second."""
        if self._path and time.monotonic() - self._looked > LOOK:
            self._looked = time.monotonic()
            try:
                with open(self._path) as file:
                    text = file.read().strip()
                self._rate = int(text) if text else None
            except (OSError, ValueError):
                self._rate = None
        return self._rate

    def wait(self, moved: int, stop: "threading.Event") -> None:
        """One stream has moved that many bytes: as long as that may take. Stopped."""
        left = float(moved)
        while True:
            rate = self.rate()
            if stop.is_set():
                raise Stopped()
            if rate is None or (left <= 0 and rate > 0):
                return
            streams = max(1, self._streams())  # none: the work is not shared, and the first does it
            turn = LOOK if rate <= 0 else min(LOOK, left * streams / rate)
            stop.wait(turn)
            left -= turn * rate / streams


class Telling:
    """Counts of all streams, said on standard output: `at PHASE DONE MOVED PROVED FILES LARGEST`."""

    def __init__(self, sizes: "list[int]") -> None:
        self.left = list(sizes)  # of each file: bytes not yet there
        self.moved = self.proved = self.files = 0
        self._total = sum(sizes)
        self._best = 0
        self._phase = "copy"
        self._said = 0.0
        self._lock = threading.Lock()

    def phase(self, name: str) -> None:
        with self._lock:
            self._phase = name
            self._say()

    def done(self, i: int, length: int) -> None:
        """So much more of that file is there; less than nothing: it was not, after all."""
        with self._lock:
            self.left[i] -= length
            self._perhaps()

    def carried(self, moved: int) -> None:
        with self._lock:
            self.moved += moved

    def proof(self, length: int) -> None:
        with self._lock:
            self.proved += length
            self._perhaps()

    def file(self) -> None:
        with self._lock:
            self.files += 1
            self._perhaps()

    def _perhaps(self) -> None:
        if time.monotonic() - self._said > SAY:
            self._say()

    def _say(self) -> None:
        self._said = time.monotonic()
        self._best = max(self._best, self._total - sum(self.left))
        words = (self._phase, self._best, self.moved, self.proved, self.files, max(self.left or [0]))
        print("at %s %d %d %d %d %d" % words)
        sys.stdout.flush()


def fact(name: str, value: Any) -> None:
    """A line of JSON, once."""
    print("%s %s" % (name, json.dumps(value)))
    sys.stdout.flush()
