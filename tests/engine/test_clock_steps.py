"""The clock of the cockpit's machine is set an hour on in the middle of the night: what counts seconds goes on counting them.

The only fake is the clock of the wall, which no test may set on the machine."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.engine.ground import night, session_of

STEPS = """
[[steps]]
id = "pause"
on = "local"
wait = "4s"

[[steps]]
id = "until"
on = "local"
needs = []
wait = { for = "test -e PLACE/there", timeout = "10m" }

[[steps]]
id = "limited"
on = "local"
needs = []
timeout = "10m"
verify = [{ run = "test -e PLACE/there", within = "9m" }]
"""


@pytest.mark.parametrize("restarted", [False, True], ids=["one engine", "another engine"])
async def test_an_hour_is_gone_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restarted: bool) -> None:
    real, step = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + step[0])
    session = session_of(tmp_path, STEPS.replace("PLACE", str(tmp_path)))
    began = time.monotonic()
    async with night(session) as here:
        await here.until(lambda s: s.tasks and all(t.attempt and "begun" in t.attempt.detail for t in s.tasks.values()))
        step[0] = 3600.0
        if not restarted:
            await here.until(lambda s: s.tasks["pause@local"].state == "done")
    if restarted:
        async with night(session) as here:
            await here.until(lambda s: s.tasks["pause@local"].state == "done")
    assert time.monotonic() - began >= 4.0, "it is not over because of a clock"
    async with night(session) as here:
        assert here.state.tasks["until@local"].state in ("running", "unknown")
        assert here.state.tasks["limited@local"].state in ("running", "unknown")
        (tmp_path / "there").touch()
        assert (await here.until(lambda s: s.outcome)).outcome == "done"
