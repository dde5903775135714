"""What a copy is going to write to: never a whole file system, never a path that lost a part, never its own source.

The same rule is kept once more at run time by `templates.target_path`, with the values known by then.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable

from cockpit.plan.model import Copy, Place, Step
from cockpit.plan.sandbox import Scope
from cockpit.plan.steps import Read
from cockpit.plan.templates import TemplateProblem, render, target_path

OfServer = Callable[[Step, str | None], Scope]


def check_targets(read: Read, scope_of: OfServer) -> None:
    """Checks the target of a copy on each of its servers; templates that can't be rendered are said elsewhere."""
    copy, step = read.step.action, read.step
    if not isinstance(copy, Copy) or not copy.target.path:
        return
    writers: dict[tuple[str, str], str] = {}
    for server in step.servers:
        scope = scope_of(step, server)
        try:
            render(copy.target.path, scope, path=True)
        except TemplateProblem:
            return
        problem = _problem(copy, server, scope, writers)
        if problem:
            read.table.sink.add((*read.table.path, "copy", "to"), f"{read.table.label}: {problem[0]}", problem[1])
            return


def _problem(copy: Copy, server: str, scope: Scope, writers: dict[tuple[str, str], str]) -> tuple[str, str] | None:
    try:
        target = _place(copy.target, server, target_path(copy.target.path, scope))
    except TemplateProblem as error:
        return error.what, error.instead
    try:
        if _place(copy.source, server, render(copy.source.path, scope, path=True)) == target:
            return "from and to are the same place", "write another target"
    except TemplateProblem:
        return None
    other = writers.setdefault(target, server)
    if other != server and (copy.delete or copy.method == "image"):
        what = f"{other} and {server} would overwrite each other in {target[0]}:{target[1]}"
        return what, "write {{ server.name }} into the path"
    return None


def _place(place: Place, server: str, path: str) -> tuple[str, str]:
    return place.server or server, posixpath.normpath(path)
