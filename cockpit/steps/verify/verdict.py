"""What a check found. `result`: pass, fail or not-tested; `evidence`: one sentence that a person can hold against the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cockpit.steps.api import StepContext

QUOTED = 200  # characters of output that evidence quotes


@dataclass(frozen=True, slots=True)
class Finding:
    result: Literal["pass", "fail", "not-tested"]
    evidence: str


def judged(good: bool, evidence: str) -> Finding:
    return Finding("pass" if good else "fail", evidence)


def short(ctx: StepContext, text: bytes | str) -> str:
    """One line of what was printed, as a person can read it, without this night's secrets."""
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    line = "".join(c if c.isprintable() else "?" for c in " ".join(ctx.masked(text).split()))
    return line if len(line) <= QUOTED else line[:QUOTED] + " …"
