"""`when` and `probe` see what the step's own command sees: its environment, its directory, its secrets. Real sshd."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.ground import night, session_of
from tests.hosts import Hosts, section

STEPS = """
[inputs.word]
prompt = "the word"
secret = true

[[steps]]
id = "when"
on = "fs01"
env = { PLACE = "{{ server.name }} here" }
cwd = "/srv/in"
secrets = ["word"]
when = '''SEES'''
run = '''SEES'''

[[steps]]
id = "once"
on = "fs01"
env = { PLACE = "{{ server.name }} here" }
cwd = "/srv/in"
secrets = ["word"]
once = true
probe = '''SEES'''
run = "echo ran >> /srv/runs"
""".replace("SEES", 'test "$PLACE" = "fs01 here" && test "$(pwd)" = /srv/in && test "$word" = swordfish')


@pytest.mark.parametrize("user", ["root", "ops"])
async def test_when_and_probe_see_what_the_command_sees(hosts: Hosts, tmp_path: Path, own_home: Path, user: str) -> None:
    host = hosts("fs01", user=user, sudo="nopasswd" if user == "ops" else "none", shell="csh" if user == "ops" else "bash")
    host.path("/srv/in").mkdir()
    (own_home / ".ssh/known_hosts").write_text(host.known_hosts)
    async with night(session_of(tmp_path, section(host) + STEPS), {"word": "swordfish"}) as here:
        state = await here.until(lambda s: s.outcome, 60)
        assert {name: task.state for name, task in state.tasks.items()} == {"when@fs01": "done", "once@fs01": "done"}
        assert not state.tasks["when@fs01"].by_plan and not host.path("/srv/runs").exists()
