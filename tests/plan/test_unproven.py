"""A copy that nothing compares afterwards is said by `cockpit check`, and none that something does."""

from __future__ import annotations

import time
import tomllib

import pytest

from cockpit.plan.describe import check_lines, check_report
from cockpit.plan.reader import loads
from cockpit.plan.unproven import unproven

HEAD = """
[plan]
version = 1
name = "a night"
[window]
opens = "+0s"
closes = "+13h"
[inputs.place]
prompt = "where"
[servers.nas01]
host = "10.0.0.9"
[servers.fs01]
host = "10.0.0.1"
tags = ["source"]
[servers.fs02]
host = "10.0.0.2"
tags = ["source"]
"""
FROM, TO = "/srv/data/", "nas01:/vault/{{ server.name }}/"
THERE = "nas01:/vault/{{ server.name }}"
BACKUP = f'from = "{FROM}", to = "{TO}"'


def copy(words: str = BACKUP, step: str = "backup") -> str:
    return f'[[steps]]\nid = "{step}"\non = "@source"\ncopy = {{ {words} }}\n'


def verify(check: str, on: str = '"@source"', step: str = "prove", more: str = "") -> str:
    return f'[[steps]]\nid = "{step}"\non = {on}\n{more}verify = [{{ {check} }}]\n'


def compare(*places: str) -> str:
    return f"compare = [{', '.join(map(repr, places))}]"


def proposed(instead: str) -> str:
    """The step of which a warning says what its verify is."""
    return "[[steps]]\nid = 'proposed'\non = '@source'\n" + instead.partition(" with ")[2]


WARNS = {
    "nothing looks": copy(),
    "another folder": copy() + verify(compare("/srv/data", "nas01:/vaults/{{ server.name }}")),
    "the same folder of another server": copy() + verify(compare("/srv/data", "fs01:/vault/x", "fs02:/vault/x")),
    "only before": verify(compare("/srv/data", "nas01:/vault/{{ server.name }}")) + copy(),
    "beside it": copy() + verify(compare("/srv/data", "nas01:/vault/{{ server.name }}"), more="needs = []\n"),
    "a check that names nothing of it": copy() + verify('service = "smbd"') + verify('run = "uptime"', '"nas01"', "up"),
    "only days before": copy(BACKUP + ', pass = "initial"'),
    "by sftp": copy(BACKUP + ', method = "sftp"'),
    "only how many": copy() + verify(compare("/srv/data", THERE) + ', by = "count"'),
    "only how much": copy() + verify(compare("/srv/data", THERE) + ', by = "size"'),
    "only some of it": copy() + verify(compare("/srv/data", THERE) + ', sample = "5%"'),
    "only with itself": copy() + verify(compare(THERE + "/a", THERE + "/b")),
    "a part with the whole": copy() + verify(compare(THERE, THERE + "/b")),
    "a folder that ends like it": copy() + verify('run = "ls /srv/vault/fs01 /srv/vault/fs02"', '"nas01"'),
    "a folder that begins like it": copy() + verify('run = "df /vault/fs01x /vault/fs02.old"', '"nas01"'),
    "there, but on another server": copy() + verify('run = "ls /vault/fs01 /vault/fs02"', '"local"'),
    "a folder beside the one that arrives": copy('from = "/srv/data", to = "nas01:/vault/{{ server.name }}/"')
    + verify(compare("/srv/home", THERE + "/home")),
    "only days before, and later another source": copy(BACKUP + ', pass = "initial"')
    + copy('from = "/srv/home/", to = "nas01:/home/{{ server.name }}/", pass = "final"', "last")
    + verify(compare("/srv/home", "nas01:/home/{{ server.name }}")),
    "only days before, and in the backout": copy(BACKUP + ', pass = "initial"')
    + copy(BACKUP + ', pass = "final"', "back").replace("steps", "backout")
    + verify(compare("/srv/data", THERE)).replace("steps", "backout"),
}
SILENT = {
    "there": copy() + verify(compare("/srv/data", "nas01:/vault/{{ server.name }}")),
    "above it": copy() + verify(compare("/srv", "nas01:/vault")),
    "below it": copy() + verify(compare("/srv/data/db", "nas01:/vault/{{ server.name }}/db")),
    "from a server of its own": copy() + verify(compare("fs01:/srv", "nas01:/vault"), "[]").replace("on = []\n", ""),
    "much later": copy() + '[[steps]]\nid = "go"\nmanual = "x"\n' + verify(compare("/srv", "nas01:/vault/{{ server.name }}")),
    "an input in both": copy('from = "/srv/", to = "nas01:{{ inputs.place }}/{{ server.name }}"')
    + verify(compare("/srv", "nas01:{{ inputs.place }}/{{ server.name }}")),
    "all of a sample": copy() + verify(compare("/srv/data", THERE) + ', sample = "100%"'),
    "the folder that arrives": copy('from = "/srv/data", to = "nas01:/vault/{{ server.name }}/"')
    + verify(compare("/srv/data", THERE + "/data")),
    "by a command that asks there": copy() + verify('run = "ssh root@nas01 \'sha256sum -c /vault/{{ server.name }}/S\'"'),
    "by a command from here": copy() + verify('run = "rsync -nc fs01:/vault nas01:/vault/fs01/ nas01:/vault/fs02"', '"local"'),
    "by a command with a blank in a name": copy(f'from = "/srv/", to = "{THERE}/my data/"')
    + verify('run = "ls \'/vault/fs01/my data\' \'/vault/fs02/my data/x\'; true"', '"nas01"'),
    "by a command of its own": copy() + verify('run = "cd /vault/fs01 && sha256sum -c SUMS; cd /vault/fs02"', '"nas01"'),
    "an image": copy('from = "/dev/vg/{{ server.name }}", to = "nas01:/vm/{{ server.name }}.img", method = "image"'),
    "a pipe": copy('pipe = ["pg_dump x", "psql y"], to = "nas01"'),
    "the final pass": copy(BACKUP + ', pass = "initial"') + copy(BACKUP + ', pass = "final"', "last")
    + verify(compare("/srv/data", "nas01:/vault/{{ server.name }}")),
    "the final pass, of other servers beside": copy(BACKUP + ', pass = "initial"')
    + copy('from = "nas01:/x/", to = "/x/", pass = "final"', "last") + copy(BACKUP + ', pass = "final"', "third")
    + verify(compare("/x", "nas01:/x")) + verify(compare("/srv/data", THERE), step="too"),
}  # fmt: skip


