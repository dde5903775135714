"""One end of a copy or of a comparison: "path" on the step's own server, or "server:path". Knows no steps."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cockpit.plan.fields import Table
from cockpit.plan.model import LOCAL, Place, Server
from cockpit.plan.problems import nearest

_SERVER = re.compile(r"([^\s/:{}]+):(.*)", re.DOTALL)
_MADE = re.compile(r"[^/]*\{\{[^}]*\}\}[^/{]*:")


def read_place(table: Table, key: str, text: str | None, servers: Mapping[str, Server]) -> Place:
    """A name before the first colon is a server when no slash stands before it; it must be one of the plan."""
    if text is None:
        return Place(None, "")
    if _MADE.match(text):
        table.problem(key, f"{text!r}: the server is made by a template", 'write its name: "server:path"')
        return Place(None, text.partition("}}:")[2])
    match = _SERVER.fullmatch(text)
    if match is None:
        return Place(None, text)
    name, path = match[1], match[2]
    if name != LOCAL and name not in servers:
        table.problem(key, f"no server is called {name[:70]!r}", nearest(name, [*servers, LOCAL]))
        return Place(None, path)
    if not path.strip():
        table.problem(key, f"{text!r} names no path", f'write "{name}:/path"')
    return Place(name, path)


def split_place(text: str) -> tuple[str | None, str]:
    """(server, path) as `read_place` splits them, and nothing checked."""
    match = _SERVER.fullmatch(text)
    return (match[1], match[2]) if match else (None, text)
