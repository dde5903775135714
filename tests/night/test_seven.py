"""Seven servers, no two alike, in one night: every shell, root and sudo, a jump host, one session only, sftp only, dropbear."""

from __future__ import annotations

from pathlib import Path

from tests.hosts import Host
from tests.night.sessions import Cockpit, lines, write_plan

HEAD = """
[inputs.ticket]
prompt = "Change ticket"

[inputs.db_password]
prompt = "the database"
secret = true

"""

STEPS = """
[[steps]]
id = "papers"
title = "Papers in order"
stage = "groundwork"
manual = "Is {{ inputs.ticket }} approved?"

[[steps]]
id = "inventory"
on = "@shell"
run = "uname -s; echo {{ server.name }} is here >&2"

[[steps]]
id = "name"
on = "@shell"
run = "cat /etc/hostname"
capture = "name"

[[steps]]
id = "freeze"
on = "@shell"
once = true
probe = "test -e /srv/frozen"
run = "head -c 8 /dev/urandom | od -An -tx1 >> /srv/freezes; touch /srv/frozen; echo {{ captured.name }}"

[[steps]]
id = "data"
on = "@shell"
run = '''
mkdir -p /srv/data/sub && cd /srv/data || exit 1
i=0; while [ $i -lt 20 ]; do echo "$i of {{ server.name }}" > "sub/file $i"; i=$((i+1)); done
head -c 300000 /dev/urandom > blob
'''

[[steps]]
id = "backup"
on = "@shell"
copy = { from = "/srv/data/", to = "nas01:/vault/{{ server.name }}/" }

[[steps]]
id = "prove"
on = "@shell"
verify = [ { compare = ["/srv/data", "nas01:/vault/{{ server.name }}"], by = "content", name = "backup" } ]

[[steps]]
id = "tear-down"
title = "May the data be torn down?"
needs = ["prove"]
gate = { requires = ["prove/backup"], approvers = ["maria", "otto"], no_return = true }

[[steps]]
id = "wipe"
on = "@shell"
needs = ["tear-down"]
once = true
probe = "test ! -e /srv/data"
run = "rm -rf /srv/data"

[[steps]]
id = "restore"
on = "@shell"
script = "files/restore.sh"
args = ["{{ server.name }}", "two words"]

[[steps]]
id = "back"
on = "@shell"
copy = { from = "nas01:/vault/{{ server.name }}/", to = "/srv/data/" }

[[steps]]
id = "replica"
on = ["db01", "web01"]
copy = { from = "/srv/data/", to = "fs01:/srv/replica/{{ server.name }}/" }

[[steps]]
id = "use"
on = "@shell"
secrets = ["db_password"]
run = '''printf 'the password has %s letters and is %s\\n' "${#db_password}" "$db_password"'''

[[steps]]
id = "triple"
on = "@shell"
verify = [
  { compare = ["/srv/data", "nas01:/vault/{{ server.name }}"], by = "content", name = "again" },
  { run = "ls /srv/data/sub | wc -l", expect = "^ *20$", name = "files" },
  { space = "/srv", free = "1MB" },
]

[[steps]]
id = "here"
on = "local"
run = "echo the cockpit itself"

[[steps]]
id = "pause"
wait = "1s"

[[steps]]
id = "finalize"
gate = { requires = ["triple"] }
"""

SCRIPT = """#!/bin/sh
mkdir -p /srv/data
echo "restored $1 by '$2'"
"""


def test_a_night_of_seven(cockpit: Cockpit, seven: dict[str, Host], place: Path) -> None:
    (place / "files").mkdir()
    (place / "files/restore.sh").write_text(SCRIPT)
    tags = {name: {"tags": ["shell"]} for name, host in seven.items() if not host.sftp_only}
    plan = write_plan(place, seven.values(), STEPS, name="seven", head=HEAD, **tags)
    cockpit.env |= {"COCKPIT_SECRET_SUDO_PASSWORD": "opensesame"}
    said = cockpit("run", str(plan), "--headless", "--input", "ticket=CHG-77", code=4).stderr
    assert "[manual-papers]" in said and "CHG-77" in said
    assert "[input-db_password]" in said
    cockpit("do", "seven", "done", "papers", "--as", "maria")
    assert "command line" in cockpit("do", "seven", "answer", "input-db_password", "--value", "hunter2222", code=2).stderr
    cockpit("do", "seven", "answer", "input-db_password", input="hunter2222\n")

    cockpit.until(lambda s: any(n["id"] == "gate-tear-down" for n in s["needs_you"]), seconds=60)
    cockpit("do", "seven", "go", "tear-down", "--as", "maria")
    refused = cockpit("do", "seven", "go", "tear-down", "--as", "somebody", code=2).stderr
    assert "maria, otto" in refused
    assert cockpit.states()["wipe@fs01"] == "blocked"
    cockpit("do", "seven", "go", "tear-down", "--as", "otto")

    cockpit.until(lambda s: any(n["id"] == "gate-finalize" for n in s["needs_you"]), seconds=60)
    cockpit("do", "seven", "go", "finalize", "--as", "maria")
    status = cockpit.until(lambda s: s["outcome"] is not None)

    assert status["outcome"] == "done"
    assert {t["state"] for t in status["tasks"]} == {"done"}
    assert len({t["step"] for t in status["tasks"]}) >= 12
    assert all(p["result"] == "pass" and p["fresh"] for p in status["proofs"] if p["step"] == "triple")
    for name, host in seven.items():
        if host.sftp_only:
            continue
        assert cockpit.output(f"name@{name}") == name.encode() + b"\n"
        assert cockpit.output(f"inventory@{name}", stream="err") == f"{name} is here\n".encode()
        assert cockpit.output(f"restore@{name}") == f"restored {name} by 'two words'\n".encode()
        assert cockpit.output(f"use@{name}") == b"the password has 10 letters and is **********\n"
        assert len(lines(host, "/srv/freezes")) == 1
        assert host.path("/srv/data/sub/file 7").read_text() == f"7 of {name}\n"
        assert not list(host.root.glob("**/.cockpit/claim")), "the lock is gone with the night"
    assert seven["fs01"].path("/srv/replica/db01/blob").read_bytes() == seven["db01"].path("/srv/data/blob").read_bytes()
