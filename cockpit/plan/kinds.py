"""Reads what makes a step what it is: run, script, copy, manual, gate, wait, reboot (verify: `plan.checks`).

Knows the shape of each; what must hold between steps stands in `plan.rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, time
from typing import Any, cast

from cockpit.plan.checks import read_verify
from cockpit.plan.fields import IDENTIFIER, Table, kind_of
from cockpit.plan.model import LOCAL, Action, Copy, Gate, Manual, Moment, Place, Reboot, Run, Script, Server, Wait
from cockpit.plan.places import read_place
from cockpit.plan.problems import nearest
from cockpit.plan.times import TIME_FORMS, instant, is_time, moment
from cockpit.units import parse_duration, parse_rate

Servers = Mapping[str, Server]


def read_action(table: Table, servers: Servers) -> Action:
    """The step's one kind. With none or several it is a problem, and a manual step stands in for it."""
    found = [key for key in READERS if table.has(key)]
    table.asked.update(READERS)
    if len(found) == 1:
        return READERS[found[0]](table, servers)
    if found:
        table.problem(found[1], f"{' and '.join(found)} in one step", "make a step of each")
        for key in found:
            READERS[key](table, servers)
    else:
        table.problem(None, "nothing says what this step does", "write one of " + ", ".join(READERS))
    return Manual("")


def _run(table: Table, servers: Servers) -> Run:
    command = table.text("run", required='"command"') or ""
    capture = table.text("capture")
    if capture is not None and not IDENTIFIER.fullmatch(capture):
        table.problem("capture", f"{capture[:70]!r} is no name", "write letters, digits and _, no digit first")
    return Run(command, capture)


def _script(table: Table, servers: Servers) -> Script:
    path = table.text("script", required='"files/script.sh"') or ""
    if path.startswith(("/", "~")) or ".." in path.split("/"):
        table.problem("script", f"{path!r} is not beside the plan", "put the script into the plan's folder or below")
        path = ""
    if "{{" in path:
        table.problem("script", "the name of a script is no template", "write the file's name, and use args")
        path = ""
    return Script(path, table.texts("args") or ())


def _copy(table: Table, servers: Servers) -> Copy:
    inner = table.table("copy")
    if inner is None:
        return Copy(Place(None, ""), Place(None, ""))
    if inner.has("pipe"):
        return _pipe(inner, servers)
    method = inner.choice("method", ("auto", "rsync", "image", "sftp"), "auto")
    copy = Copy(
        source=read_place(inner, "from", inner.text("from", required='"/srv/share/"'), servers),
        target=read_place(inner, "to", inner.text("to", required='"nas01:/vault/"'), servers),
        method=cast(Any, method),
        exclude=inner.texts("exclude") or (),
        delete=inner.flag("delete"),
        streams=inner.whole("streams", None, 1, 64),
        limit=inner.parsed("limit", parse_rate, "100MB/s"),
        pass_=cast(Any, inner.choice("pass", ("initial", "final"), None)),
        convert=cast(Any, inner.choice("convert", ("qcow2", "raw", "vhdx", "vmdk"), None)),
        route=cast(Any, inner.choice("route", ("pull", "push", "tunnel", "sftp"), None)),
    )
    if copy.convert and copy.source.path.endswith("/"):
        inner.problem("convert", "convert of a folder's contents", "copy one image: write its file as from")
    inner.done()
    return copy


def _pipe(inner: Table, servers: Servers) -> Copy:
    """from and to name servers; what belongs to files means nothing here."""
    written, commands = inner.data["pipe"], inner.texts("pipe") or ()
    if isinstance(written, list) and len(written) != 2:
        inner.problem("pipe", f"pipe holds {len(written)} commands", 'write ["producing command", "consuming command"]')
    if len(commands) != 2:
        commands = ("true", "true")
    for key in ("method", "exclude", "delete", "streams", "pass", "convert"):
        if inner.has(key):
            inner.asked.add(key)
            inner.problem(key, f"{key} means nothing with pipe", "take it away")
    copy = Copy(
        source=Place(_pipe_server(inner, "from", servers), ""), target=Place(_pipe_server(inner, "to", servers), ""),
        limit=inner.parsed("limit", parse_rate, "100MB/s"), pipe=(commands[0], commands[1]),
        route=cast(Any, inner.choice("route", ("pull", "push", "tunnel"), None)),
    )  # fmt: skip
    inner.done()
    return copy


