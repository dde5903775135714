"""`cockpit amend`: what a person sees before saying yes, and what the journal keeps of it."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import WAITS
from tests.night.sessions import Cockpit


def test_old_and_new_values_stand_there_before_the_question(apart: Cockpit, plan: Path, night: str) -> None:
    changed = WAITS.replace("echo {{ inputs.ticket }}", "printf '\\u001b[2J%s' {{ inputs.ticket }}").replace("+13h", "+14h")
    plan.write_text(changed.replace('id = "bye"', 'id = "bye"\nowner = "maria"').replace("goodbye.", '\\nGoodbye.'))
    said = apart("amend", night, str(plan), input="n\n", code=2).stdout
    assert said.startswith("""\
window changed
    closes: +13h -> +14h
step last changed (run)
    run: echo {{ inputs.ticket }} -> printf '^[[2J%s' {{ inputs.ticket }}
step bye changed (manual, owner)
    manual:
      - Say goodbye.
      + Say\x20
      + Goodbye.
    owner: not set -> maria
Adopt it? [y/N]:"""), said
    assert "amended" not in apart("log", night).stdout


def test_what_was_adopted_is_in_the_log_and_in_force(cockpit: Cockpit, plan: Path, night: str) -> None:
    assert "nothing changes" in cockpit("amend", night, str(plan)).stdout
    plan.write_text(WAITS.replace("echo", "printf"))
    assert "the plan is amended" in cockpit("amend", night, str(plan), "--yes", "--why", "tested", "--as", "anna").stdout
    assert "plan amended: step last changed (run), by anna (tested)" in cockpit("log", night).stdout
    cockpit("do", night, "done", "look")
    cockpit.needs("manual-bye")
    assert cockpit("log", night, "--output", "last@local").stdout == "1"
    plan.write_text(WAITS.replace("Look at it", "Look away"))
    refused = cockpit("amend", night, str(plan), code=2)
    assert "step look has started and can't be changed (manual)" in refused.stderr and refused.stdout == ""
