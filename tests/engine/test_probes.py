"""`when` and `probe` see what the step's own command sees; what a probe cannot tell, a person is asked. Real sshd."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.engine import probing
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


CANNOT_TELL = """
[[steps]]
id = "mistyped"
on = "fs01"
once = true
probe = "nosuchcommand --done"
run = "echo mistyped >> /srv/runs"

[[steps]]
id = "no-file"
on = "fs01"
once = true
needs = []
probe = "grep -q done /srv/record"
run = "echo no-file >> /srv/runs"

[[steps]]
id = "not-yet"
on = "fs01"
once = true
needs = []
probe = "test -e /srv/never"
run = "echo not-yet >> /srv/runs"
"""


async def test_a_probe_that_cannot_tell_is_a_persons_question_before_the_first_run(
    hosts: Hosts, tmp_path: Path, own_home: Path
) -> None:
    host = hosts("fs01", user="root")
    (own_home / ".ssh/known_hosts").write_text(host.known_hosts)
    session = session_of(tmp_path, section(host) + CANNOT_TELL)
    runs = host.path("/srv/runs")
    async with night(session) as here:
        state = await here.until(lambda s: {"unknown-mistyped@fs01", "unknown-no-file@fs01"} <= s.prompts.keys())
        mistyped, no_file = (state.prompts[f"unknown-{name}@fs01"].text for name in ("mistyped", "no-file"))
        assert "not begun" in mistyped and "exit 127" in mistyped and "nosuchcommand: not found" in mistyped
        assert "exit 2" in no_file and "/srv/record: No such file or directory" in no_file
        await here.until(lambda s: s.tasks["not-yet@fs01"].state == "done")
        assert runs.read_text() == "not-yet\n"
        assert "may have run" in (await here.do("retry", "mistyped@fs01"))["text"], "not without a reason"
        assert (await here.do("retry", "mistyped@fs01", why="a typing error in the probe"))["ok"]
        await here.until(lambda s: s.tasks["mistyped@fs01"].state == "done")
    async with night(session) as here:
        state = await here.until(lambda s: s.epoch == 2 and s.servers["fs01"].contact == "up")
        assert "unknown-no-file@fs01" in state.prompts, "the next engine asks it too"
        assert (await here.do("done", "no-file@fs01"))["ok"]
        assert (await here.until(lambda s: s.outcome)).outcome == "done"
    assert runs.read_text() == "not-yet\nmistyped\n", "a person is asked once"


FAILS = """
[[steps]]
id = "wipe"
on = "fs01"
once = true
probe = "grep -q done /srv/record"
run = "echo wipe >> /srv/runs; mv /srv/record /srv/moved; exit 5"
"""


async def test_a_person_who_lets_a_failed_step_run_again_is_told_that_its_probe_cannot_tell_now(
    hosts: Hosts, tmp_path: Path, own_home: Path
) -> None:
    host = hosts("fs01", user="root")
    (own_home / ".ssh/known_hosts").write_text(host.known_hosts)
    host.path("/srv/record").touch()
    async with night(session_of(tmp_path, section(host) + FAILS)) as here:
        await here.until(lambda s: "failed-wipe@fs01" in s.prompts)
        assert (await here.do("retry", "wipe@fs01"))["ok"]
        await here.until(lambda s: "unknown-wipe@fs01" in s.prompts)
        assert host.path("/srv/runs").read_text() == "wipe\n"
        assert (await here.do("done", "wipe@fs01"))["ok"]


async def test_a_probe_that_takes_too_long_has_given_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "LIMIT", 1.0)
    step = f'[[steps]]\nid = "hangs"\non = "local"\nonce = true\nprobe = "sleep 60"\nrun = "touch {tmp_path}/ran"\n'
    async with night(session_of(tmp_path, step)) as here:
        state = await here.until(lambda s: "unknown-hangs@local" in s.prompts)
        assert "no answer in 1 s" in state.prompts["unknown-hangs@local"].text and not (tmp_path / "ran").exists()
        assert (await here.do("failed", "hangs@local"))["ok"]


COMPLAINS = """
[inputs.word]
prompt = "the word"
secret = true

[[steps]]
id = "s"
on = "local"
once = true
secrets = ["word"]
probe = "echo first >&2; echo no $word >&2; exit 9"
run = "true"
"""


async def test_what_a_probe_complains_of_is_masked(tmp_path: Path) -> None:
    async with night(session_of(tmp_path, COMPLAINS), {"word": "swordfish"}) as here:
        state = await here.until(lambda s: "unknown-s@local" in s.prompts)
        assert "exit 9: no *********" in state.prompts["unknown-s@local"].text
        assert b"swordfish" not in here.session.journal_path.read_bytes()
        assert (await here.do("failed", "s@local"))["ok"]


async def test_a_dry_run_says_that_a_person_would_be_asked(hosts: Hosts, tmp_path: Path, own_home: Path) -> None:
    host = hosts("fs01", user="root")
    (own_home / ".ssh/known_hosts").write_text(host.known_hosts)
    async with night(session_of(tmp_path, section(host) + CANNOT_TELL, "dry-run")) as here:
        state = await here.until(lambda s: s.outcome, 60)
        assert state.outcome == "done" and not host.path("/srv/runs").exists()
        said = here.printed("mistyped@fs01", "note").decode()
        assert "exit 127" in said and "a person would be asked" in said and "would run: echo mistyped" in said
