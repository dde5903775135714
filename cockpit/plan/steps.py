"""Reads `[[steps]]` and `[[backout]]`: what every kind of step may say. Knows not what must hold between steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from cockpit.plan.fields import Table, kind_of
from cockpit.plan.kinds import READERS, check_allowed, read_action, read_start
from cockpit.plan.model import LOCAL, Estimate, Input, Phase, Server, Step
from cockpit.plan.needs import ALL
from cockpit.plan.problems import nearest
from cockpit.plan.servers import name_problem, read_become, secret_problem
from cockpit.units import parse_duration, parse_rate, parse_size

EXAMPLE = "[[steps]] with id = and one of run, copy, manual …"


@dataclass(frozen=True, slots=True)
class Read:
    """A step together with the table it came from, for problems that are found later."""

    step: Step
    table: Table
    on_unknown: bool = False  # `on` itself was a problem: nothing more is said about where the step runs


def read_steps(root: Table, key: str, servers: Mapping[str, Server], inputs: Mapping[str, Input]) -> list[Read]:
    """The steps under `key` in their order. A step with problems is still there, so that others may need it."""
    def label(i: int, data: Mapping[str, Any]) -> str:
        name = data.get("id")
        return f"step {name}" if isinstance(name, str) and len(name) <= 70 else f"[[{key}]] number {i + 1}"

    phase: Phase = "backout" if key == "backout" else "night"
    tables = root.tables(key, label, EXAMPLE.replace("steps", key))
    return [_step(table, phase, servers, inputs) for table in tables]


def _step(table: Table, phase: Phase, servers: Mapping[str, Server], inputs: Mapping[str, Input]) -> Read:
    step_id = table.text("id", required='"backup"') or ""
    wrong = name_problem(step_id) if step_id else None
    if wrong:
        table.problem("id", *wrong)
    on, on_unknown = _on(table, servers)
    action = read_action(table, servers)
    step = Step(step_id, table.text("title") or step_id, action, on, phase=phase, line=table.line())
    if sum(table.has(key) for key in READERS) == 1:
        check_allowed(table, step.kind, action)
    step = _common(table, step, inputs)
    table.done(known=("args", "capture"))
    return Read(step, table, on_unknown)


def _common(table: Table, step: Step, inputs: Mapping[str, Input]) -> Step:
    timeout = table.parsed("timeout", parse_duration, "3h")
    if timeout == 0:
        table.problem("timeout", "timeout is nothing", "write a time like 3h, or take it away")
    secrets = table.texts("secrets") or ()
    for name in secrets:
        secret_problem(table, "secrets", name, inputs)
    step = replace(
        step,
        needs=_needs(table),
        when=table.text("when"),
        stage=cast(Any, table.choice("stage", ("groundwork", "night", "after"), "night")),
        timeout=timeout or None,
        retries=table.whole("retries", 0, 0, 100),
        once=table.flag("once"),
        probe=table.text("probe"),
        start=read_start(table),
        owner=table.text("owner"),
        on_failure=cast(Any, table.choice("on_failure", ("hold", "continue", "stop"), "hold")),
        become=read_become(table, None),
        env=table.strings("env"),
        cwd=table.text("cwd"),
        secrets=secrets,
        new_host_key=table.flag("new_host_key"),
        note=table.text("note"),
        undo=table.text("undo"),
    )
    _contradictions(table, step)
    return replace(step, **_estimate(table))


def _needs(table: Table) -> tuple[str, ...] | None:
    if table.has("needs") and isinstance(table.data["needs"], str):
        table.get("needs")
        table.problem("needs", "needs is a text", f'write needs = ["{table.data["needs"][:60]}"]')
        return (table.data["needs"],)
    return table.texts("needs")


def _contradictions(table: Table, step: Step) -> None:
    if step.once and step.retries:
        table.problem("retries", "retries in a step that must run only once", "take retries or once away")
    if step.once and not table.has("probe"):
        what = "once without a probe: nobody could say whether it ran"
        table.problem("once", what, 'write probe = "a command that exits 0 if it has, 1 if it has not"')
    for name in sorted(set(step.env) & set(step.secrets)):
        table.problem("env", f"{name} is in env and in secrets", "take one away")


def _estimate(table: Table) -> dict[str, Any]:
    """{"estimate": …}: seconds, or bytes at a rate."""
    if not isinstance(table.data.get("estimate"), dict):
        seconds = table.parsed("estimate", parse_duration, "1h30m")
        return {"estimate": None if seconds is None else Estimate(seconds)}
    inner = table.table("estimate")
    assert inner is not None
    for key, example in (("bytes", "1.2TB"), ("rate", "100MB/s")):
        if not inner.has(key):
            inner.problem(None, f"{key} is missing", f'write {key} = "{example}"')
    size, rate = inner.parsed("bytes", parse_size, "1.2TB"), inner.parsed("rate", parse_rate, "100MB/s")
    inner.done()
    if size is None or rate is None:
        return {}
    return {"estimate": Estimate(size / rate, size, rate)}


def _on(table: Table, servers: Mapping[str, Server]) -> tuple[tuple[str, ...], bool]:
    """The servers that `on` means, each once, and whether it was a problem."""
    value = table.get("on")
    if value is None:
        return (), False
    if isinstance(value, str) and value in ("all", LOCAL):
        if value == "all" and not servers:
            table.problem("on", "the plan has no servers", "add [servers.NAME]")
            return (), True
        return (LOCAL,) if value == LOCAL else tuple(servers), False
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not words:
        wanted = 'write "@tag", a server, a list of them, "all" or "local"; leave it out for a step on no server'
        table.problem("on", "on is an empty list" if words == [] else f"on is {kind_of(value)}", wanted)
        return (), True
    found: dict[str, None] = {}
    good = [_word(table, word, servers, found) for word in words]
    return tuple(found), not all(good)


def _word(table: Table, word: object, servers: Mapping[str, Server], found: dict[str, None]) -> bool:
    if not isinstance(word, str):
        table.problem("on", f"on holds {kind_of(word)}", 'write "@tag" or a server\'s name')
        return False
    if word in ("all", LOCAL):
        table.problem("on", f"{word!r} in a list", f'write on = "{word}" alone')
        return False
    tagged = [name for name, server in servers.items() if word[1:] in server.tags]
    if word.startswith("@") and not tagged:
        tags = {f"@{tag}" for server in servers.values() for tag in server.tags}
        instead = nearest(word, tags) or 'add tags = ["…"] to a server'
        table.problem("on", f"no server has the tag {word[:70]!r}", instead)
        return False
    if not word.startswith("@") and word not in servers:
        names = [*servers, *(f"@{tag}" for server in servers.values() for tag in server.tags), "all", LOCAL]
        table.problem("on", f"no server is called {word[:70]!r}", nearest(word, names))
        return False
    found.update(dict.fromkeys(tagged if word.startswith("@") else [word]))
    return True


def bare(need: str) -> str:
    """The step that a need names, without `:all`."""
    return need.removesuffix(ALL)
