"""The part "settle": one rsync over everything. After other parts it brings links, directories' times, deletes and metadata;
alone it is the whole copy. Knows no route but the line that the other side may run."""

from __future__ import annotations

from dataclasses import dataclass

from cockpit.fleet.counting import Counter
from cockpit.fleet.rsync import ended, exec_line, job
from cockpit.steps.api import Outcome
from cockpit.steps.copy.parts import Work
from cockpit.steps.copy.rsynced import Rsynced, said
from cockpit.units import plural


@dataclass(kw_only=True)
class Settle(Rsynced[Counter]):
    """Answers for what no part before it does. biggest: bytes of the largest file of that, 0 where it is not known. pass_: as the
    plan has it."""

    pass_: str | None = None
    biggest: int = 0
    name: str = "settle"

    REMEMBERED = ("size", "files", "pass_", "biggest")

    def counting(self) -> Counter:
        return Counter(self.biggest)

    def command(self, shell: str | None) -> Work:
        line = exec_line(self.options, self.source, self.target, shell=shell, pull=self.way == "pull")
        return Work(job(line, final=self.pass_ == "final"))

    def judge(self, exit: int, errors: str) -> Outcome | None:
        end = ended(exit, errors, initial=self.pass_ == "initial")
        if not end.done:
            return Outcome("failed", exit, said(end.text, errors), end.transient)
        if self.pass_ == "final" and self.count.changed:
            text = f"the final pass still found {plural(self.count.changed, 'change')}: the source is not at rest"
            return Outcome("failed", exit, text)
        return None
