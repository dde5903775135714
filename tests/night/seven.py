"""A night of seven servers, no two alike: every shell, root and sudo, a jump host, one session only, sftp only, dropbear.

Its plan, what must have come of it, and the night as one that is killed: as those of `crashes`, which plays its person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from cockpit.cli.follow import plan_of
from cockpit.journal.schema import JournalProblem
from cockpit.state.fresh import Freshness
from cockpit.state.model import RUNNING, State
from tests.hosts import Host, Hosts
from tests.hosts.fixtures import make_seven
from tests.night.crashes import HEAD as SECRET
from tests.night.crashes import PASSWORD, Ground, Night, steps
from tests.night.sessions import lines, write_plan

HEAD = f"""
[inputs.ticket]
prompt = "Change ticket"
{SECRET}"""

STEPS = """
[[steps]]
id = "papers"
title = "Papers in order"
stage = "groundwork"
manual = "Is {{ inputs.ticket }} approved?"

[[steps]]
id = "inventory"
on = "@shell"
run = '''
MARK
uname -s
i=0; while [ $i -lt 20 ]; do echo "line $i"; echo "{{ server.name }} is here $i" >&2; i=$((i+1)); sleep 0.05; done
touch {{ server.place }}/over
'''

[[steps]]
id = "name"
on = "@shell"
run = '''
MARK
cat /etc/hostname
'''
capture = "name"

[[steps]]
id = "freeze"
on = "@shell"
once = true
probe = "test -e {{ server.place }}/frozen"
run = '''
MARK
touch {{ server.place }}/frozen; echo {{ captured.name }}
'''

[[steps]]
id = "data"
on = "@shell"
run = '''
MARK
mkdir -p {{ server.place }}/data/sub && cd {{ server.place }}/data || exit 1
i=0; while [ $i -lt 20 ]; do echo "$i of {{ server.name }}" > "sub/file $i"; i=$((i+1)); done
head -c 300000 /dev/urandom > blob
'''

[[steps]]
id = "backup"
on = "@shell"
copy = { from = "{{ server.place }}/data/", to = "nas01:/vault{{ server.place }}/{{ server.name }}/" }

[[steps]]
id = "prove"
on = "@shell"
verify = [
  { compare = ["{{ server.place }}/data", "nas01:/vault{{ server.place }}/{{ server.name }}"], by = "content", name = "backup" },
]

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
probe = "test ! -e {{ server.place }}/data"
run = '''
MARK
rm -rf {{ server.place }}/data
'''

[[steps]]
id = "restore"
on = "@shell"
script = "files/restore.sh"
args = ["{{ server.name }}", "two words", "{{ server.place }}"]

[[steps]]
id = "back"
on = "@shell"
copy = { from = "nas01:/vault{{ server.place }}/{{ server.name }}/", to = "{{ server.place }}/data/" }

[[steps]]
id = "replica"
on = ["db01", "web01"]
copy = { from = "{{ server.place }}/data/", to = "fs01:{{ server.place }}/replica/{{ server.name }}/", limit = "4Mbit/s" }

[[steps]]
id = "use"
on = "@shell"
secrets = ["db_password"]
run = '''
MARK
printf 'the password has %s letters and is %s\\n' "${#db_password}" "$db_password"
'''

