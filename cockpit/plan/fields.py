"""Reading the values of a TOML table: each mistake becomes a problem with its line, and reading goes on.

A getter gives the value, or its default where the key is missing or wrong; `done` then names the keys that nobody
asked for. Knows types and units, and not what a plan is.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from cockpit.plan.positions import Path, Positions
from cockpit.plan.problems import Problem, nearest

T = TypeVar("T")

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)

_WORDS: list[tuple[type, str]] = [
    (bool, "true or false"), (str, "a text"), (int, "a whole number"), (float, "a number"), (list, "a list"),
    (dict, "a table"), (dt.datetime, "a date-time"), (dt.date, "a date"), (dt.time, "a time"),
]


def kind_of(value: object) -> str:
    """What a TOML value is, in words."""
    return next((words for type_, words in _WORDS if isinstance(value, type_)), "something else")


class Sink:
    """Where problems go: knows the file and where its keys stand."""

    def __init__(self, file: str, positions: Positions) -> None:
        self.file, self.positions = file, positions
        self.problems: list[Problem] = []

    def add(self, path: Path, what: str, instead: str = "") -> None:
        self.problems.append(Problem(self.file, self.positions.line(path), what, instead or "take it away"))


class Table:
    """One table of the plan, with a label for messages ("step backup", "[limits]")."""

    def __init__(self, sink: Sink, path: Path, data: Mapping[str, Any], label: str) -> None:
        self.sink, self.path, self.data, self.label = sink, path, data, label
        self.asked: set[str] = set()

    def problem(self, key: str | None, what: str, instead: str = "") -> None:
        """Says it at the key's line; a missing key has the line of its table."""
        self.sink.add((*self.path, key) if key else self.path, f"{self.label}: {what}", instead)

    def has(self, key: str) -> bool:
        return key in self.data

    def get(self, key: str) -> Any:
        self.asked.add(key)
        return self.data.get(key)

    def line(self) -> int:
        return self.sink.positions.line(self.path)

    def _wrong(self, key: str, value: object, wanted: str) -> None:
        self.problem(key, f"{key} is {kind_of(value)}", wanted)

    def text(self, key: str, *, required: str = "") -> str | None:
        """A text that is not empty. `required`: an example to write where it is missing."""
        value = self.get(key)
        if value is None:
            if required:
                self.problem(None, f"{key} is missing", f"write {key} = {required}")
            return None
        if not isinstance(value, str):
            self._wrong(key, value, f"write {key} = {required or chr(34) + '…' + chr(34)}")
        elif self.sound(key, value):
            return value
        return None

    def sound(self, key: str, value: str) -> bool:
        """Neither empty nor with a NUL, which no command line can carry."""
        if not value.strip():
            self.problem(key, f"{key} is empty", "write a value or take the key away")
        elif "\0" in value:
            self.problem(key, f"{key} holds a NUL character", "take it away")
        else:
            return True
        return False

    def flag(self, key: str, default: bool = False) -> bool:
        value = self.get(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self._wrong(key, value, f"write {key} = true or {key} = false")
        return default

    def whole(self, key: str, default: T, minimum: int = 1, maximum: int = 100_000) -> int | T:
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool):
            self._wrong(key, value, f"write {key} = with a whole number, without quotes")
        elif not minimum <= value <= maximum:
            shown = str(value) if abs(value) < 10**12 else "far off"
            self.problem(key, f"{key} is {shown}", f"write a number from {minimum} to {maximum}")
        else:
            return value
        return default

    def choice(self, key: str, options: Sequence[str], default: T) -> str | T:
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, str) and value in options:
            return value
        known = ", ".join(f'"{option}"' for option in options)
        self.problem(key, f"{key} is {value!r}" if isinstance(value, str) else f"{key} is {kind_of(value)}",
                     f"write one of {known}")
        return default

    def parsed(self, key: str, parse: Callable[[str], T], example: str) -> T | None:
        """A text in the form that `parse` reads (durations, sizes, rates): its ValueError is the problem."""
        value = self.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            self._wrong(key, value, f'write {key} = "{example}"')
            return None
        return self.parse(key, value, parse)

    def parse(self, key: str, value: str, parse: Callable[[str], T]) -> T | None:
        try:
            return parse(value)
        except (ValueError, ArithmeticError) as error:
            what, _, instead = str(error).partition(": ")
            self.problem(key, f"{key}: {what}", instead)
            return None

    def texts(self, key: str, *, single: bool = False) -> tuple[str, ...] | None:
        """A list of texts, each once; `single`: one text alone is taken as a list of one. None where it is missing."""
        value = self.get(key)
        if value is None:
            return None
        if single and isinstance(value, str):
            value = [value]
        if not isinstance(value, list):
            self._wrong(key, value, f'write {key} = ["…"]')
            return ()
        good = [item for item in value if self._item(key, item)]
        return tuple(dict.fromkeys(good))

    def _item(self, key: str, item: object) -> bool:
        if isinstance(item, str):
            return self.sound(key, item)
        self.problem(key, f"{key} holds {kind_of(item)}", "write each in quotes")
        return False

    def strings(self, key: str) -> dict[str, str]:
        """A table of plain values by name; numbers become their text."""
        value = self.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._wrong(key, value, f'write {key} = {{ name = "value" }}')
            return {}
        return {name: text for name, item in value.items() if (text := self._named(key, name, item)) is not None}

    def _named(self, key: str, name: str, item: object) -> str | None:
        """A wrong value is still a known name, so that the templates that use it are no problems too."""
        inner = Table(self.sink, (*self.path, key), {}, f"{self.label}: {key}")
        if not IDENTIFIER.fullmatch(name):
            inner.problem(name, f"{name[:70]!r} is no name", "write letters, digits and _, no digit first")
            return None
        if isinstance(item, bool) or not isinstance(item, str | int | float):
            inner.problem(name, f"{name} is {kind_of(item)}", f'write {name} = "value"')
        elif isinstance(item, str) and "\0" in item:
            inner.problem(name, f"{name} holds a NUL character", "take it away")
        elif isinstance(item, int) and abs(item) >= 10**18:
            inner.problem(name, f"{name} is a number without end", "write it in quotes")
        else:
            return str(item)
        return "wrong"

    def table(self, key: str, label: str | None = None) -> Table | None:
        value = self.get(key)
        if value is None:
            return None
        if isinstance(value, dict):
            return Table(self.sink, (*self.path, key), value, label or f"{self.label}: {key}")
        self._wrong(key, value, "write a table")
        return None

    def tables(self, key: str, label: Callable[[int, Mapping[str, Any]], str], example: str) -> list[Table]:
        """A list of tables, in order; what is no table is a problem and is passed over."""
        value = self.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self._wrong(key, value, f"write {example}")
            return []
        found = []
        for i, item in enumerate(value):
            if isinstance(item, dict):
                found.append(Table(self.sink, (*self.path, key, i), item, label(i, item)))
            else:
                self.sink.add((*self.path, key, i), f"{self.label}: {key} holds {kind_of(item)}", f"write {example}")
        return found

    def done(self, known: Iterable[str] = ()) -> None:
        """Unknown keys are problems. `known`: keys that exist here though nothing asked for them."""
        names = {*self.asked, *known}
        for key in self.data:
            if key not in names:
                shown = key if len(key) <= 60 else key[:57] + "…"
                self.problem(key, f"unknown key {shown!r}", nearest(key, names, write="write {}"))
