"""What a check looks at, on each server that it will be asked on: an absolute place, a real port, never a place against itself.

Values that come in the night (inputs, captured) are judged by the check itself. Knows no server but by name.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from urllib.parse import urlsplit

from cockpit.plan.checks import EXAMPLES
from cockpit.plan.model import LOCAL, Check, Verify, Wait, tcp_address
from cockpit.plan.ports import host_port
from cockpit.plan.sandbox import used
from cockpit.plan.steps import Read
from cockpit.plan.targets import OfServer
from cockpit.plan.templates import Scope, TemplateProblem, render
from cockpit.plan.values import Into

Problem = tuple[str, str, str]  # (key, what, instead)


def check_proofs(read: Read, scope_of: OfServer) -> None:
    """The checks of a step, and the port that a wait waits for; templates that can't be rendered are said elsewhere."""
    for path, check in _checks(read):
        told: set[str] = set()
        for server in read.step.servers or (None,):
            for key, what, instead in _problems(check, server, scope_of(read.step, server)):
                if key not in told:
                    told.add(key)
                    read.table.sink.add((*read.table.path, *path, key), f"{read.table.label}: {what}", instead)


def _checks(read: Read) -> Iterator[tuple[tuple[str | int, ...], Check]]:
    """Each with the place of its table in the step; those of which the kind is not known are none."""
    action = read.step.action
    if isinstance(action, Wait) and action.condition is not None and (address := tcp_address(action.condition)) is not None:
        yield ("wait", "for"), Check("tcp", "", address or "tcp")
    if isinstance(action, Verify):
        written = read.table.data["verify"]
        tables = enumerate(written if isinstance(written, list) else ())
        known = [i for i, data in tables if isinstance(data, dict) and sum(key in data for key in EXAMPLES) == 1]
        yield from ((("verify", i), check) for i, check in zip(known, action.checks, strict=True))


def _problems(check: Check, server: str | None, scope: Scope) -> Iterator[Problem]:
    if check.kind == "compare":
        yield from _places(check, server, scope)
    value = _said(check.value, scope, "path" if check.kind in ("mount", "space") else "text")
    if not value:
        return
    if check.kind in ("mount", "space") and not value.startswith("/"):
        yield check.kind, f"{value!r} is not an absolute path", "write it from / on"
    if check.kind == "tcp" and host_port(value) is None:
        yield "tcp", f"{value!r} is no host and port", "write host:443, with a port from 1 to 65535"
    if check.kind == "http" and not _is_url(value):
        proper = "https://" + value.rpartition("://")[2]
        yield "http", f"{value!r} is no address of the web", f'write http = "{proper if _is_url(proper) else "https://host/"}"'


def _places(check: Check, server: str | None, scope: Scope) -> Iterator[Problem]:
    seen: set[tuple[str, str]] = set()
    for place in check.places:
        path = _said(place.path, scope, "path")
        if not path:
            continue
        if not path.startswith("/"):
            yield "compare", f"{path!r} is not an absolute path", "write it from / on"
            continue
        spot = place.server or server or LOCAL, "/" + posixpath.normpath(path).lstrip("/")
        if spot in seen:
            yield "compare", f"{spot[0]}:{spot[1]} against itself proves nothing", "write another place"
        seen.add(spot)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port over 65535, an open bracket
        return False


def _said(text: str, scope: Scope, into: Into) -> str | None:
    """The text as it will be; None where that is not known yet."""
    if {"inputs", "captured"} & used(text).keys():
        return None
    try:
        return render(text, scope, into=into)
    except TemplateProblem:
        return None
