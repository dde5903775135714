"""What templates are given, and what is said of one that can't be used. Knows no Jinja2: a screen reads plans without it."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Literal

from cockpit.plan.problems import nearest

Scope = Mapping[str, Any]
Into = Literal["shell", "text", "regex", "path"]
"""Who reads the text that a template makes: /bin/sh; nobody who would take it apart; `re`; a server's file system."""


_MAKES = {"captured": 'write capture = "{}" in a run step before it', "inputs": "add [inputs.{}]"}


def has_template(text: str) -> bool:
    return "{{" in text


class TemplateProblem(Exception):
    """The operator's: this template can't be used as it is written (or with what was captured)."""

    def __init__(self, what: str, instead: str = "") -> None:
        super().__init__(f"{what}; {instead}" if instead else what)
        self.what, self.instead = what, instead


class Captured(str):
    """A server's own words, under the name that the plan gives them. Marked, so that no shell is ever made to read them."""

    name: str

    def __new__(cls, name: str, value: str) -> Captured:
        made = super().__new__(cls, value)
        made.name = name
        return made


class Values(SimpleNamespace):
    """One root of a scope: `label` for messages, what `{{ label }}` itself gives (None: refused), and for names
    that exist but may not be used here, what to write instead."""

    def __init__(
        self, label: str, values: Mapping[str, Any], text: str | None = None, refused: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(**values)
        self._label, self._text, self._refused = label, text, refused or {}

    def _missing(self, name: str) -> tuple[str, str]:
        if name in self._refused:
            return f"{self._label}.{name} can't be used here", self._refused[name]
        known = [key for key in vars(self) if not key.startswith("_")]
        instead = nearest(name, known, write="write " + self._label + ".{}")
        return f"{self._label}.{name} is not known here", self._or_made(name, instead)

    def _or_made(self, name: str, instead: str) -> str:
        """Of a name that is like none that is known: also what makes it one."""
        if self._label not in _MAKES or instead.startswith("write"):
            return instead
        return "; or ".join(filter(None, (instead, _MAKES[self._label].format(name[:60]))))
