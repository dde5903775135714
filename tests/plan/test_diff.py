"""What `cockpit amend` shows, and what it refuses."""

from __future__ import annotations

import pytest

from cockpit.plan.diff import AmendRefused, differences
from cockpit.plan.model import Plan
from cockpit.plan.reader import loads

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
    assert differences(PLAN, changed(old, new), set()) == words


def test_steps_in_another_order() -> None:
    head, one, two = TEXT.split("[[steps]]\n")
    other = loads("[[steps]]\n".join([head, two, one]), "x")
    assert "steps stand in another order" in differences(PLAN, other, set())


def test_a_step_that_has_started_can_t_change_and_all_reasons_are_given() -> None:
    text = TEXT.replace('run = "true"', 'run = "false"', 1).replace('id = "two"', 'id = "three"').replace('"x"', '"y"', 1)
    with pytest.raises(AmendRefused) as caught:
        differences(PLAN, loads(text, "x"), {"one", "two"})
    assert caught.value.reasons == [
        "this is another plan: 'y', and the session runs 'x'",
        "step one has started and can't be changed (action)",
        "step two has started and can't be taken out",
    ]


def test_words_and_estimates_of_a_started_step_may_change() -> None:
    new = changed('run = "true"', 'run = "true"\nnote = "look"\nestimate = "5m"')
    assert differences(PLAN, new, {"one"}) == ["step one changed (estimate, note)"]
