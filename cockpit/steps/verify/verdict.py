"""What a check found. `result`: pass, fail or not-tested; `evidence`: one sentence that a person can hold against the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    result: Literal["pass", "fail", "not-tested"]
    evidence: str
    paths: tuple[tuple[str, str], ...] = ()  # (server, path) that it speaks of


def judged(good: bool, evidence: str) -> Finding:
    return Finding("pass" if good else "fail", evidence)
