"""Every template of a plan is rendered once for every server it will meet, before anything depends on it.

Inputs and captured values are not known yet: stand-ins take their place. Knows no state.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from cockpit.plan.captures import Captures
from cockpit.plan.fields import Table
from cockpit.plan.model import LOCAL, Plan, Step, tcp_address
from cockpit.plan.places import split_place
from cockpit.plan.positions import Path
from cockpit.plan.proofs import check_proofs
from cockpit.plan.sandbox import misplaced_capture, used, uses_captured
from cockpit.plan.steps import Read
from cockpit.plan.targets import check_targets
from cockpit.plan.templates import Scope, TemplateProblem, render, scope
from cockpit.plan.times import hours
from cockpit.plan.values import Into, has_template

Use = Into | Literal["never"]

SHELL, TEXT, PATH, NEVER = ("run", "when", "probe", "undo"), ("manual", "note"), ("cwd",), ("title", "owner")
_EXPRESSION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
CHECKS: dict[str, Use] = {
    "run": "shell", "lag": "shell", "tcp": "text", "http": "text", "service": "text", "contains": "text",
    "expect": "regex", "name": "never", "mount": "path", "space": "path", "compare": "path",
}


class Scopes:
    """Scopes with stand-ins, made once per server."""

    def __init__(self, plan: Plan, reads: Sequence[Read], order_known: bool) -> None:
        self.plan = plan
        self.captures = Captures(plan, [read.step for read in reads], order_known)
        self._made: dict[str | None, Scope] = {}
        self._inputs = {name: "/input" for name, known in plan.inputs.items() if not known.secret}

    def of(self, step: Step, server: str | None) -> Scope:
        if server not in self._made:
            self._made[server] = scope(self.plan, server, self._inputs, {}, hours(self.plan.window, 0.0))
        made = self._made[server]
        if server is None or server == LOCAL:
            return made
        return {**made, "captured": self.captures.of(step, server)}


def check_templates(plan: Plan, reads: Sequence[Read], *, order_known: bool) -> None:
    """Undefined names, secrets, captured values where they are refused, and targets that would be too much.
    `order_known`: needs and places are sound, so that it can be said what is captured in time."""
    scopes = Scopes(plan, reads, order_known)
    for read in reads:
        nowhere = read.on_unknown and not read.step.servers
        for path, text, use in templates_of(read.table.data):
            if has_template(text):
                _check(read, path, "".join(_of_no_server(text)) if nowhere else text, use, scopes)
        if nowhere:
            continue
        check_targets(read, scopes.of)
        check_proofs(read, scopes.of)


def templates_of(data: Mapping[str, Any]) -> Iterator[tuple[Path, str, Use]]:
    """Every text of a step's table in which a template may stand, and how it is used."""
    uses: list[tuple[tuple[str, ...], Use]] = [(SHELL, "shell"), (TEXT, "text"), (PATH, "path"), (NEVER, "never")]
    for keys, use in uses:
        for key in keys:
            yield from _texts((key,), data.get(key), use)
    yield from _texts(("args",), data.get("args"), "text")
    yield from _texts(("env",), data.get("env"), "text")
    if isinstance(data.get("wait"), dict):
        condition = data["wait"].get("for")
        yield from _texts(("wait", "for"), condition, "shell" if tcp_address(str(condition)) is None else "text")
    copy = data.get("copy")
    if isinstance(copy, dict):
        yield from _texts(("copy", "from"), copy.get("from"), "path")
        yield from _texts(("copy", "to"), copy.get("to"), "path")
        yield from _texts(("copy", "pipe"), copy.get("pipe"), "shell")
        yield from _texts(("copy", "exclude"), copy.get("exclude"), "path")
    checks = data.get("verify")
    for i, check in enumerate(checks if isinstance(checks, list) else ()):
        for key, use in CHECKS.items() if isinstance(check, dict) else ():
            yield from _texts(("verify", i, key), check.get(key), use)


def _texts(path: Path, value: Any, use: Use) -> Iterator[tuple[Path, str, Use]]:
    if isinstance(value, str):
        yield path, split_place(value)[1] if use == "path" else value, use
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _texts((*path, i), item, use) if isinstance(item, str) else ()
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts((*path, key), item, use) if isinstance(item, str) else ()


def _check(read: Read, path: Path, text: str, use: Use, scopes: Scopes) -> None:
    """One text, on every server of its step; the same problem on several servers is said once, naming them."""
    step, table = read.step, read.table
    if use == "never":
        _say(table, path, "a template, where all servers share one text", "write plain words")
        return
    if use == "shell" and (misplaced := misplaced_capture(text)):
        _say(table, path, *misplaced)
        return
    servers: Sequence[str | None] = step.servers or (None,)
    if "server" not in text and not uses_captured(text):
        servers = servers[:1]
    found: dict[tuple[str, str], list[str]] = {}
    for server in servers:
        for problem in _problems(text, scopes.of(step, server), use):
            found.setdefault((problem.what, problem.instead), []).append(server or "")
    for (what, instead), where in found.items():
        some = len(servers) > 1 and len(where) < len(servers)
        named = f" (on {', '.join(where[:4])}{' …' if len(where) > 4 else ''})" if some else ""
        _say(table, path, what + named, instead)


def _problems(text: str, scope: Scope, use: Into) -> list[TemplateProblem]:
    """Of each expression by itself where one has any: the first must not hide the others."""
    if (whole := _problem(text, scope, use)) is None:
        return []
    return [each for part in _expressions(text) if (each := _problem(part, scope, use))] or [whole]


def _problem(text: str, scope: Scope, use: Into) -> TemplateProblem | None:
    try:
        render(text, scope, into=use)
    except TemplateProblem as problem:
        return problem
    return None


def _expressions(text: str) -> Iterable[str]:
    return dict.fromkeys(_EXPRESSION.findall(text))


def _of_no_server(text: str) -> Iterator[str]:
    """Its expressions that mean the same wherever the step runs."""
    return (part for part in _expressions(text) if not {"server", "captured"} & used(part).keys())


def _say(table: Table, path: Path, what: str, instead: str) -> None:
    names = [str(part) for part in path if isinstance(part, str)]
    table.sink.add((*table.path, *path), f"{table.label}: {'.'.join(names)}: {what}", instead)
