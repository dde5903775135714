"""The part "files": a tree's files over several rsyncs at once, a shard of them after another. What it leaves (links, times of
directories, deletes) is for the part after it. Knows no route but the line that the other side may run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cockpit.fleet.rsync import ended
from cockpit.fleet.shards import Tally, pool
from cockpit.steps.api import Outcome
from cockpit.steps.copy.parts import Work
from cockpit.steps.copy.rsynced import Rsynced, said


@dataclass(kw_only=True)
class Files(Rsynced[Tally]):
    """directory: where the shards' names are kept on the job's side. biggest: the shard with the largest file, as `Tally` has
    it."""

    streams: int = 1
    directory: str = ""
    biggest: Sequence[Any] = ("", 0, 0)
    name: str = "files"

    REMEMBERED = ("size", "files", "streams", "biggest")

    def counting(self) -> Tally:
        return Tally(*self.biggest)

    def command(self, shell: str | None) -> Work:
        pull = self.way == "pull"
        return Work(pool(self.options, self.source, self.target, self.directory, self.streams, shell=shell, pull=pull))

    def judge(self, exit: int, errors: str) -> Outcome | None:
        end = ended(exit, errors, initial=True)
        return None if end.done else Outcome("failed", exit, said(end.text, errors), end.transient)

    def detail(self) -> Mapping[str, Any]:
        return {**super().detail(), "streams": self.streams}