def _pipe_server(inner: Table, key: str, servers: Servers) -> str | None:
    name = inner.text(key)
    if name is None or name == LOCAL or name in servers:
        return name
    if ":" in name or "/" in name:
        inner.problem(key, f"{name!r} is a place, and with pipe it is the server of a command", f'write {key} = "server"')
    else:
        inner.problem(key, f"no server is called {name[:70]!r}", nearest(name, [*servers, LOCAL]))
    return None


def _manual(table: Table, servers: Servers) -> Manual:
    return Manual(table.text("manual", required='"what to do"') or "")


def _gate(table: Table, servers: Servers) -> Gate:
    inner = table.table("gate")
    if inner is None:
        return Gate()
    gate = Gate(inner.texts("requires") or (), _approvers(inner), inner.flag("no_return"), _by(inner))
    inner.done()
    return gate


def _approvers(table: Table) -> int | tuple[str, ...]:
    value = table.data.get("approvers")
    if isinstance(value, list):
        names = table.texts("approvers") or ()
        if not value:
            table.problem("approvers", "nobody may approve", 'write approvers = 1 or approvers = ["name"]')
        return names or 1
    return table.whole("approvers", 1, 1, 20)


def _by(table: Table) -> str | Moment | None:
    value = table.get("by")
    try:
        if value is None:
            return None
        if isinstance(value, str) and is_time(value) and "T" not in value:
            return value.strip()
        return time_text(value) if isinstance(value, time) else moment(value)
    except ValueError as error:
        table.problem("by", f"by is no time: {error}", TIME_FORMS)
        return None


def read_start(table: Table) -> str:
    """`auto`, `manual` or a time as `times.clock_time` reads it."""
    value = table.get("start")
    try:
        if value is None:
            return "auto"
        if isinstance(value, datetime):
            instant(value)
            return value.isoformat()
        if isinstance(value, time):
            return time_text(value)
    except ValueError as error:
        table.problem("start", f"start: {error}", TIME_FORMS)
        return "auto"
    if isinstance(value, str) and (value in ("auto", "manual") or is_time(value)):
        return value.strip()
    shown = repr(value[:60]) if isinstance(value, str) else kind_of(value)
    table.problem("start", f"start is {shown}", 'write "auto", "manual" or a time like "05:00"')
    return "auto"


def time_text(value: time) -> str:
    return f"{value.hour:02d}:{value.minute:02d}"


def _wait(table: Table, servers: Servers) -> Wait:
    if not isinstance(table.data.get("wait"), dict):
        return Wait(seconds=table.parsed("wait", parse_duration, "5m") or 0.0)
    inner = table.table("wait")
    assert inner is not None
    condition = inner.text("for", required='"tcp host:443"')
    timeout = inner.parsed("timeout", parse_duration, "10m")
    inner.done()
    return Wait(condition=condition or "true", timeout=timeout)


def _reboot(table: Table, servers: Servers) -> Reboot:
    if table.get("reboot") is not True:
        table.problem("reboot", "reboot is not true", "write reboot = true, or take the step away")
    return Reboot()


READERS: dict[str, Callable[[Table, Servers], Action]] = {
    "run": _run, "script": _script, "copy": _copy, "verify": read_verify, "manual": _manual, "gate": _gate,
    "wait": _wait, "reboot": _reboot,
}

PIPE = "copy with a pipe"  # its two commands are the plan's own
ALLOWED = {
    "args": ("script",),
    "capture": ("run",),
    "timeout": ("run", "script", "copy", "verify", "reboot"),
    "retries": ("run", "script", "copy", "verify", "wait", "reboot"),
    "once": ("run", "script", "copy", "reboot"),
    "probe": ("run", "script", "copy", "reboot"),
    "become": ("run", "script", "copy", "verify", "wait", "reboot"),
    "env": ("run", "script", PIPE, "verify", "wait"),
    "cwd": ("run", "script", "verify", "wait"),
    "secrets": ("run", "script", PIPE, "verify", "wait"),
    "new_host_key": ("run", "script", "manual", "reboot"),
    "undo": ("run", "script", "copy", "manual", "reboot"),
}


def check_allowed(table: Table, kind: str, action: Action) -> None:
    """Keys that mean nothing for this kind of step are problems rather than silently without effect."""
    names = {kind, PIPE} if isinstance(action, Copy) and action.pipe is not None else {kind}
    for key, kinds in ALLOWED.items():
        table.asked.add(key)
        if table.has(key) and names.isdisjoint(kinds):
            without = " without a pipe" if kind == "copy" and PIPE in kinds else ""
            table.problem(key, f"{key} means nothing in a {kind} step{without}", f"it is for {', '.join(kinds)}: take it away")
