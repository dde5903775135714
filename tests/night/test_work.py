"""What a plan can ask for: captures, `when`, `once` with a probe, inputs, local steps, waiting, stages, limits, dry runs."""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.hosts import Hosts, known_hosts, section
from tests.night.sessions import Cockpit, lines, write_plan

HEAD = """
[limits]
jobs = 2

[inputs.ticket]
prompt = "Change ticket"

"""

WORK = """
[[steps]]
id = "early"
stage = "groundwork"
on = "fs01"
run = "echo early; exec 3>&1; echo {{ inputs.ticket }} {{ server.name | quote }} ${#HOME} ${HOME%%o*}"
env = { GREETING = "it's" }
cwd = "/srv"

[[steps]]
id = "capture"
on = "all"
run = "printf ' %s $(id); two  words \\n' {{ server.name }}"
capture = "words"

[[steps]]
id = "use"
on = "all"
run = "printf '%s|' {{ captured.words }} \\"$SAID\\" >> /srv/captured"
env = { SAID = "{{ captured.words }}" }

[[steps]]
id = "when"
on = "all"
when = "test {{ server.name }} = fs01"
run = "echo when >> /srv/runs"

[[steps]]
id = "before"
on = "all"
once = true
probe = "test -e /srv/has"
run = "echo once >> /srv/runs"

[[steps]]
id = "script"
on = "all"
script = "files/it.py"
args = ["{{ server.name }}"]

[[steps]]
id = "here"
on = "local"
run = "echo $GREETING; pwd"
env = { GREETING = "it's local" }
cwd = "/tmp"

[[steps]]
id = "pause"
wait = "0.5s"

[[steps]]
id = "port"
on = "all"
wait = { for = "test -e /srv/has || ! test -e /srv/hasnot", timeout = "5s" }
"""

SCRIPT = "#!/usr/bin/env python3\nimport sys\nprint('python', sys.argv[1])\n"


def work(place: Path, hosts: Hosts) -> Path:
    (place / "files").mkdir()
    (place / "files/it.py").write_text(SCRIPT)
    one, two = hosts("fs01", user="root"), hosts("web01", sudo="nopasswd", shell="fish")
    two.path("/srv/has").touch()
    return write_plan(place, [one, two], WORK, head=HEAD)


