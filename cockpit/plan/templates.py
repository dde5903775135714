"""Templates of a plan: what they may see on one server, and their rendering.

Knows no state: inputs, captures and hours are the caller's. How Jinja2 is tamed stands in `plan.sandbox`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from cockpit.plan.model import LOCAL, Plan, Server
from cockpit.plan.times import Hours
from cockpit.plan.values import Captured, Into, Scope, TemplateProblem, Values, has_template

__all__ = ["Scope", "TemplateProblem", "render", "scope", "target_path"]


def scope(
    plan: Plan, server: str | None, inputs: Mapping[str, str], captured: Mapping[str, str], window: Hours,
) -> Scope:
    """What templates see on `server` (None: a step on no server). Secrets among `inputs` are left out, and so is
    what was captured on a server for a step on `local`."""
    values: dict[str, Any] = {
        "inputs": _inputs(plan, inputs),
        "plan": Values("plan", _plan(plan), text=plan.name),
        "window": _window(window),
    }
    if server is not None:
        values["server"] = _server(plan.servers.get(server), server)
    if server is not None and server != LOCAL:
        values["captured"] = Values("captured", {name: Captured(name, value) for name, value in captured.items()})
    return values


def render(text: str, scope: Scope, *, into: Into = "shell", path: bool = False) -> str:
    """The text with its values put in. Captured values: set in variables before a shell's text, escaped in a regular
    expression, as they are in a text. `path`: as into="path", captured and empty values are refused. Raises TemplateProblem."""
    if not has_template(text):
        return text
    from cockpit.plan.sandbox import render as in_sandbox  # Jinja2 takes a tenth of what opening a screen may take

    return in_sandbox(text, scope, "path" if path else into)


def target_path(text: str, scope: Scope) -> str:
    """A rendered path that is going to be written to or deleted in. TemplateProblem for `/` and for lost parts."""
    path = render(text, scope, path=True)
    if not path.strip() or "\0" in path:
        raise TemplateProblem("the target is empty or holds a NUL", "write the folder that is meant")
    if posixpath.normpath("/" + path).strip("/") == "":
        raise TemplateProblem(f"the target {path!r} is the whole file system", "write the folder that is meant")
    return path


def _inputs(plan: Plan, inputs: Mapping[str, str]) -> Values:
    secret = {name: f'write secrets = ["{name}"] and use ${name}' for name, i in plan.inputs.items() if i.secret}
    return Values("inputs", {k: str(v) for k, v in inputs.items() if k not in secret}, refused=secret)


def _plan(plan: Plan) -> dict[str, str]:
    return {"name": plan.name, "lead": plan.lead or "", "contact": plan.contact or ""}


def _server(server: Server | None, name: str) -> Values:
    """A user that only ssh_config knows is undefined here rather than empty: an empty one would change a command."""
    if server is None:
        return Values("server", {"name": name, "host": "localhost", "tags": ()}, text=None)
    own = {"name": server.name, "host": server.host, "tags": server.tags}
    if server.user is not None:
        own["user"] = server.user
    return Values("server", {**server.vars, **own}, refused={"user": f'write user = "…" in [servers.{name}]'})


def _window(window: Hours) -> Values:
    opens, closes = window.words(window.opens), window.words(window.closes)
    points = {"opens": opens, "closes": closes}
    if window.testing is not None:
        points["testing"] = window.words(window.testing)
    return Values("window", points, text=f"{opens} to {closes}")
