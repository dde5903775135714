"""One thing that was looked at: how it is, and what to do where it is not as it should be."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["good", "warn", "bad"]
MARKS: dict[Level, str] = {"good": "= ok  ", "warn": "! WARN", "bad": "x FAIL"}


@dataclass(frozen=True, slots=True)
class Finding:
    """bad: something will not work tonight. warn: it may hurt, or could not be looked at. `what` is a word or two."""

    level: Level
    what: str
    text: str
    instead: str = ""

    def line(self, wide: int = 14) -> str:
        return f"{MARKS[self.level]} {self.what:<{wide}}  {self.text}" + (f"; {self.instead}" if self.instead else "")

    def json(self) -> dict[str, Any]:
        return asdict(self) | {"instead": self.instead or None}


def good(what: str, text: str) -> Finding:
    return Finding("good", what, text)


def warn(what: str, text: str, instead: str = "") -> Finding:
    return Finding("warn", what, text, instead)


def bad(what: str, text: str, instead: str = "") -> Finding:
    return Finding("bad", what, text, instead)
