"""What is wrong with a plan: where, what, and what to write instead. Knows nothing of the plan's meaning."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake. `line` counts from 1; 0 where the file as a whole is meant."""

    file: str
    line: int
    what: str
    instead: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.what}" + (f"; {self.instead}" if self.instead else "")


class PlanProblems(Exception):
    """The operator's: nothing runs from such a plan. `problems` are in the order of their lines, none twice."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(map(str, self.problems)))


def nearest(word: str, known: Iterable[str], *, write: str = "write {!r}", most: int | None = None) -> str:
    """What to write instead of an unknown word: the nearest known one, else all that are known: the one that was meant must
    not be among those left out. `most`: how many of them, where there may be thousands."""
    names = sorted(set(known))
    close = difflib.get_close_matches(word[:80], names, n=1, cutoff=0.7)  # "fs01" is no likely meaning of "nas01"
    if close:
        return write.format(close[0])
    if not names:
        return ""
    shown = names[:most]
    return "known are " + ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(shown) < len(names) else "")
