"""Reads the checks of a verify step. Knows their shapes; what they look at is judged in `plan.proofs`, and they are made in
`steps.verify`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from cockpit.plan.fields import Table
from cockpit.plan.model import Check, Place, Server, Verify
from cockpit.plan.places import read_place
from cockpit.units import parse_duration, parse_size

EXAMPLES = {
    "compare": '["/srv", "nas01:/vault"]', "run": '"command"', "tcp": '"host:443"', "http": '"https://host/"',
    "lag": '"command"', "service": '"smbd"', "mount": '"/srv"', "space": '"/srv"',
}
COMPANIONS = {
    "compare": ("by", "meta", "sample"), "run": ("expect", "exit"), "http": ("status", "contains"),
    "lag": ("below", "for"), "space": ("free",),
}
EXAMPLE = 'verify = [ { service = "smbd" } ]'

_EXPRESSION = re.compile(r"\{\{\s*(.*?)\s*\}\}", re.DOTALL)
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)\s*%", re.ASCII)


def read_verify(table: Table, servers: Mapping[str, Server]) -> Verify:
    """The checks of a step, each with a name that is its own."""
    tables = table.tables("verify", lambda i, _: f"{table.label}: check {i + 1}", EXAMPLE)
    if table.data.get("verify") == []:
        table.problem("verify", "verify holds no checks", f"write {EXAMPLE}")
    checks: list[Check] = []
    kinds = [_kind(inner) for inner in tables]
    for inner, kind in zip(tables, kinds, strict=True):
        if kind is not None:
            names = {check.name for check in checks}
            checks.append(_check(inner, kind, servers, names, alone=kinds.count(kind) == 1))
    return Verify(tuple(checks))


def _kind(table: Table) -> str | None:
    found = [key for key in EXAMPLES if table.has(key)]
    if len(found) == 1:
        return found[0]
    if found:
        table.problem(found[1], f"{' and '.join(found)} in one check", "make a check of each")
    else:
        table.problem(None, "nothing says what is checked", "write one of " + ", ".join(EXAMPLES))
    return None


def _check(table: Table, kind: str, servers: Mapping[str, Server], taken: set[str], alone: bool) -> Check:
    places = _places(table, servers) if kind == "compare" else ()
    value = "" if kind == "compare" else table.text(kind, required=EXAMPLES[kind]) or ""
    fields = _fields(table, kind)
    within = table.parsed("within", parse_duration, "2m")
    name = table.text("name")
    table.done(known=EXAMPLES)
    if name is not None and name in taken:
        table.problem("name", f"two checks are called {name!r}", "write another name")
    made = name or _made(kind if alone else f"{kind} {_plain(value)}".strip(), taken)
    return Check(cast(Any, kind), made, value, places, within=within, **fields)


def _plain(value: str) -> str:
    """A value as a name: `{{ server.host }}:445` gives host:445."""
    return " ".join(_EXPRESSION.sub(lambda match: match[1].rpartition(".")[2], value).split())[:40]


def _made(name: str, taken: set[str]) -> str:
    names = (name if n == 1 else f"{name} {n}" for n in range(1, len(taken) + 2))
    return next(made for made in names if made not in taken)


def _places(table: Table, servers: Mapping[str, Server]) -> tuple[Place, ...]:
    texts = table.texts("compare")
    if texts is not None and len(texts) < 2 and isinstance(table.data["compare"], list):
        table.problem("compare", "compare names fewer than two different places", 'write ["/srv", "nas01:/vault"]')
    return tuple(read_place(table, "compare", text, servers) for text in texts or ())


def _fields(table: Table, kind: str) -> dict[str, Any]:
    """The values beside the key that makes the check; those of another kind are problems."""
    for other, keys in COMPANIONS.items():
        for key in keys:
            table.asked.add(key)
            if other != kind and table.has(key):
                table.problem(key, f"{key} means nothing beside {kind}", f"it is for {other}: take it away")
    return _FIELDS[kind](table) if kind in _FIELDS else {}


def _compare(table: Table) -> dict[str, Any]:
    by = table.choice("by", ("count", "size", "content"), "content")
    sample = table.parsed("sample", _share, "5%")
    if sample is not None and by != "content":
        table.problem("sample", f"a sample by {by} reads nothing less", 'write by = "content" or take sample away')
    return {"by": by, "meta": table.flag("meta"), "sample": sample}


def _share(text: str) -> float:
    match = _PERCENT.fullmatch(text.strip())
    if match is None or not 0 < float(match[1]) <= 100:
        raise ValueError(f'{text[:40]!r} is no share: write one like "5%"')
    return float(match[1]) / 100


def _run(table: Table) -> dict[str, Any]:
    return {"expect": table.parsed("expect", _regex, "regex"), "exit": table.whole("exit", 0, 0, 255)}


def _regex(text: str) -> str:
    try:
        re.compile(text if "{{" not in text else "")
    except (re.error, RecursionError, OverflowError) as error:
        what = f"{text[:60]!r} is no regular expression ({error})"
        raise ValueError(f"{what}: put \\ before what is meant literally") from None
    return text


def _http(table: Table) -> dict[str, Any]:
    return {"status": table.whole("status", 200, 100, 599), "contains": table.text("contains")}


def _lag(table: Table) -> dict[str, Any]:
    if not table.has("below"):
        table.problem(None, "below is missing", 'write below = "10s"')
    below, held = table.parsed("below", parse_duration, "10s"), table.parsed("for", parse_duration, "2m")
    if below == 0:
        table.problem("below", "no lag is below 0 s", 'write below = "10s"')
    return {"below": below, "for_": held}


def _space(table: Table) -> dict[str, Any]:
    if not table.has("free"):
        table.problem(None, "free is missing", 'write free = "200GB"')
    return {"free": table.parsed("free", parse_size, "200GB")}


_FIELDS = {"compare": _compare, "run": _run, "http": _http, "lag": _lag, "space": _space}
