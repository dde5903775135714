"""A dry run tells people what would be done, and takes nothing for printed that never was. Real sshd."""

from __future__ import annotations

from pathlib import Path

from cockpit.engine.options import Options, create_session
from cockpit.journal.events import AttemptEnded, ValueCaptured
from cockpit.plan.reader import load
from tests.engine.ground import HEAD, night
from tests.hosts import Hosts, section

STEPS = """
[[steps]]
id = "look"
on = "fs01"
run = "cat /etc/version"
capture = "version"

[[steps]]
id = "use"
on = "fs01"
when = "test {{ captured.version }} = 7"
run = "upgrade {{ server.name }} {{ captured.version }}"

[[steps]]
id = "prove"
on = "fs01"
verify = [{ name = "new", run = "test {{ captured.version }} = 8" }]
"""


async def test_what_would_have_been_printed_is_not_known(hosts: Hosts, tmp_path: Path, own_home: Path) -> None:
    host = hosts("fs01", user="root")
    (own_home / ".ssh/known_hosts").write_text(host.known_hosts)
    plan = tmp_path / "night.toml"
    plan.write_text(HEAD + section(host) + STEPS)
    async with night(create_session(load(plan), Options("maria", "dry-run"))) as here:
        state = await here.until(lambda s: s.outcome, 60)
    assert {name: task.state for name, task in state.tasks.items()} == {
        "look@fs01": "done", "use@fs01": "done", "prove@fs01": "failed",
    }
    assert state.outcome == "done" and not [f for f in here.facts if isinstance(f.event, ValueCaptured)]
    (proven,) = [f.event for f in here.facts if isinstance(f.event, AttemptEnded) and f.event.task == "prove@fs01"]
    assert "captured.version is not known" in (proven.error or "")
    assert here.printed("use@fs01", "note") == b"would run: upgrade {{ server.name }} {{ captured.version }}\n"
