"""The part "settle": one rsync over everything. After other parts it brings links, directories' times, deletes and metadata;
alone it is the whole copy. Knows no route but the line that the other side may run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cockpit.fleet.counting import Counter
from cockpit.fleet.rsync import Options, ended, exec_line, job
from cockpit.steps.api import Outcome
from cockpit.steps.copy.parts import Work


@dataclass
class Settle:
    """size, files: what no part before it answers for; biggest: bytes of the largest file of it, 0 where that is not known. half:
    the other side's line (None: one server). pass_: as the plan has it."""

    size: int
    files: int
    pass_: str | None = None
    options: Options = field(default_factory=Options)
    source: str = ""
    target: str = ""
    way: str = "local"
    half: str | None = None
    biggest: int = 0
    name: str = "settle"
    phase: str = "copy"

    def __post_init__(self) -> None:
        self._counter = Counter(self.biggest)

    @classmethod
    def revived(cls, memory: Mapping[str, Any]) -> Settle:
        return cls(**memory)

    def memory(self) -> Mapping[str, Any]:
        return {"size": self.size, "files": self.files, "pass_": self.pass_, "biggest": self.biggest}

    @property
    def bytes_done(self) -> int:
        return min(self._counter.bytes_done, self.size)

    @property
    def files_done(self) -> int:
        return min(self._counter.files_done, self.files)

    @property
    def moved(self) -> int:
        return self._counter.moved

    @property
    def largest(self) -> int | None:
        return self._counter.largest

    @property
    def proof(self) -> None:
        return None

    def forced(self) -> str | None:
        return self.half

    def command(self, shell: str | None) -> Work:
        line = exec_line(self.options, self.source, self.target, shell=shell, pull=self.way == "pull")
        return Work(job(line, final=self.pass_ == "final"))

    def feed(self, data: bytes) -> None:
        self._counter.feed(data)

    def judge(self, exit: int, errors: str) -> Outcome | None:
        end = ended(exit, errors, initial=self.pass_ == "initial")
        if not end.done:
            return Outcome("failed", exit, said(end.text, errors), end.transient)
        if self.pass_ == "final" and self._counter.changed:
            text = f"the final pass still found {self._counter.changed} changes: the source is not at rest"
            return Outcome("failed", exit, text)
        return None

    def detail(self) -> Mapping[str, Any]:
        return {"moved": self._counter.moved, "moved_files": self._counter.moved_files}


def said(text: str, errors: str) -> str:
    """What an exit code means, and rsync's own last words but those that only repeat it."""
    words = [line for line in errors.strip().splitlines() if not line.startswith("rsync error:")]
    return f"{text}: {words[-1]}" if words else text
