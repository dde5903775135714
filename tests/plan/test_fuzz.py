"""Whatever bytes stand in a plan, the answer is a plan or problems with lines: never a traceback.

Fifty of each sort here, more in tests/long/test_plans.py.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.plan.describe import check_lines, check_report
from cockpit.plan.model import Plan
from cockpit.plan.problems import PlanProblems
from cockpit.plan.reader import load, loads

PLANS = Path(__file__).parent / "plans"
NIGHT = (PLANS / "night.toml").read_text()
MISTAKES = (PLANS / "mistakes.toml").read_text() + (PLANS / "cases.toml").read_text().partition("[plan]")[0]
SOME = settings(max_examples=50, deadline=None)

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.datetimes(), st.times(),
    st.sampled_from(["{{", "{{ captured.x }}", "{{ server.name", "@", "all", "local", ":", "/", "fs01:", "+", "5%", ""]),
    st.lists(st.one_of(st.text(max_size=5), st.integers(), st.just({})), max_size=3),
    st.dictionaries(st.sampled_from(["run", "for", "from", "to", "bytes", "x", "", "requires"]), st.text(max_size=9), max_size=3),
)


def answer(text: str) -> Plan | None:
    """The plan, or None after problems that all have a line of the text and something to say."""
    try:
        return loads(text, "fuzz.toml", base=PLANS)
    except PlanProblems as error:
        assert error.problems
        lines = text.count("\n") + 1
        assert all(1 <= problem.line <= lines and problem.what for problem in error.problems)
        str(error).encode()
        return None


def use(plan: Plan | None) -> None:
    """A plan that was accepted can be scheduled and described."""
    if plan is not None:
        assert check_lines(plan, 1.7e9)
        assert check_report(plan, 1.7e9)["ok"]


@SOME
@given(st.binary(max_size=300))
def test_random_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "random.toml"
    path.write_bytes(data)
    with pytest.raises(PlanProblems) as caught:
        load(path)
    assert all(problem.file == str(path) for problem in caught.value.problems)


@SOME
@given(st.data())
def test_a_plan_with_characters_changed(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([NIGHT, MISTAKES]))
    for _ in range(data.draw(st.integers(1, 4))):
        at, size = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 12))
        text = text[:at] + data.draw(st.text(max_size=4)) + text[at + size:]
    use(answer(text))


@SOME
@given(st.data())
def test_a_plan_with_lines_moved(data: st.DataObject) -> None:
    lines = NIGHT.split("\n")
    for _ in range(data.draw(st.integers(1, 6))):
        line = lines.pop(data.draw(st.integers(0, len(lines) - 1)))
        lines.insert(data.draw(st.integers(0, len(lines))), line)
    use(answer("\n".join(lines)))


@SOME
@given(st.data())
def test_a_plan_with_values_of_any_other_sort(data: st.DataObject) -> None:
    """Valid TOML, wrong plans: values replaced, keys added and taken away at any depth."""
    plan = tomllib.loads(NIGHT)
    for _ in range(data.draw(st.integers(1, 5))):
        mutate(plan, data)
    try:
        text = tomli_w.dumps(plan)
        tomllib.loads(text)
    except (ValueError, TypeError):
        return
    use(answer(text))


def mutate(node: Any, data: st.DataObject) -> None:
    """Walks down at random and changes what it comes to."""
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or data.draw(st.integers(0, 4)) == 0:
            break
        node = node[key]
    value = data.draw(VALUES)
    if value is not None:
        node[key] = value
    elif isinstance(node, dict):
        del node[key]


@pytest.mark.parametrize("text", [
    "a = " + "[" * 5000,
    "a = " + "{ b = " * 5000,
    "a = " + "9" * 5000,
    "a = 0x" + "f" * 5000,
    "[[steps]]\nretries = 0x" + "f" * 5000,
    "[servers.a]\nvars = { x = 0x" + "f" * 5000 + " }",
    "a" + ".a" * 3000 + " = 1",
    "[[steps]]\nid = 'a'\nmanual = '{{ " + "(" * 3000 + "'",
    "[[steps]]\nid = 'a'\nmanual = '{{ " + "1+" * 4000 + "1 }}'",
    "[[steps]]\nid = 'a'\nmanual = \"{{ 'x' * 10**10 }}\"",
    "[[steps]]\nid = 'a'\nmanual = '{{ [].append.__globals__ }}'",
    "[[steps]]\nid = 'a'\nmanual = '{{ server }} {{ self }} {{ loop }} {{ caller() }}'",
    "[[steps]]\nid = 'a'\non = 'local'\nrun = 'x'\nverify = 3",
    "[window]\nopens = 9999-12-31T23:59:59+00:00\ncloses = 0001-01-01T00:00:00+23:59",
    "[window]\nopens = 2026-02-30T00:00:00Z",
    "steps = [1, [2], 'x']",
    "steps = 'x'\nservers = 3\nplan = []\nwindow = false\nlimits = 1.5\ndefaults = 'x'\ninputs = 7\nbackout = {}",
    "\ud800",
    "",
])
def test_hostile_texts(text: str) -> None:
    assert answer(text) is None


def test_a_file_that_is_no_text_is_said_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_bytes(b"[plan]\nname = \"caf\xe9\"\n")
    with pytest.raises(PlanProblems) as caught:
        load(path)
    assert str(caught.value) == f"{path}:2: it is not UTF-8 text; save the file as UTF-8"


def test_a_syntax_error_is_said_first_and_alone() -> None:
    with pytest.raises(PlanProblems) as caught:
        loads('[plan]\nname = "x"\n\n[[steps]\n', "plan.toml")
    [problem] = caught.value.problems
    assert problem.line == 4
    assert "not TOML" in problem.what


def test_a_plan_that_is_not_there_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(PlanProblems, match="cockpit new"):
        load(tmp_path / "none.toml")
    with pytest.raises(PlanProblems, match="can't be read"):
        load(tmp_path)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_bytes(b"\xef\xbb\xbf" + b'[plan]\nversion = 1\nname = "x"\n[window]\nopens = "+0s"\ncloses = "+1h"\n'
                     b'[[steps]]\nid = "a"\nmanual = "x"\n')
    assert load(path).name == "x"


def test_scripts_are_looked_for_beside_the_plan(tmp_path: Path) -> None:
    head = '[plan]\nversion = 1\nname = "x"\n[window]\nopens = "+0s"\ncloses = "+1h"\n[servers.a]\n'
    steps = "".join(f'[[steps]]\nid = "{i}"\non = "a"\nscript = "{i}.sh"\n' for i in "pqrs")
    path = tmp_path / "plan.toml"
    path.write_text(head + steps)
    (tmp_path / "p.sh").write_text("#!/bin/sh\n")
    (tmp_path / "q.sh").write_text("echo\n")
    (tmp_path / "r.sh").write_bytes(b"#!/bin/sh\r\n")
    with pytest.raises(PlanProblems) as caught:
        load(path)
    assert [problem.line for problem in caught.value.problems] == [15, 19, 23]
    assert loads(path.read_text(), "x").steps[3].id == "s"
