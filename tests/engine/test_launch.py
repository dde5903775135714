"""A detached engine: what it is given, and what it does not pass on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cockpit.engine.launch import start_engine
from tests.engine.ground import Night, session_of

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
