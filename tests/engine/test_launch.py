"""A detached engine: what it is given, and what it does not pass on."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from cockpit.engine import launch
from cockpit.engine.launch import EngineFailed, start_engine
from tests.engine.ground import Night, session_of
from tests.engine.systemd import Stubs

LISTS = """
[inputs.word]
prompt = "the word"
secret = true

[[steps]]
id = "list"
on = "local"
run = "env; cat /proc/$PPID/environ"

[[steps]]
id = "look"
manual = "Look at the records: a night that is done takes them away"
"""


async def test_a_secret_of_the_environment_is_in_no_job_that_did_not_ask_for_it(
    tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COCKPIT_SECRET_WORD", "swordfish")
    session = session_of(tmp_path, LISTS)
    await asyncio.to_thread(start_engine, session, {"word": "swordfish"})
    there = Night(session)
    await there.until(lambda s: "manual-look" in s.prompts)
    records = [p for p in own_home.glob(".cockpit/jobs/*/*") if p.is_file()]
    assert records and not [p for p in records if b"swordfish" in p.read_bytes()]
    await there.do("done", "look")
    await there.until(lambda s: s.outcome == "done")
    assert not [p for p in own_home.glob(".cockpit/jobs/*/*") if p.is_file()]


async def test_an_engine_that_does_not_come_up_in_time_is_not_left_to_come_up_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(tmp_path, LISTS)
    plan = session.plan_path.read_text()
    session.plan_path.unlink()
    os.mkfifo(session.plan_path)  # as slow as a disk can be: nobody writes the other end
    # the limit is over as soon as it has begun
    clock = SimpleNamespace(monotonic=lambda: 1e9 if session.holder() else 0.0, sleep=time.sleep)
    monkeypatch.setattr(launch, "time", clock)
    with pytest.raises(EngineFailed, match=r"60 s.*was ended.*cockpit resume"):
        await asyncio.to_thread(start_engine, session, {"word": "swordfish"})
    assert session.holder()["pid"] and not session.running(), "it had begun, and is gone"
    session.plan_path.unlink()
    session.plan_path.write_text(plan)
    monkeypatch.setattr(launch, "time", time)
    await asyncio.to_thread(start_engine, session, {"word": "swordfish"})
    await Night(session).until(lambda s: "manual-look" in s.prompts)
    await Night(session).do("done", "look")
    await Night(session).until(lambda s: s.outcome == "done")


LOOK = """
[[steps]]
id = "look"
manual = "Look"
"""


@pytest.mark.parametrize(("linger", "works", "scoped"), [("yes", True, True), ("no", True, False), ("yes", False, False)])
async def test_it_is_under_the_user_manager_only_where_that_outlives_the_last_logout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linger: str, works: bool, scoped: bool
) -> None:
    stubs = Stubs(tmp_path, monkeypatch, linger=linger, works=works)
    session = session_of(tmp_path, LOOK)
    await asyncio.to_thread(start_engine, session, {})
    there = Night(session)
    await there.until(lambda s: "manual-look" in s.prompts)
    run = [call for call in stubs.calls("systemd-run") if "cockpit.engine" in call]
    assert len(run) == scoped and all(call.startswith("--user --scope ") for call in run)
    assert os.getsid(session.holder()["pid"]) != os.getsid(0), "no terminal's end reaches it"
    await there.do("done", "look")
    await there.until(lambda s: s.outcome == "done")


async def test_a_night_that_is_over_before_anybody_asks_has_not_failed_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(path: Path) -> bool:
        return False

    monkeypatch.setattr(launch, "answers", busy)
    session = session_of(tmp_path, LOOK.replace('manual = "Look"', 'on = "local"\nrun = "true"'))
    await asyncio.to_thread(start_engine, session, {})
    await Night(session).until(lambda s: s.outcome == "done")
