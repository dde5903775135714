"""A secret that a job uses and prints is found nowhere: not here, not on the server, in no process list."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cockpit.engine.launch import start_engine
from tests.hosts import Host, Hosts
from tests.night.sessions import Cockpit, lines, write_plan

SECRET = "s3cr3t-Hunter two x"
HEAD = """
[inputs.db_password]
prompt = "the database"
secret = true

"""
STEPS = """
[[steps]]
id = "use"
on = "all"
secrets = ["db_password"]
run = '''
set -x
echo "it is $db_password"
printf '%s' "${db_password%%-*}-"; sleep 0.3; printf '%s\\n' "${db_password#*-}"
printf '%s\\n' "$db_password" >&2
sleep 1
test ${#db_password} = 19 || exit 1
export db_password; sh -c 'test ${#db_password} = 19'
'''

[[steps]]
id = "program"
on = "all"
secrets = ["db_password"]
script = "files/it.sh"

[[steps]]
id = "name"
on = "all"
secrets = ["db_password"]
run = "printf '%s\\n' \\"$db_password\\""
capture = "leak"

[[steps]]
id = "after"
on = "all"
run = "echo {{ captured.leak }}; sleep 1"

[[steps]]
id = "look"
manual = "Look at the records: a night that is done takes them away"
"""
SCRIPT = "#!/bin/sh\necho program; echo $db_password; env | grep db_ \n"


@contextmanager
def watching_processes() -> Iterator[set[bytes]]:
    """Every command line seen on this machine (which sees into the hosts) meanwhile."""
    seen: set[bytes] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    seen.add(path.read_bytes())
            over.wait(0.02)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def found(host: Host, needle: bytes) -> list[Path]:
    """Files of a host (its own, not the machine's /usr) that hold it."""
    places = [p for p in host.root.rglob("*") if p.is_file() and not p.is_symlink()]
    return [p for p in places if needle in p.read_bytes()]


def test_a_secret_is_found_nowhere(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    one, two = hosts("fs01", shell="csh", sudo="password"), hosts("old01", user="root", sh="busybox", userland="busybox")
    (place / "files").mkdir()
    (place / "files/it.sh").write_text(SCRIPT)
    plan = write_plan(place, [one, two], STEPS, head=HEAD)
    cockpit.env |= {"COCKPIT_SECRET_SUDO_PASSWORD": "opensesame"}
    with watching_processes() as seen:
        follower = cockpit.start(plan)
        cockpit.needs("input-db_password")
        refused = cockpit("do", cockpit.session().id, "answer", "input-db_password", input="abc\n", code=None)
        assert refused.returncode != 0 and "shorter than 4 characters" in refused.stdout + refused.stderr
        # typed at the prompt: an argument would show in the process list
        assert cockpit("do", cockpit.session().id, "answer", "input-db_password", input=SECRET + "\n").returncode == 0
        cockpit.needs("manual-look", seconds=60)
        for host in (one, two):
            assert found(host, b"command ") and not found(host, SECRET.encode()) and not found(host, b"opensesame")
        cockpit.do("done", "look")
        assert follower.wait(60) == 0
    session = cockpit.session()
    for needle in (SECRET.encode(), b"opensesame"):
        assert not [p for p in session.path.rglob("*") if p.is_file() and needle in p.read_bytes()]
        for host in (one, two):
            assert not found(host, needle)
        assert not [line for line in seen if needle in line and b"pytest" not in line]
    stars = b"*" * len(SECRET)
    for name in ("fs01", "old01"):
        assert cockpit.output(f"use@{name}").splitlines()[0] == b"it is " + stars
        assert stars in cockpit.output(f"use@{name}", stream="err")
        assert stars in cockpit.output(f"program@{name}")
    assert SECRET not in cockpit("log", "--json", "--all").stdout + cockpit("log").stdout
    assert SECRET not in cockpit("report", session.id).stdout


LINES = ("s3cr3t-Hunter\\Xtwo", 'second "$line" x')
PIPE = """
[[steps]]
id = "WAY"
on = "fs01"
needs = []
secrets = ["db_password"]
env = { PLACE = "it's {{ server.name }}" }
copy = { pipe = ['''CHECK; echo "I am $db_password" >&2; sleep 1; printf '%s' "$db_password"''', '''CHECK
set -x; : "$db_password"; set +x; printf 'same %s\\n' "$db_password" >&2; test "$(cat)" = "$db_password"'''], HOW }
"""
CHECK = """test "$PLACE" = "it's fs01" && sh -c 'test ${#db_password} = SIZE && ! env | grep ^COCKPIT_GIVEN=' || exit 9"""
WAYS = {
    "pulled": 'to = "old01", route = "pull"', "pushed": 'to = "old01", route = "push"', "here": 'to = "fs01"',
}  # fmt: skip


def test_both_commands_of_a_pipe_have_its_secrets_and_they_are_found_nowhere(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    secret = "\n".join(LINES)
    one, two = hosts("fs01", shell="csh", sudo="nopasswd"), hosts("old01", user="root", sh="busybox", userland="busybox")
    pipe = PIPE.replace("CHECK", CHECK.replace("SIZE", str(len(secret))))
    steps = "".join(pipe.replace("WAY", way).replace("HOW", how) for way, how in WAYS.items())
    look = STEPS[STEPS.rindex("[[steps]]") :]
    plan = write_plan(place, [one, two], steps + look, head=HEAD)
    cockpit.env |= {"COCKPIT_SECRET_DB_PASSWORD": secret}
    with watching_processes() as seen:
        follower = cockpit.start(plan)
        cockpit.needs("manual-look", seconds=60)
        places = [one.root, two.root, cockpit.session().path]
        for needle in (part.encode() for part in LINES):
            assert not [p for root in places for p in root.rglob("*") if p.is_file() and needle in p.read_bytes()]
        assert found(one, b"command ") and found(two, b"command "), "records are there still"
        cockpit.do("done", "look")
        assert follower.wait(60) == 0
    for needle in (part.encode() for part in LINES):
        assert not [line for line in seen if needle in line]
        assert not found(one, needle) and not found(two, needle)
    first, second = (b"*" * len(part) for part in LINES)
    for way in WAYS:
        said = cockpit.output(f"{way}@fs01", stream="err")
        assert b"producer| I am %s\nproducer| %s\n" % (first, second) in said and b"consumer| same " + first in said, said


AGAIN = """
[[steps]]
id = "pipe"
on = "fs01"
secrets = ["db_password"]
copy = { pipe = ["echo ${#db_password}", "cat > /srv/size"], to = "old01" }
"""


def test_a_pipe_that_an_engine_had_only_noted_is_begun_with_its_secret(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    one, two = hosts("fs01", user="root"), hosts("old01", user="root")
    plan = write_plan(place, [one, two], AGAIN, head=HEAD)
    given = {"COCKPIT_SECRET_DB_PASSWORD": SECRET}
    cockpit("run", str(plan), "--headless", "--wait", code=3, COCKPIT_CRASH="copy.job-noted", **given)
    start_engine(cockpit.session(), {})
    cockpit.needs("input-db_password")
    assert not two.path("/srv/size").exists(), "not with an empty one"
    cockpit("do", cockpit.session().id, "answer", "input-db_password", input=SECRET + "\n")
    assert cockpit.ended() == "done"
    assert lines(two, "/srv/size") == [str(len(SECRET))]