def test_all_that_a_step_can_say(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    plan = work(place, hosts)
    follower = cockpit.start(plan)
    cockpit.needs("input-ticket")
    cockpit.until_state("use@web01", "done")
    assert cockpit.states()["early@fs01"] == "waiting", "only what names the input waits for it"
    assert "an empty one" in cockpit.do("answer", "input-ticket", value=" ", code=2)
    cockpit.do("answer", "input-ticket", value="CHG-1")
    assert follower.wait(30) == 0
    states = cockpit.states()
    assert states["when@web01"] == "skipped" and states["when@fs01"] == "done"
    one, two = hosts
    assert cockpit.output("early@fs01") == b"early\nCHG-1 fs01 5 /r\n"
    assert two.path("/srv/captured").read_text() == "web01 $(id); two  words|" * 2
    assert (lines(one, "/srv/runs"), lines(two, "/srv/runs")) == (["when", "once"], [])
    assert cockpit.output("script@web01") == b"python web01\n"
    assert cockpit.output("here@local") == b"it's local\n/tmp\n"
    pause = cockpit.task("pause")
    assert datetime.fromisoformat(pause["ended"]) - datetime.fromisoformat(pause["started"]) >= timedelta(seconds=0.5)


def test_a_dry_run_changes_nothing(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    plan = work(place, hosts)
    cockpit("run", str(plan), "--headless", "--dry-run", "--input", "ticket=CHG-2")
    status = cockpit.status()
    assert (status["mode"], status["outcome"]) == ("dry-run", "done")
    for host in hosts:
        assert lines(host, "/srv/runs") == lines(host, "/srv/captured") == []
        assert not list(host.root.glob("**/.cockpit/claim"))
    assert cockpit.output("pause", stream="note").startswith(b"would wait ")
    assert b"would wait for test -e" in cockpit.output("port@fs01", stream="note")
    assert b"would run: echo when >> /srv/runs" in cockpit.output("when@fs01", stream="note")
    assert cockpit.states()["when@web01"] == "skipped", "what only looks does run"
    assert cockpit.task("before@web01")["state"] == "done"


STAGES = """
[plan]
version = 1
name = "stages"

[window]
opens = {opens}
closes = {closes}

{servers}

[[steps]]
id = "groundwork"
stage = "groundwork"
on = "fs01"
run = "echo groundwork >> /srv/runs"

[[steps]]
id = "timed"
stage = "groundwork"
on = "fs01"
needs = []
start = "{later}"
run = "echo timed >> /srv/runs"

[[steps]]
id = "night"
on = "fs01"
needs = ["groundwork"]
run = "echo night >> /srv/runs"

[[steps]]
id = "after"
stage = "after"
on = "fs01"
needs = ["night"]
run = "echo after >> /srv/runs"
"""


def test_stages_and_times(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    host = hosts("fs01", user="root")
    now = datetime.now(UTC).replace(microsecond=0)
    opens, closes = now + timedelta(seconds=6), now + timedelta(seconds=8)
    plan = place / "night.toml"
    plan.write_text(STAGES.format(
        opens=opens.isoformat(), closes=closes.isoformat(), servers=section(host), later=(now + timedelta(seconds=4)).isoformat(),
    ))
    known_hosts([host], place / "night.toml.known_hosts")
    follower = cockpit.start(plan)
    cockpit.until_state("groundwork@fs01", "done")
    if time.time() < opens.timestamp() - 1:
        assert cockpit.task("night@fs01")["why_waiting"] == "until the window opens"
    assert follower.wait(30) == 0
    begun = {f["data"]["task"]: datetime.fromtimestamp(f["at"], UTC) for f in cockpit.facts() if f["kind"] == "AttemptStarted"}
    assert begun["night@fs01"] >= opens and begun["after@fs01"] >= closes
    assert now + timedelta(seconds=4) <= begun["timed@fs01"]
    ran = lines(host, "/srv/runs")
    assert (sorted(ran[:2]), ran[2:]) == (["groundwork", "timed"], ["night", "after"])  # after a slow start two are due at once


CAPTURES = """
[[steps]]
id = "most"
on = "fs01"
run = "head -c 65536 /dev/zero | tr '\\\\0' x"
capture = "most"
on_failure = "continue"

[[steps]]
id = "more"
on = "fs01"
run = "head -c 65537 /dev/zero | tr '\\\\0' x"
capture = "more"
on_failure = "continue"

[[steps]]
id = "nul"
on = "fs01"
run = "printf 'a\\\\0b'"
capture = "nul"
on_failure = "continue"

[[steps]]
id = "use"
on = "fs01"
run = "v={{ captured.most }}; echo ${#v}"
"""


def test_a_capture_is_whole_or_none(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    plan = write_plan(place, [hosts("fs01", user="root")], CAPTURES)
    cockpit("run", str(plan), "--headless", code=None, timeout=60)
    assert cockpit.states() == {"most@fs01": "done", "more@fs01": "failed", "nul@fs01": "failed", "use@fs01": "done"}
    assert "more than the 64 KiB that can be captured" in cockpit.task("more@fs01")["error"]
    assert "a NUL byte" in cockpit.task("nul@fs01")["error"]
    assert cockpit.output("use@fs01") == b"65536\n"


TOMORROW = """
[plan]
version = 1
name = "tomorrow"

[window]
opens = "+8h"
closes = "+10h"

{servers}

[[steps]]
id = "bring"
on = "fs01"
start = "manual"
copy = {{ from = "/srv/data/", to = "/srv/copy/" }}

[[steps]]
id = "prove"
on = "fs01"
retries = 3
verify = [
    {{ compare = ["/srv/data", "/srv/copy"], within = "10m" }},
    {{ run = "ls /srv/data" }},
]

[[steps]]
id = "settle"
wait = "3h"

[[steps]]
id = "go"
gate = {{ requires = ["prove"] }}

[[steps]]
id = "late"
on = "fs01"
start = "{later}"
run = "echo late >> /srv/runs"

[[steps]]
id = "after"
stage = "after"
on = "fs01"
run = "echo after >> /srv/runs"
"""


def test_a_dry_run_keeps_the_order_of_a_night_and_not_its_hours(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    host = hosts("fs01", user="root")
    host.path("/srv/data").mkdir()
    host.path("/srv/data/f").write_text("f")
    plan = place / "night.toml"
    plan.write_text(TOMORROW.format(servers=section(host), later=(datetime.now(UTC) + timedelta(hours=9)).isoformat()))
    known_hosts([host], place / "night.toml.known_hosts")
    cockpit("run", str(plan), "--headless", "--dry-run", code=4, timeout=60)
    prove = cockpit.task("prove@fs01")
    assert prove["state"] == "failed" and "/srv/copy" in prove["error"], prove
    assert {p["check"]: p["result"] for p in cockpit.status()["proofs"]} == {"compare": "fail", "run": "pass"}
    assert [n["kind"] for n in cockpit.status()["needs_you"]] == ["gate"], "a red check holds nobody"
    cockpit("do", cockpit.session().id, "go", "go", "--as", "lead")
    status = cockpit.until(lambda s: s["outcome"])
    assert status["outcome"] == "done" and cockpit.states()["after@fs01"] == "done"
    assert b"would wait 3h" in cockpit.output("settle", stream="note")
    assert lines(host, "/srv/runs") == [] and not host.path("/srv/copy").exists()


RELATIVE = """
[[steps]]
id = "bring"
on = "fs01"
copy = { from = "local:files/", to = "/srv/files/" }

[[steps]]
id = "prove"
on = "fs01"
verify = [ { compare = ["local:files", "/srv/files"] } ]

[[steps]]
id = "where"
on = "local"
cwd = "files"
run = "pwd"
"""


def test_relative_paths_are_relative_to_the_plan(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    """The engine itself stands at /, and reads the session's own copy of the plan."""
    host = hosts("fs01", user="root")
    for folder in ("files", "keys"):
        (place / folder).mkdir()
    (place / "files/it").write_text("it")
    shutil.copy(host.client_key, place / "keys/id")
    plan = write_plan(place, [host], RELATIVE, fs01={"key": "keys/id"})
    cockpit("run", str(plan), "--headless", timeout=60)
    assert host.path("/srv/files/it").read_text() == "it"
    assert cockpit.output("where@local").decode() == f"{place.resolve()}/files\n"
