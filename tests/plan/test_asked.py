"""A step waits for the inputs that its templates name, however they are written, and for no other."""

from __future__ import annotations

import pytest

from cockpit.plan.reader import loads
from cockpit.state.model import State
from cockpit.state.standing import missing_inputs

HEAD = """[plan]
version = 1
name = "x"
[window]
opens = "+1h"
closes = "+13h"
[inputs.ticket]
[inputs.ticket2]
[inputs.password]
secret = true
[servers.fs01]
vars = { which = "ticket", word = "inputs.ticket" }
[[steps]]
id = "a"
on = "fs01"
"""
BOTH = ["ticket", "ticket2"]


@pytest.mark.parametrize(("step", "names"), [
    ("run = 'echo {{ inputs.ticket }}'", ["ticket"]),
    ("""run = 'echo {{ inputs["ticket"] }}'""", ["ticket"]),
    ("run = 'echo {{ inputs . ticket | quote }}'", ["ticket"]),
    ("run = 'echo {{ server.none | default(inputs.ticket) }}'", ["ticket"]),
    ("run = 'echo {{ inputs.ticket2 }}'", ["ticket2"]),
    ("run = 'echo {{ inputs[server.which] }}'", BOTH),
    ("run = 'echo inputs.ticket {{ server.word }}'", []),
    ("run = 'true'\nenv = { T = '{{ inputs.ticket2 }}' }\nnote = '{{ inputs.ticket }}'", BOTH),
    ("verify = [ { run = 'true', expect = '{{ inputs.ticket }}' } ]", ["ticket"]),
    ("run = 'true'\nsecrets = ['password']", ["password"]),
])
def test_what_a_step_waits_for(step: str, names: list[str]) -> None:
    plan = loads(HEAD + step + "\n", "plan.toml")
    state = State()
    assert missing_inputs(plan, plan.steps[0], state) == names
    state.inputs = dict.fromkeys(BOTH, "x")
    state.given_secrets = ["password"]
    assert missing_inputs(plan, plan.steps[0], state) == []
