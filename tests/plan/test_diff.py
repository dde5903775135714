"""What `cockpit amend` shows, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cockpit.plan.diff import AmendRefused, differences
from cockpit.plan.model import Manual, Plan, Step
from cockpit.plan.reader import load, loads

TEXT = """
[plan]
version = 1
name = "x"
[window]
opens = "+0s"
closes = "+13h"
[servers.a]
[servers.b]
[[steps]]
id = "one"
on = "a"
run = "true"
[[steps]]
id = "two"
on = "b"
run = "true"
"""


def changed(old: str, new: str) -> Plan:
    assert old in TEXT
    return loads(TEXT.replace(old, new, 1), "x")


PLAN = loads(TEXT, "x")
NIGHT = Path(__file__).parent / "plans" / "night.toml"


def words_of(old: Plan, new: Plan, *started: str) -> list[str]:
    return [change.what for change in differences(old, new, set(started))]


def shown(old: str, new: str) -> list[str]:
    """The details of the one change that this makes."""
    [change] = differences(PLAN, changed(old, new), set())
    return list(change.details)


def test_the_same_plan_has_no_differences() -> None:
    assert differences(PLAN, loads("\n# a comment\n" + TEXT, "y"), {"one"}) == []


@pytest.mark.parametrize(("old", "new", "words"), [
    ("+13h", "+14h", ["window changed"]),
    ('[servers.a]', '[servers.a]\nport = 23', ["server a changed (port)"]),
    ('[servers.a]', '[servers.c]\n[servers.a]', ["server c added"]),
    ('run = "true"\n[[', 'run = "true"\nretries = 1\n[[', ["step one changed (retries)"]),
    ('id = "two"', 'id = "three"', ["step three added", "step two removed"]),
    ('[[steps]]\nid = "one"', '[[steps]]\nid = "new"\nmanual = "x"\n[[steps]]\nid = "one"', ["step new added"]),
])
def test_differences_in_words(old: str, new: str, words: list[str]) -> None:
    assert words_of(PLAN, changed(old, new)) == words


def test_steps_in_another_order() -> None:
    head, one, two = TEXT.split("[[steps]]\n")
    other = loads("[[steps]]\n".join([head, two, one]), "x")
    assert "steps stand in another order" in words_of(PLAN, other)


def test_a_step_that_has_started_can_t_change_and_all_reasons_are_given() -> None:
    text = TEXT.replace('run = "true"', 'run = "false"', 1).replace('id = "two"', 'id = "three"').replace('"x"', '"y"', 1)
    with pytest.raises(AmendRefused) as caught:
        differences(PLAN, loads(text, "x"), {"one", "two"})
    assert caught.value.reasons == [
        "this is another plan: 'y', and the session runs 'x'",
        "step one has started and can't be changed (run)",
        "step two has started and can't be taken out",
    ]


def test_words_and_estimates_of_a_started_step_may_change() -> None:
    new = changed('run = "true"', 'run = "true"\nnote = "look"\nestimate = "5m"')
    assert words_of(PLAN, new, "one") == ["step one changed (estimate, note)"]


@pytest.mark.parametrize(("old", "new", "details"), [
    ("+13h", "+14h", ["closes: +13h -> +14h"]),
    ("[servers.a]", "[servers.a]\nport = 23", ["port: not set -> 23"]),
    ("[servers.a]", '[servers.a]\nvars = { disk = "sdb" }', ["vars.disk: not set -> sdb"]),
    ("[servers.a]", "[servers.a]\nconnect_timeout = '2m'", ["connect_timeout: 15s -> 2m"]),
    ('run = "true"', 'run = "true"\nretries = 1', ["retries: 0 -> 1"]),
    ('run = "true"', 'run = "true"\ntimeout = "90s"', ["timeout: not set -> 1m30s"]),
    ('run = "true"', 'run = "true"\nneeds = []', ["needs: not set -> []"]),
    ('run = "true"', 'run = "true"\nestimate = { bytes = "1.2TB", rate = "100MB/s" }', ["estimate: not set -> 1.2TB at 100MB/s"]),
    ('run = "true"', 'manual = "Look"', ["manual: not set -> Look", "run: true -> not set"]),
    ('on = "a"\nrun = "true"', 'gate = { approvers = ["maria"] }', [
        "gate.requires: not set -> []", "gate.approvers: not set -> maria", "gate.no_return: not set -> false",
        "run: true -> not set", "on: a -> not set",
    ]),
    ('on = "a"\n', 'on = ["a", "b"]\n', ["on:", "    a", "  + b"]),
    ("[plan]", '[plan]\nlead = "maria"', ["lead: not set -> maria"]),
    ("[window]", '[limits]\nbandwidth = "300Mbit/s"\n[window]', ["bandwidth: not set -> 37.5MB/s"]),
    ("[servers.a]", '[inputs.t]\nprompt = "T"\n[servers.a]', ["prompt: T"]),
    ('[[steps]]', '[[steps]]\nid = "new"\non = "a"\ncopy = { from = "a:/x/", to = "b:/y/", delete = true }\n[[steps]]', [
        "copy.from: a:/x/", "copy.to: b:/y/", "copy.delete: true", "on: a",
    ]),
])  # fmt: skip
def test_old_and_new_values_are_shown_as_a_plan_writes_them(old: str, new: str, details: list[str]) -> None:
    assert shown(old, new) == details


def test_long_texts_are_shown_line_by_line() -> None:
    long = "".join(f"echo {n}\n" for n in range(50))
    before = changed('run = "true"', f'run = """\n{long}"""')
    after = changed('run = "true"', f'run = """\n{long.replace("echo 30", "echo thirty").replace("echo 9", "")}"""')
    [change] = differences(before, after, set())
    assert list(change.details) == [
        "run:", "    echo 8", "  - echo 9", "  + ", "    echo 10", "  …",
        "    echo 29", "  - echo 30", "  + echo thirty", "    echo 31",
    ]


def test_one_long_line_is_shown_whole() -> None:
    line = "rsync -a /srv/ nas:/srv/ " + "--exclude=/tmp " * 8
    assert shown('run = "true"', f'run = "{line}"') == ["run:", "  - true", f"  + {line}"]


def test_checks_are_told_apart_by_their_names() -> None:
    checks = '[{ tcp = "a:1", name = "up" }, { space = "/", free = "1GB", name = "room" }]'
    text = TEXT.replace('run = "true"', f"verify = {checks}", 1)
    other = text.replace("a:1", "a:2").replace("1GB", "2GB")
    [change] = differences(loads(text, "x"), loads(other, "x"), set())
    assert change.details == ("check 'up': tcp: a:1 -> a:2", "check 'room': free: 1GB -> 2GB")


def test_every_key_of_the_format_that_differs_is_shown() -> None:
    """Each step of the whole format against one that only has words: none changes without a line that says how."""
    plan = load(NIGHT)
    plain = replace(plan, steps=tuple(Step(s.id, s.title, Manual("x"), phase=s.phase) for s in plan.steps), backout=())
    for one, other in ((plan, plain), (plain, plan)):
        changes = differences(one, other, set())
        assert len(changes) >= len(plan.steps)
        assert all(change.details for change in changes if "removed" not in change.what), changes
        for step in plan.steps:
            said = next(c.details for c in changes if c.what.startswith(f"step {step.id} "))
            for field in ("timeout", "retries", "when", "note", "owner", "undo", "probe", "cwd", "stage", "start"):
                if getattr(step, field) != getattr(plain.step(step.id), field):
                    assert any(line.startswith(f"{field}:") for line in said), (step.id, field, said)
