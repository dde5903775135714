"""The clock of the cockpit's machine is set in the middle of the night: what counts seconds goes on counting them, and the
journal keeps its order.

The only fake is the clock of the wall, which no test may set on the machine."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from cockpit.cli.look import status
from cockpit.engine import core
from cockpit.journal.clock import LiveClock
from cockpit.journal.lanes import Lanes
from cockpit.journal.reader import Reader
from cockpit.journal.records import Sample
from cockpit.steps.verify import step as verifying
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

READS = """
[[steps]]
id = "read"
on = "local"
timeout = "10m"
verify = [{ compare = ["PLACE/one", "PLACE/other"], within = "9m" }]
"""
MEASURED = {"engine", "transfer/read@local"}


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


@pytest.mark.parametrize("restarted", [False, True], ids=["one engine", "another engine"])
async def test_what_is_measured_after_the_clock_was_set_back_is_seen_by_who_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restarted: bool,
) -> None:
    """Of each series the follower asks for what is newer than what it has."""
    real, step = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + step[0])
    monkeypatch.setattr(LiveClock.__init__, "__defaults__", (time.time, time.monotonic))
    monkeypatch.setattr(core, "PULSE", 0.05)
    monkeypatch.setattr(verifying, "PAUSE", 0.05)
    for folder, content in (("one", "1"), ("other", "2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").write_text(content)
    session = session_of(tmp_path, READS.replace("PLACE", str(tmp_path)))
    async with night(session):
        follower = Lanes(Reader.open(session.journal_path))
        await comes(follower, MEASURED)
        step[0] = -3600.0
        if not restarted:
            await comes(follower, MEASURED)
    if restarted:
        async with night(session):
            await comes(follower, MEASURED)
    rows = list(Lanes(Reader.open(session.journal_path)).merged())
    assert [row.at for row in rows] == sorted(row.at for row in rows)
    seen = json.loads(CliRunner().invoke(status, [session.id, "--json"]).output)
    assert datetime.fromisoformat(seen["now"]).timestamp() > rows[-1].at - 2.0, "who comes later sees all of it too"


async def comes(follower: Lanes, wanted: set[str]) -> None:
    """Samples of all these series, that were not there when it was asked last."""
    list(follower.merged())
    seen: set[str] = set()
    async with asyncio.timeout(10):
        while not wanted <= seen:
            await asyncio.sleep(0.05)
            seen |= {row.series for row in follower.merged() if isinstance(row, Sample)}
