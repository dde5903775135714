"""What must hold between the parts of a plan, once each part has been read: places, references, hours, scripts.

The order of steps is checked in `plan.order`, templates in `plan.usage`. Looks at the disk only for the plan's scripts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from cockpit.plan.fields import Table
from cockpit.plan.model import LOCAL, Copy, Gate, Moment, Plan, Script, Step, Verify, Wait
from cockpit.plan.order import check_order
from cockpit.plan.problems import nearest
from cockpit.plan.steps import Read, bare
from cockpit.plan.times import DAY, clock_time
from cockpit.plan.usage import check_templates

JOB_CHECKS = ("run", "lag", "service", "mount", "space")  # what an appliance with only sftp can't be asked


def check_rules(plan: Plan, reads: Sequence[Read], base: Path | None, *, window_known: bool) -> None:
    """Adds every problem to the sinks of the steps' tables."""
    by_id = _unique(reads)
    for read in reads:
        if read.step.servers or not read.on_unknown:
            _check_place(plan, read)
        _check_gate(plan, read, by_id, window_known)
        if window_known:
            _check_start(plan, read)
        if base is not None:
            _check_script(read, base)
    needs_sound = sum(not _check_needs(read, by_id) for read in reads) == 0  # looks at every step, also after a bad one
    rings = check_order(plan, by_id)
    order_known = needs_sound and not rings and not any(read.on_unknown for read in reads)
    check_templates(plan, reads, order_known=order_known)


def _unique(reads: Iterable[Read]) -> dict[str, Read]:
    """Steps by id, the first of each; a second one is a problem."""
    by_id: dict[str, Read] = {}
    for read in reads:
        if not read.step.id:
            continue
        first = by_id.setdefault(read.step.id, read)
        if first is not read:
            where = first.table.sink.positions.line((*first.table.path, "id"))
            what = f"a step with this id stands on line {where} already"
            read.table.problem("id", what, "write another id")
    return by_id


def _check_place(plan: Plan, read: Read) -> None:
    """Where a step runs suits what it does."""
    step, table = read.step, read.table
    if not step.servers:
        _check_nowhere(step, table)
    if LOCAL in step.servers:
        for key in ("reboot", "new_host_key"):
            if table.data.get(key) is True:
                table.problem(key, f"{key} on local, this machine", "write the server that is meant")
    appliances = [name for name in step.servers if name in plan.servers and plan.servers[name].sftp_only]
    if appliances:
        _check_appliance(table, ", ".join(appliances[:6]))
    if isinstance(step.action, Copy):
        _check_method(plan, step, table)


def _check_nowhere(step: Step, table: Table) -> None:
    """A step on no server can ask a person, wait, and compare places that name their servers; nothing else."""
    write = 'write on = "@tag", a server, or "local"'
    if step.kind in ("run", "script", "copy", "reboot"):
        table.problem(step.kind, f"{step.kind} needs a server to run on", write)
    elif isinstance(step.action, Wait) and step.action.condition is not None:
        table.problem("wait", "a condition needs a server to be looked at from", write)
    elif isinstance(step.action, Verify) and any(
        not check.places or any(place.server is None for place in check.places) for check in step.action.checks
    ):
        table.problem("verify", "these checks need a server to run on", write)
    else:
        for key in ("when", "undo", "new_host_key"):
            if table.has(key):
                table.problem(key, f"{key} needs a server to run on", write)


def _check_appliance(table: Table, names: str) -> None:
    """On a server with only sftp nothing can be run."""
    for key in ("run", "script", "reboot", "when", "probe", "undo"):
        if table.has(key):
            table.problem(key, f"{key} on {names}, which is sftp_only", "leave it out of `on`, or take sftp_only away")
    wait = table.data.get("wait")
    if isinstance(wait, dict) and not str(wait.get("for", "tcp")).startswith("tcp"):
        table.problem("wait", f"a command on {names}, which is sftp_only", 'write for = "tcp host:port"')
    checks = table.data.get("verify")
    for i, check in enumerate(checks if isinstance(checks, list) else ()):
        for kind in JOB_CHECKS:
            if isinstance(check, dict) and kind in check:
                what = f"{table.label}: a {kind} check on {names}, which is sftp_only"
                table.sink.add((*table.path, "verify", i, kind), what, "compare, tcp and http work there")