@pytest.mark.parametrize("what", WARNS)
def test_a_copy_that_nothing_compares_afterwards_is_said_with_what_to_write(what: str) -> None:
    plan = loads(HEAD + WARNS[what], "night.toml")
    [warning] = check_report(plan, 0.0)["warnings"]
    assert warning["file"] == "night.toml" and warning["line"] == plan.step("backup").line
    assert warning["what"] == "backup: no later verify compares what it copied"
    assert f"{warning['what']}: {warning['instead']}" in check_lines(plan, 0.0)
    assert check_report(loads(HEAD + copy() + proposed(warning["instead"]), "x"), 0.0)["warnings"] == []


@pytest.mark.parametrize("what", SILENT)
def test_a_copy_that_is_compared_or_proves_itself_is_not_said(what: str) -> None:
    assert check_report(loads(HEAD + SILENT[what], "x"), 0.0)["warnings"] == []


def test_each_server_has_a_proof_of_its_own() -> None:
    plan = loads(HEAD + copy() + verify(compare("/srv/data", "nas01:/vault/{{ server.name }}"), '"fs01"'), "x")
    assert [w["what"] for w in check_report(plan, 0.0)["warnings"]] == ["backup: no later verify compares what it copied on fs02"]


def test_a_final_pass_is_said_for_both() -> None:
    plan = loads(HEAD + copy(BACKUP + ', pass = "initial"') + copy(BACKUP + ', pass = "final"', "last"), "x")
    assert [w["what"] for w in check_report(plan, 0.0)["warnings"]] == ["last: no later verify compares what it copied"]


def test_what_is_to_be_written_names_the_folder_that_arrives() -> None:
    step = copy('from = "/srv/data", to = "nas01:/vault/", exclude = ["*.tmp"]').replace("@source", "fs01")
    plan = loads(HEAD + step, "x")
    [warning] = check_report(plan, 0.0)["warnings"]
    assert 'compare = ["/srv/data", "nas01:/vault/data"]' in warning["instead"] and "exclude" in warning["instead"]


@pytest.mark.parametrize("place", ['nas01:/v/{{ inputs["place"] }}/{{ server.name }}/', "nas01:/v/{{ server.name }}/\\it's \\"])
def test_what_is_to_be_written_can_be_written(place: str) -> None:
    night = HEAD + copy(f"from = \"/srv/\", to = '''{place}'''")
    [warning] = check_report(loads(night, "x"), 0.0)["warnings"]
    step = proposed(warning["instead"])
    assert tomllib.loads(step)["steps"][0]["verify"] == [{"compare": ["/srv/", place]}]
    assert check_report(loads(night + step, "x"), 0.0)["warnings"] == []


@pytest.mark.parametrize("crowded", [
    copy('from = "/srv/", to = "nas01:/vault/"'), copy('from = "fs01:/a/", to = "nas01:/v/"').replace("@source", "fs01")
    + copy('from = "fs01:/b/", to = "nas01:/v"', "second").replace("@source", "fs01"),
])  # fmt: skip
def test_where_several_copies_go_to_one_folder_no_compare_is_proposed_that_would_fail(crowded: str) -> None:
    said = [warning["instead"] for warning in check_report(loads(HEAD + crowded, "x"), 0.0)["warnings"]]
    assert said and all("one of its own" in words and "compare =" not in words for words in said)


def test_what_is_copied_twice_from_one_place_can_be_compared() -> None:
    night = HEAD + "".join(copy('from = "fs01:/a/", to = "nas01:/v/"', step) for step in ("first", "again"))
    said = [warning["instead"] for warning in check_report(loads(night, "x"), 0.0)["warnings"]]
    assert said == ['write one behind it with verify = [{ compare = ["fs01:/a/", "nas01:/v/"] }]'] * 2


@pytest.mark.parametrize("needs", ["", "needs = []\n"])
def test_many_copies_and_many_looks_are_held_together_in_no_time(needs: str) -> None:
    servers = "".join(f'[servers.s{i}]\nhost = "10.1.{i // 200}.{i % 200}"\ntags = ["many"]\n' for i in range(300))
    looks = [verify(compare(f"/srv/{i}", "nas01:/vault"), '"@many"', f"look{i}", needs) for i in range(25)]
    copies = [copy(f'from = "/srv/{i}/", to = "{THERE}/{i}/"', f"copy{i}").replace("@source", "@many") + needs for i in range(25)]
    plan = loads(HEAD + servers + "".join(looks + copies), "x")
    began = time.process_time()
    assert len(list(unproven(plan))) == 25
    assert time.process_time() - began < 2.0, "copies times looks were 8 s"
