"""A part of a copy: large files, disk images and block devices, moved by chunks with receipts. One job moves a list of them.

Words the job and the other side's forced command, reads what the job says, judges its end. Knows no route and starts
nothing: that is the runner's. How chunks move is `cockpit.fleet.image`'s.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from cockpit.fleet.image import bundle, posix
from cockpit.steps.api import Outcome
from cockpit.steps.copy.parts import Work

STREAMS = 2  # the sweet spot on two cores (measured: 1 0.60, 2 0.81, 4 0.70 GB/s)
NAMED = 100  # images whose digests are kept in the report

TRANSIENT = frozenset({"broken", "locked", "changed"})
"""Faults after which trying again may help: the way broke, an earlier writer still held on, the source was not at rest."""


@dataclass(frozen=True, slots=True)
class Large:
    """One file or device to be moved whole. Both paths absolute; size in bytes, as surveyed."""

    source: str
    target: str
    size: int


class Images:
    """Conforms to `Part`. way: pull (the job is at the target), push (at the source), local. become: of the side that the
    route's key logs in to. live: the source may change meanwhile (an initial pass), and what was done before is not
    looked at again; else all of it is proven, and what was done before at both ends. python: both sides have python3."""

    name = "images"

    def __init__(
        self, large: Sequence[Large], way: Literal["pull", "push", "local"], *, become: bool = False, streams: int = STREAMS,
        live: bool = False, python: bool = True,
    ) -> None:  # fmt: skip
        self.large, self.way = tuple(large), way
        self.size, self.files = sum(one.size for one in large), len(large)
        self._become, self._streams, self.live = become, streams, live
        self._python = python
        self.bytes_done = self.files_done = 0
        self.moved = self.proved = 0
        self.largest = max((one.size for one in self.large), default=0)
        self.phase = "scan"
        self._rest = b""
        self._report: dict[str, Any] = {}
        self._fault: tuple[str, str] | None = None

    @property
    def proof(self) -> tuple[int, int] | None:
        return (min(self.proved, self.size), self.size) if self.phase == "verify" else None

    def forced(self) -> str | None:
        """The exact command for the other side: it answers for these paths alone."""
        if self.way == "local":
            return None
        if self.way == "pull":
            return self._half("source", [one.source for one in self.large])
        return self._half("target", [one.target for one in self.large])

    def _half(self, role: bundle.Role, paths: Sequence[str]) -> str:
        half = bundle.half if self._python else posix.half
        return half(role, paths, become=self._become)

    def command(self, shell: str | None) -> Work:
        """What the job runs."""
        job = bundle.job if self._python else posix.job
        return Work(job(
            self.way, [one.source for one in self.large], [one.target for one in self.large],
            [one.size for one in self.large], shell=shell, streams=self._streams, live=self.live,
        ))  # fmt: skip

    @property
    def times(self) -> bool:
        """Whether it leaves times exact to the nanosecond: few a `touch` does."""
        return self._python

    def memory(self) -> Mapping[str, Any]:
        return {
            "large": [asdict(one) for one in self.large], "way": self.way, "become": self._become, "streams": self._streams,
            "live": self.live, "python": self._python,
        }  # fmt: skip

    @classmethod
    def revived(cls, memory: Mapping[str, Any]) -> Images:
        """The part again, from what it said to remember."""
        return cls([Large(**one) for one in memory["large"]], **{key: memory[key] for key in memory if key != "large"})

    # --- what the job says

    def feed(self, data: bytes) -> None:
        """The job's stdout, from its start, in any pieces."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        heard: dict[bytes, Callable[[bytes], None]] = {b"at": self._at, b"report": self._end, b"fault": self._failed}
        for line in lines:
            word, _, rest = line.partition(b" ")
            if word in heard:
                heard[word](rest)

    def _at(self, rest: bytes) -> None:
        phase, *numbers = rest.split()
        done, moved, self.proved, self.files_done, self.largest = map(int, numbers)
        self.phase, self.moved = phase.decode(), max(self.moved, moved)
        self.bytes_done = max(self.bytes_done, min(done, self.size))

    def _end(self, rest: bytes) -> None:
        self._report = json.loads(rest)
        self.bytes_done, self.files_done, self.moved, self.largest = self.size, self.files, self._report["moved"], 0

    def _failed(self, rest: bytes) -> None:
        kind, text = json.loads(rest.decode("utf-8", "surrogateescape"))  # a shell says names as they are
        self._fault = (kind, text)

    def judge(self, exit: int, errors: str) -> Outcome | None:
        """None: every image is there, proven. Else why not."""
        if exit == 0 and self._report:
            return None
        words = [line for line in errors.strip().splitlines() if line]
        if self._fault:
            kind, text = self._fault
            said = [line for line in words if kind == "broken" and not line.startswith("image: ")]  # ssh knows why
            return Outcome("failed", exit, f"{text}: {said[-1]}" if said else text, kind in TRANSIENT)
        if exit in (126, 127):
            return Outcome("failed", exit, f"the images' job can't run: {words[-1] if words else f'exit {exit}'}")
        text = "the images' job was killed" if exit in (137, 143) else f"the images' job ended with exit {exit}"
        return Outcome("failed", exit, f"{text}: {words[-1]}" if words else text, True)

    def detail(self) -> dict[str, Any]:
        """seconds_copy, seconds_sync, seconds_verify; moved: bytes sent; digests: path at the target -> digest of the whole
        image; again: chunks that had to be moved twice; unchanged: files that were there already; hashes: the ones used."""
        if not self._report:
            return {"moved": self.moved}
        seconds = {f"seconds_{name}": value for name, value in self._report["seconds"].items()}
        found = {key: value for key, value in self._report.items() if key not in ("images", "seconds")} | seconds
        digests = {one.target: text for one, (_, text) in zip(self.large, self._report["images"], strict=True)}
        return found | {"digests": dict(list(digests.items())[:NAMED])}
