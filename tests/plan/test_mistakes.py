"""Mistakes in plans, as data: each line that ends in `#! words` is a problem with these words, and there is no other.

A case below `plans/head.toml` is a few lines; `#!` may stand twice on one line. The name of the case is what it shows.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cockpit.plan.problems import PlanProblems
from cockpit.plan.reader import load, loads

PLANS = Path(__file__).parent / "plans"
HEAD = (PLANS / "head.toml").read_text()
CASES = (PLANS / "cases.toml").read_text()


def cases() -> dict[str, str]:
    """Cases are parted by lines `#: name`."""
    parts = re.split(r"^#: (.*)\n", CASES, flags=re.MULTILINE)
    names, texts = parts[1::2], parts[2::2]
    assert len(set(names)) == len(names)
    return dict(zip(names, texts, strict=True))


def expected(text: str) -> list[tuple[int, str]]:
    return [
        (number, words.strip())
        for number, line in enumerate(text.split("\n"), 1) for words in line.split("#!")[1:]
    ]


def assert_problems(text: str) -> None:
    wanted = expected(text)
    with pytest.raises(PlanProblems) as caught:
        loads(text, "plan.toml")
    found = caught.value.problems
    assert len(found) == len(wanted), "\n".join(map(str, found))
    left = list(found)
    for line, words in wanted:
        match = next((p for p in left if p.line == line and words in f"{p.what}; {p.instead}"), None)
        assert match, f"line {line}: {words!r} is not among\n" + "\n".join(map(str, left))
        assert match.instead, match
        left.remove(match)


@pytest.mark.parametrize("name", cases())
def test_a_mistake_is_said_at_its_line_and_nothing_else_is(name: str) -> None:
    text = cases()[name]
    assert_problems(text if "[plan]" in text else HEAD + text)


def test_a_plan_with_twenty_mistakes_has_twenty_problems_in_one_pass() -> None:
    text = (PLANS / "mistakes.toml").read_text()
    assert len(expected(text)) == 20
    assert_problems(text)


def test_the_whole_format_is_read_without_a_problem() -> None:
    plan = load(PLANS / "night.toml")
    assert [step.id for step in plan.steps][:4] == ["papers", "inventory", "freeze", "backup"]
    assert len(plan.backout) == 2


def test_the_head_of_all_cases_is_sound() -> None:
    loads(HEAD + '[[steps]]\nid = "a"\nmanual = "b"\n', "plan.toml")


def test_problems_read_like_a_compiler_s() -> None:
    with pytest.raises(PlanProblems) as caught:
        loads(HEAD + '[[steps]]\nid = "a"\nmanul = "b"\n', "night.toml")
    lines = str(caught.value).splitlines()
    assert "night.toml:32: step a: unknown key 'manul'; write manual" in lines
