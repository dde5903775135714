"""What is sent to a server for each role: all that it imports, in an order in which that is there, and none of the others'."""

from __future__ import annotations

import ast
from importlib.resources import files

import pytest

from cockpit.fleet.image.bundle import PACKAGE, PROGRAMS

STARTS = {"source": {"source"}, "target": {"target"}, "job": {"job"}}  # what `start` imports once it knows its role


def imported(name: str) -> set[str]:
    tree = ast.parse((files(PACKAGE) / f"{name}.py").read_text())
    found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    return {module.rpartition(".")[2] for module in found if module.startswith(PACKAGE)}


@pytest.mark.parametrize("role", PROGRAMS)
def test_every_import_of_a_role_travels_with_it(role: str) -> None:
    program = PROGRAMS[role]
    others = {name for started in STARTS.values() for name in started} - STARTS[role]
    for i, name in enumerate(program):
        assert (imported(name) - (others if name == "start" else set())) <= set(program[:i]), name
    assert STARTS[role] <= set(program) and program[-1] == "start"
