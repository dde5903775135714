"""What a copy is going to write to: never a whole file system, never a path that lost a part, never its own source.

The values known at run time are judged once more by the copy itself. Knows no server but by name.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable

from cockpit.plan.model import Copy, Place, Step
from cockpit.plan.steps import Read
from cockpit.plan.templates import Scope, TemplateProblem, render, target_path

OfServer = Callable[[Step, str | None], Scope]
Writers = dict[tuple[str, str], str]


def check_targets(read: Read, scope_of: OfServer) -> None:
    """Checks both ends of a copy on each of its servers; templates that can't be rendered are said elsewhere."""
    copy, step = read.step.action, read.step
    if not isinstance(copy, Copy) or copy.pipe is not None:
        return
    told: set[str] = set()
    writers: Writers = {}
    for server in step.servers:
        for key, what, instead in _problems(copy, server, scope_of(step, server), writers):
            if key not in told:
                told.add(key)
                read.table.sink.add((*read.table.path, "copy", key), f"{read.table.label}: {what}", instead)


def _problems(copy: Copy, server: str, scope: Scope, writers: Writers) -> list[tuple[str, str, str]]:
    """(key, what, instead) of one server's task."""
    source, target = _rendered(copy.source, scope), _rendered(copy.target, scope)
    found = [
        (key, f"{path!r} is not an absolute path", "write it from / on")
        for key, path in (("from", source), ("to", target)) if path and not path.startswith("/")
    ]
    if found or not target:
        return found
    try:
        target_path(copy.target.path, scope)
    except TemplateProblem as error:
        return [("to", error.what, error.instead)]
    problem = _clash(copy, server, source, target, writers)
    return [("to", *problem)] if problem else []


def _rendered(place: Place, scope: Scope) -> str | None:
    try:
        return render(place.path, scope, path=True)
    except TemplateProblem:
        return None


def _clash(copy: Copy, server: str, source: str | None, target: str, writers: Writers) -> tuple[str, str] | None:
    to_server, to = copy.target.server or server, _normal(target)
    if copy.method != "image" and (to == "/dev" or to.startswith("/dev/")):
        return f"the target {to!r} is among the devices", "write a folder, or method = \"image\""
    if source and to_server == (copy.source.server or server):
        inside = _normal(source)
        if to == inside or to.startswith(inside.rstrip("/") + "/"):
            return f"the target {to!r} lies in the source {inside!r}", "write another target"
        if copy.delete and inside.startswith(to.rstrip("/") + "/"):
            return f"the source {inside!r} lies in the target {to!r}, and delete would take it away", "copy without delete"
    other = writers.setdefault((to_server, to), server)
    if other != server and (copy.delete or copy.method == "image"):
        return f"{other} and {server} would overwrite each other in {to_server}:{to}", "write {{ server.name }} into the path"
    return None


def _normal(path: str) -> str:
    return "/" + posixpath.normpath(path).lstrip("/")
