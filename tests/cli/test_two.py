"""Two people at one night: both screens show the same, both command, and the second of two is told who came first."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.conftest import refused
from tests.night.sessions import HEAD, Cockpit
from tests.ui.terminal import Terminal, terminal


def shown(t: Terminal, *words: str) -> None:
    """`cockpit WORDS` in a terminal of its own."""
    line = shlex.join([sys.executable, "-m", "cockpit", *words])
    t.start(line, (120, 40), {name: os.environ[name] for name in ("HOME", "XDG_STATE_HOME", "PYTHONPATH") if name in os.environ})


@pytest.fixture
def two(night: str) -> Iterator[tuple[Terminal, Terminal]]:
    """The screens of anna and of maria."""
    with ExitStack() as stack:
        anna, maria = (stack.enter_context(terminal()) for _ in range(2))
        shown(anna, "attach", night, "--as", "anna")
        shown(maria, "attach", night, "--as", "maria")
        yield anna, maria


def test_two_screens_on_one_night(cockpit: Cockpit, night: str, two: tuple[Terminal, Terminal]) -> None:
    anna, maria = two
    for screen in two:
        screen.sees("1 NEEDS YOU [1] look: Look at it", "0/3 tasks")
        screen.keys("1")
        screen.sees("it is done: what waits for it goes on")
    anna.keys("d")
    for screen in two:
        screen.sees("1 NEEDS YOU [1] bye: Say goodbye", "2/3 tasks")
    maria.keys("d")
    maria.sees("manual-look", "anna at", "came first")
    maria.keys("1")
    maria.sees("Say goodbye.", "it is done: what waits for it goes on")
    maria.keys("d")
    for screen in two:
        screen.sees("3/3 tasks", "The night has ended: done")
    said = {f["data"]["task"]: f["who"] for f in cockpit.facts(night) if f["kind"] == "TaskMarkedDone"}
    assert said == {"look": "anna", "bye": "maria"}


PEOPLE = """
[[steps]]
id = "gate"
gate = {}
[[steps]]
id = "bye"
manual = "Say goodbye."
[[backout]]
id = "back"
manual = "Walk back."
"""


TWICE = (
    ("hold bye", "hold bye"), ("release bye", "release bye"), ("hold", "hold"), ("release", "release"),
    ("drop fs01 --why gone", "drop fs01 --why late"), ("answer gate-gate --value go", "answer gate-gate --value no-go"),
)


def test_the_second_of_two_is_told_who_came_first_whatever_they_disagree_about(cockpit: Cockpit, place: Path) -> None:
    path = place / "night.toml"
    path.write_text(HEAD.format(name="people") + "[servers.fs01]\nhost = '127.0.0.1'\nport = 1\n" + PEOPLE)
    follower = cockpit.start(path)
    try:
        cockpit.needs("gate-gate")
        here, night = Cockpit(), cockpit.session().id
        for first, second in TWICE:
            here("do", night, *first.split(), "--as", "anna")
            said = refused(here, f"do {night} {second} --as maria")
            assert "anna at " in said, (second, said)
        assert "by anna at " in refused(here, f"do {night} no-go gate --as maria")
        cockpit.needs("manual-bye")
        here("do", night, "backout", "--why", "enough", "--as", "anna")
        assert "by anna at " in refused(here, f"do {night} backout --why enough --as maria")
        assert "by anna at " in refused(here, f"do {night} done bye --as maria")
    finally:
        follower.kill()
        follower.communicate()
