"""A plan that is amended in the night, with what lies beside it."""

from __future__ import annotations

from pathlib import Path

from cockpit.engine.options import TRUSTED
from tests.engine.ground import night, session_of

STEPS = """
[[steps]]
id = "first"
on = "local"
script = "first.sh"

[[steps]]
id = "talk"
manual = "Call the customer"

[[steps]]
id = "second"
on = "local"
script = "second.sh"
"""
WRONG, RIGHT = "#!/bin/sh\nexit 1\n", "#!/bin/sh\nexit 0\n"


async def test_a_script_that_was_mended_is_taken_over(tmp_path: Path) -> None:
    first, second = tmp_path / "first.sh", tmp_path / "second.sh"
    first.write_text(RIGHT)
    second.write_text(WRONG)
    async with night(session_of(tmp_path, STEPS)) as here:
        await here.until(lambda s: "manual-talk" in s.prompts)
        plan = str(tmp_path / "night.toml")
        assert (await here.do("amend", value=plan))["data"]["changes"] == []
        second.write_text(RIGHT)
        said = await here.do("amend", value=plan)
        assert said["data"]["changes"] == ["script second.sh of step second changed"]
        first.write_text(WRONG)
        refused = await here.do("amend", value=plan)
        assert not refused["ok"] and "first has started" in refused["text"]
        assert (await here.do("done", "talk"))["ok"]
        assert (await here.until(lambda s: s.outcome)).outcome == "done"


async def test_host_keys_that_were_trusted_meanwhile_are_believed(tmp_path: Path) -> None:
    for name in ("first.sh", "second.sh"):
        (tmp_path / name).write_text(RIGHT)
    session = session_of(tmp_path, STEPS)
    async with night(session) as here:
        await here.until(lambda s: "manual-talk" in s.prompts)
        (tmp_path / "night.toml.known_hosts").write_text("fs01 ssh-ed25519 AAAA\n")
        said = await here.do("amend", value=str(tmp_path / "night.toml"))
        assert said["data"]["changes"] == ["host keys were trusted since"]
        assert (session.path / TRUSTED).read_text() == "fs01 ssh-ed25519 AAAA\n"


async def test_an_engine_that_dies_over_an_amendment_has_all_of_it_or_nothing(tmp_path: Path) -> None:
    """The files follow the fact: staged before it, taken over after it, by the next engine if need be."""
    for name in ("first.sh", "second.sh"):
        (tmp_path / name).write_text(RIGHT)
    session = session_of(tmp_path, STEPS)
    text = session.plan_path.read_text()
    async with night(session) as here:
        await here.until(lambda s: "manual-talk" in s.prompts)
        newest = here.state.seq
    session.stage(text, {"second.sh": WRONG.encode()}, newest)
    async with night(session) as here:  # died before the fact
        await here.until(lambda s: s.engine_running)
        assert session.read_file("second.sh") == RIGHT.encode() and not (session.path / "amended").exists()
    session.stage(text, {"second.sh": b"#!/bin/sh\n: newer\n"}, 0)
    async with night(session) as here:  # died after it
        await here.until(lambda s: s.engine_running)
        assert session.read_file("second.sh") == b"#!/bin/sh\n: newer\n" and not (session.path / "amended").exists()
        await here.until(lambda s: "manual-talk" in s.prompts)
        assert (await here.do("done", "talk"))["ok"]
        assert (await here.until(lambda s: s.outcome)).outcome == "done"


async def test_a_refused_amendment_leaves_the_files_as_they_are(tmp_path: Path) -> None:
    for name in ("first.sh", "second.sh"):
        (tmp_path / name).write_text(RIGHT)
    session = session_of(tmp_path, STEPS)
    async with night(session) as here:
        await here.until(lambda s: "manual-talk" in s.prompts)
        for name in ("first.sh", "second.sh"):
            (tmp_path / name).write_text(WRONG)
        assert not (await here.do("amend", value=str(tmp_path / "night.toml")))["ok"]
        assert session.read_file("second.sh") == session.read_file("first.sh") == RIGHT.encode()
