"""Relative paths are relative to the plan: of keys, and of what lies on this machine. (Scripts a session has copies of.)

A session keeps the text of its plan elsewhere, and its engine reads that with `/` as its directory: a text with such paths says
at its end from which folder it was read first. Knows no disk.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from cockpit.plan.model import LOCAL, Copy, Place, Server, Step, Verify

TABLE = "origin"


def can_be_said(folder: str) -> bool:
    """Whether TOML has a way to say it: not with DEL in it, or with bytes that are no UTF-8."""
    return re.search(r"[\x7f\ud800-\udfff]", folder) is None


def origin(text: str, folder: str) -> str:
    """The text, and from where it was read. A table may stand at the very end of any TOML, and moves no line."""
    line = "" if text.endswith("\n") else "\n"
    said = json.dumps(folder, ensure_ascii=False)
    return f"{text}{line}\n[{TABLE}]  # written by cockpit: where relative paths begin\nfolder = {said}\n"


def servers_from(folder: str, servers: Mapping[str, Server]) -> dict[str, Server]:
    """A key after ~ or a token of ssh_config(5) is none of ours to resolve."""
    return {
        name: replace(s, key=_from(folder, s.key)) if s.key and not s.key.startswith(("~", "%", "$")) else s
        for name, s in servers.items()
    }


def step_from(folder: str, step: Step) -> Step:
    here = step.servers == (LOCAL,)
    action = step.action
    if isinstance(action, Copy) and action.pipe is None:
        action = replace(action, source=_place(folder, action.source, here), target=_place(folder, action.target, here))
    elif isinstance(action, Verify):
        action = Verify(tuple(replace(check, places=_places(folder, check.places, here)) for check in action.checks))
    return replace(step, action=action, cwd=_from(folder, step.cwd) if here and step.cwd else step.cwd)


def _places(folder: str, places: Iterable[Place], here: bool) -> tuple[Place, ...]:
    return tuple(_place(folder, place, here) for place in places)


def _place(folder: str, place: Place, here: bool) -> Place:
    local = place.server == LOCAL or (here and place.server is None)
    return replace(place, path=_from(folder, place.path)) if local and place.path else place


def _from(folder: str, path: str) -> str:
    """A path that begins with a template is whole once that is filled in."""
    return path if path.startswith(("/", "{{")) else posixpath.join(folder, path)
