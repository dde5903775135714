"""The part "files": a tree's files over several rsyncs at once, a shard of them after another. What it leaves (links, times of
directories, deletes) is for the part after it. Knows no route but the line that the other side may run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cockpit.fleet.rsync import Options, ended
from cockpit.fleet.shards import Tally, pool
from cockpit.steps.api import Outcome
from cockpit.steps.copy.parts import Work
from cockpit.steps.copy.settle import said


@dataclass
class Files:
    """directory: where the shards' names are kept on the job's side. half: the other side's line (None: one server). biggest:
    the shard with the largest file, as `Tally` has it."""

    size: int
    files: int
    streams: int = 1
    options: Options = field(default_factory=Options)
    source: str = ""
    target: str = ""
    directory: str = ""
    way: str = "local"
    half: str | None = None
    biggest: Sequence[Any] = ("", 0, 0)
    name: str = "files"
    phase: str = "copy"

    def __post_init__(self) -> None:
        self._tally = Tally(*self.biggest)

    @classmethod
    def revived(cls, memory: Mapping[str, Any]) -> Files:
        return cls(**memory)

    def memory(self) -> Mapping[str, Any]:
        return {"size": self.size, "files": self.files, "streams": self.streams, "biggest": list(self.biggest)}

    @property
    def bytes_done(self) -> int:
        return min(self._tally.bytes_done, self.size)

    @property
    def files_done(self) -> int:
        return min(self._tally.files_done, self.files)

    @property
    def moved(self) -> int:
        return self._tally.moved

    @property
    def largest(self) -> int | None:
        return self._tally.largest

    @property
    def proof(self) -> None:
        return None

    def forced(self) -> str | None:
        return self.half

    def command(self, shell: str | None) -> Work:
        pull = self.way == "pull"
        return Work(pool(self.options, self.source, self.target, self.directory, self.streams, shell=shell, pull=pull))

    def feed(self, data: bytes) -> None:
        self._tally.feed(data)

    def judge(self, exit: int, errors: str) -> Outcome | None:
        end = ended(exit, errors, initial=True)
        return None if end.done else Outcome("failed", exit, said(end.text, errors), end.transient)

    def detail(self) -> Mapping[str, Any]:
        return {"moved": self.moved, "moved_files": self._tally.moved_files, "streams": self.streams}
