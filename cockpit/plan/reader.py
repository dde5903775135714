"""Reads a plan and checks it whole: one pass, every problem, each with its line and what to write instead.

tomllib says what the values are; `plan.positions` where they stand. Knows no SSH and no state, and of the disk only the
plan's own file and the scripts beside it. Whatever bytes it is given, it answers with a Plan or with PlanProblems.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from shlex import quote
from typing import Any

from cockpit.plan.fields import Sink, Table
from cockpit.plan.model import Limits, Moment, Plan, Window
from cockpit.plan.positions import Positions, locate
from cockpit.plan.problems import PlanProblems, Problem
from cockpit.plan.relative import TABLE, can_be_said, origin, servers_from, step_from
from cockpit.plan.servers import read_inputs, read_servers
from cockpit.plan.steps import Read, read_steps
from cockpit.plan.times import MOMENT_FORMS, moment, offset_of
from cockpit.units import parse_rate

VERSION = 1
MAX_BYTES = 8 << 20  # a plan is written by hand; more is another file given by mistake


def load(path: Path) -> Plan:
    """The plan of a file, its scripts looked for beside it. Raises PlanProblems, also where the file can't be read."""
    name = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise PlanProblems([Problem(name, 0, "there is no such file", f"cockpit new {quote(name)} writes one")]) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PlanProblems([Problem(name, 0, f"it can't be read: {reason}", "give the plan's own file")]) from None
    if len(data) > MAX_BYTES:
        raise PlanProblems([Problem(name, 0, "it is larger than 8 MiB", "give the plan's own file")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PlanProblems([Problem(name, line, "it is not UTF-8 text", "save the file as UTF-8")]) from None
    return loads(text, name, base=path.parent, folder=str(path.parent.absolute()))


def loads(text: str, path: str, *, base: Path | None = None, folder: str | None = None) -> Plan:
    """The plan of a TOML text; `path` names it in problems. `base`: the folder in which its scripts must exist, None
    where that is not asked. `folder`: where its relative paths begin, unless it says so itself. Raises PlanProblems."""
    from cockpit.plan.rules import check_rules  # with Jinja2, which `adopted` does without

    data = _parse(text, path)
    sink = Sink(path, locate(text))
    root = Table(sink, (), data, "the plan")
    plan, steps, window_known = _plan(root, text, path, folder)
    check_rules(plan, steps, base, window_known=window_known)
    if sink.problems:
        raise PlanProblems(sink.problems)
    return plan


def adopted(text: str, path: str) -> Plan:
    """The plan of a text that an engine has adopted: its rules and templates were checked then. Raises PlanProblems
    where this cockpit can't read it at all."""
    sink = Sink(path, Positions({}))
    plan, *_ = _plan(Table(sink, (), _parse(text, path), "the plan"), text, path)
    if sink.problems:
        raise PlanProblems(sink.problems)
    return plan


def _parse(text: str, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", str(error))
        line = int(place[1]) if place and place[1] else text.count("\n") + (not text.endswith("\n"))
        what = str(error)[: place.start()] if place else str(error)
        instead = "mend this first: the rest can't be read"
        raise PlanProblems([Problem(path, line, f"not TOML: {what}", instead)]) from None
    except RecursionError:
        raise PlanProblems([Problem(path, 1, "brackets within brackets without end", "write a plan")]) from None
    except ValueError as error:  # a number with thousands of digits, a date that no calendar has
        raise PlanProblems([Problem(path, 1, f"not TOML: {error}", "write a smaller number")]) from None


def _plan(root: Table, text: str, path: str, folder: str | None = None) -> tuple[Plan, list[Read], bool]:
    """The plan, its steps with their tables, and whether its window could be read."""
    name, lead, contact = _head(root)
    window = _window(root)
    limits = _limits(root)
    inputs = read_inputs(root)
    servers = read_servers(root, inputs)
    steps, backout = read_steps(root, "steps", servers, inputs), read_steps(root, "backout", servers, inputs)
    if not root.data.get("steps"):
        root.problem("steps", "there are no steps", "add [[steps]] with id = and one of run, copy, manual …")
    written = _folder(root)
    root.done()
    folder = written or folder
    if folder:
        read = servers, steps, backout
        servers = servers_from(folder, servers)
        steps, backout = (_anchored(reads, folder) for reads in (steps, backout))
        if not written and read != (servers, steps, backout):
            if not can_be_said(folder):
                root.problem(None, f"relative paths begin in {folder!r}, which TOML can't say", "move the plan to another folder")
            text = origin(text, folder)
    plan = Plan(
        name, window or Window(Moment(offset=0.0), Moment(offset=86400.0)), servers,
        tuple(read.step for read in steps), tuple(read.step for read in backout),
        lead, contact, limits, inputs, path, text,
    )
    return plan, [*steps, *backout], window is not None


def _anchored(reads: list[Read], folder: str) -> list[Read]:
    return [replace(read, step=step_from(folder, read.step)) for read in reads]


def _folder(root: Table) -> str | None:
    """What a session's own copy says of where it was read first."""
    table = root.table(TABLE, f"[{TABLE}]")
    if table is None:
        return None
    folder = table.text("folder", required='"/home/lead/night"')
    if folder and not folder.startswith("/"):
        table.problem("folder", f"{folder!r} is not an absolute path", "write it from / on")
    table.done()
    return folder


def _head(root: Table) -> tuple[str, str | None, str | None]:
    table = root.table("plan", "[plan]")
    if table is None:
        if not root.has("plan"):
            root.problem(None, "[plan] is missing", 'write [plan] with version = 1 and name = "…"')
        return "", None, None
    version = table.get("version")
    if version is None:
        table.problem(None, "version is missing", f"write version = {VERSION}")
    elif isinstance(version, bool) or version != VERSION:
        table.problem("version", f"this cockpit reads plans of version {VERSION}", f"write version = {VERSION}")
    name = table.text("name", required='"Seven servers, one night"') or ""
    head = name, table.text("lead"), table.text("contact")
    table.done()
    return head


def _window(root: Table) -> Window | None:
    table = root.table("window", "[window]")
    if table is None:
        if not root.has("window"):
            root.problem(None, "[window] is missing", "write [window] with opens = and closes =")
        return None
    points = {key: _moment(table, key, required=key != "testing") for key in ("opens", "testing", "closes")}
    table.done()
    order = [key for key in ("opens", "testing", "closes") if points[key] is not None]
    for first, then in pairwise(order):
        _order(table, first, points[first], then, points[then])
    opens, closes = points["opens"], points["closes"]
    if opens is None or closes is None:
        return None
    return Window(opens, closes, points["testing"], _offset(table))


def _moment(table: Table, key: str, required: bool) -> Moment | None:
    value = table.get(key)
    if value is None:
        if required:
            table.problem(None, f"{key} is missing", MOMENT_FORMS)
        return None
    try:
        return moment(value)
    except ValueError as error:
        table.problem(key, f"{key} is no point in time", str(error))
        return None


def _order(table: Table, first: str, a: Moment | None, then: str, b: Moment | None) -> None:
    if a is None or b is None or (a.epoch is None) != (b.epoch is None):
        return
    if a.at(0.0) >= b.at(0.0):
        table.problem(then, f"{then} is not after {first}", "write them in their order: opens, testing, closes")


def _offset(table: Table) -> float:
    """The clock in which the window was written: of `closes`, else of another point that has one."""
    for key in ("closes", "testing", "opens"):
        offset = offset_of(table.data.get(key))
        if offset is not None:
            return offset
    return 0.0


def _limits(root: Table) -> Limits:
    table = root.table("limits", "[limits]")
    if table is None:
        return Limits()
    limits = Limits(
        table.whole("jobs", Limits().jobs), table.whole("transfers", Limits().transfers),
        table.parsed("bandwidth", parse_rate, "900Mbit/s"),
    )
    table.done()
    return limits