def _check_method(plan: Plan, step: Step, table: Table) -> None:
    """What a copy pins goes together, and its two servers can do it."""
    copy = step.action
    assert isinstance(copy, Copy)

    def problem(key: str, what: str, instead: str) -> None:
        table.sink.add((*table.path, "copy", key), f"{table.label}: {what}", instead)

    sides = [copy.source.server, copy.target.server]
    names = {name for side in sides for name in ((side,) if side else step.servers)}
    only = ", ".join(sorted(name for name in names if name in plan.servers and plan.servers[name].sftp_only)[:6])
    if only and copy.pipe is not None:
        problem("pipe", f"a pipe with {only}, which is sftp_only", "no command can be run there")
    elif only and copy.method in ("rsync", "image"):
        problem("method", f'method = "{copy.method}" with {only}, which is sftp_only', 'write method = "sftp" or "auto"')
    elif only and copy.route not in (None, "sftp"):
        problem("route", f'route = "{copy.route}" with {only}, which is sftp_only', 'write route = "sftp", or take it away')
    there = [copy.target.server] if copy.target.server else step.servers
    if copy.convert and any(name in plan.servers and plan.servers[name].sftp_only for name in there):
        problem("convert", f"convert on {only}, which is sftp_only", "no command can be run there: take it away")
    if copy.route and copy.method != "auto" and (copy.route == "sftp") != (copy.method == "sftp"):
        problem("route", f'route = "{copy.route}" with method = "{copy.method}"', "take one of them away")
    if copy.route and all((source or here) == (target or here) for source, target in [sides] for here in step.servers):
        problem("route", "a route, and both ends are one server", "take it away")


def _check_needs(read: Read, by_id: Mapping[str, Read]) -> bool:
    """Whether every needed step exists, in the same phase."""
    sound = True
    for need in read.step.needs or ():
        name, colon, _ = bare(need).partition(":")
        if colon:
            read.table.problem("needs", f"{need[:120]!r} is no need", f'write "{name[:70]}" or "{name[:70]}:all"')
            sound = False
        elif _check_reference(read, by_id, name, "needs", partial(read.table.problem, "needs")) is None:
            sound = False
    return sound


def _check_reference(
    read: Read, by_id: Mapping[str, Read], name: str, verb: str, problem: Callable[[str, str], None],
) -> Read | None:
    same = [known for known, other in by_id.items() if other.step.phase == read.step.phase]
    if name not in by_id:
        problem(f"{verb} {name[:70]!r}, and no step is called so", nearest(name, set(same) - {read.step.id}))
        return None
    if by_id[name].step.phase != read.step.phase:
        what = f"{verb} {name}, a step of the {by_id[name].step.phase}, and this one is of the {read.step.phase}"
        problem(what, nearest(name, set(same) - {read.step.id}) or "take it away")
        return None
    return by_id[name]


def _check_gate(plan: Plan, read: Read, by_id: Mapping[str, Read], window_known: bool) -> None:
    gate = read.step.action
    if not isinstance(gate, Gate):
        return
    inner = Table(read.table.sink, (*read.table.path, "gate"), {}, f"{read.table.label}: gate")

    def problem(what: str, instead: str) -> None:
        inner.problem("requires", what, instead)

    for required in gate.requires:
        name, slash, check = required.partition("/")
        found = _check_reference(read, by_id, name, "requires", problem)
        if found is read:
            problem("it requires itself", "write the steps that must be green")
        elif found and slash:
            action = found.step.action
            names = [known.name for known in action.checks] if isinstance(action, Verify) else []
            if check not in names:
                instead = nearest(check, names) or f'write "{name}"'
                problem(f"requires {required[:120]!r}, and {name} has no such check", instead)
    if window_known and gate.by is not None:
        _check_hour(plan, inner, "by", gate.by, 'another way is "+9h30m" after the start')


def _check_start(plan: Plan, read: Read) -> None:
    step = read.step
    if step.start not in ("auto", "manual") and not (step.stage != "night" and "T" in step.start):
        _check_hour(plan, read.table, "start", step.start, "or write opens and closes as date-times")


def _check_hour(plan: Plan, table: Table, key: str, when: str | Moment, relative: str) -> None:
    """A time of day must be in the window, whenever the session starts."""
    window = plan.window
    opens, closes = window.opens.epoch, window.closes.epoch
    if isinstance(when, Moment):
        at = when.epoch
    elif opens is None or closes is None:
        if "T" not in when and not _a_day_long(plan):
            table.problem(key, f"{key} is a time of day in a window that is relative to the start", relative)
        return
    else:
        try:
            at = clock_time(when, opens, closes, window.utc_offset)
        except ValueError as error:
            table.problem(key, f"{key}: {error}", "write a time between opens and closes")
            return
    if opens is not None and closes is not None and at is not None and not opens <= at <= closes:
        table.problem(key, f"{key} is not within the window", "write a time between opens and closes")


def _a_day_long(plan: Plan) -> bool:
    """A window that has every time of day in it, whenever it begins."""
    opens, closes = plan.window.opens.offset, plan.window.closes.offset
    return opens is not None and closes is not None and closes - opens >= DAY


def _check_script(read: Read, base: Path) -> None:
    """The script is there and says by its first line what runs it."""
    if not isinstance(read.step.action, Script) or not read.step.action.path:
        return
    path = read.step.action.path
    try:
        with (base / path).open("rb") as file:
            first = file.readline(256)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        read.table.problem("script", f"{path!r} can't be read: {reason}", f"put it at {base / path}")
        return
    if not first.startswith(b"#!"):
        read.table.problem("script", f"{path!r} does not say what runs it", "write #!/bin/sh as its first line")
    elif first.rstrip(b"\n").endswith(b"\r"):
        read.table.problem("script", f"{path!r} has Windows line ends", "save it with Unix line ends")