[[steps]]
id = "triple"
on = "@shell"
verify = [
  { compare = ["{{ server.place }}/data", "nas01:/vault{{ server.place }}/{{ server.name }}"], by = "content", name = "again" },
  { run = "ls {{ server.place }}/data/sub | wc -l", expect = "^ *20$", name = "files" },
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
head -c 8 /dev/urandom | od -An -tx1 >> "$3/ran.restore"
mkdir -p "$3/data"
echo "restored $1 by '$2'"
"""

JOBS = ("inventory", "name", "freeze", "data", "wipe", "restore", "use")  # each of them leaves a line each time that it runs
FILES = 21
REPLICAS = ("db01", "web01")


def planned(folder: Path, seven: Mapping[str, Host], place: str) -> Path:
    """Its plan in this folder; on the servers it has this place."""
    (folder / "files").mkdir(parents=True)
    (folder / "files/restore.sh").write_text(SCRIPT)
    more = {name: {"tags": [] if host.sftp_only else ["shell"], "vars": {"place": place}} for name, host in seven.items()}
    return write_plan(folder, seven.values(), steps(STEPS), name="seven", head=HEAD, **more)


def judge(seven: Mapping[str, Host], place: str, output: Callable[[str, str], bytes]) -> None:
    """Every line that it printed, and what it left on its servers. output: of a task, one stream."""
    for name, host in seven.items():
        if not host.sftp_only:
            _judge_output(name, output)
            _judge_server(name, host, place, seven["nas01"].seen(f"/vault{place}/{name}"))
    for name in REPLICAS:
        assert tree(seven["fs01"].path(f"{place}/replica/{name}")) == tree(seven[name].path(f"{place}/data"))
    assert output("here@local", "out") == b"the cockpit itself\n"


def _judge_output(name: str, output: Callable[[str, str], bytes]) -> None:
    assert output(f"inventory@{name}", "out") == b"Linux\n" + b"".join(f"line {i}\n".encode() for i in range(20))
    assert output(f"inventory@{name}", "err") == b"".join(f"{name} is here {i}\n".encode() for i in range(20))
    assert output(f"name@{name}", "out") == output(f"freeze@{name}", "out") == name.encode() + b"\n"
    assert output(f"restore@{name}", "out") == f"restored {name} by 'two words'\n".encode()
    length = len(PASSWORD)
    assert output(f"use@{name}", "out") == f"the password has {length} letters and is {'*' * length}\n".encode()


def _judge_server(name: str, host: Host, place: str, vault: Path) -> None:
    assert {job: len(lines(host, f"{place}/ran.{job}")) for job in JOBS} == dict.fromkeys(JOBS, 1), name
    data = tree(host.path(f"{place}/data"))
    assert data == tree(vault) and len(data) == FILES and len(data["blob"]) == 300_000
    assert data["sub/file 7"] == f"7 of {name}\n".encode()


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


class Seven(Night):
    LONG: ClassVar[tuple[str, ...]] = ("copies by rsync", "copies over SFTP", "jobs through sudo")

    def write(self) -> Path:
        return planned(self.place, self.ground.hosts, self.on_host)

    def broken_into(self) -> list[str]:
        """Jobs that had begun and were not over, copies of which a part had arrived: at least these."""
        with suppress(JournalProblem, OSError, IndexError):  # killed before there was a journal
            running = [task for task in self.state().tasks.values() if task.state == RUNNING]
            return [what for task in running if (what := self._begun(task.step, task.server or ""))]
        return []

    def _begun(self, step: str, server: str) -> str:
        host, place, nas = self.ground.hosts.get(server), self.on_host, self.ground.hosts["nas01"]
        match step:
            case "inventory" if host and host.sudo != "none":
                begun = self.ran(server, step) and not host.path(f"{place}/over").exists()
                return "jobs through sudo" if begun else ""
            case "backup":
                return "copies over SFTP" if _partly(nas.seen(f"/vault{place}/{server}")) else ""
            case "back" if host:
                return "copies over SFTP" if _partly(host.path(f"{place}/data")) else ""
            case "replica":
                return "copies by rsync" if _partly(self.ground.hosts["fs01"].path(f"{place}/replica/{server}")) else ""
        return ""

    def judge(self, state: State) -> None:
        self.judge_tasks(state)
        assert {p.result for p in state.proofs.values()} == {"pass"}
        stale = Freshness(plan_of(state), state).stale()
        assert not [key for key in stale if key.startswith("triple")]
        judge(self.ground.hosts, self.on_host, self.output)


def _partly(root: Path) -> bool:
    there = [path for path in root.rglob("*") if path.name == "blob" or path.name.startswith("file ")]
    return 0 < len(there) < FILES


def on_seven(hosts: Hosts, place: Path) -> Ground:
    """A ground for it."""
    place.mkdir(parents=True, exist_ok=True)
    return Ground(place, make_seven(hosts))
