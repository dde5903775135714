"""A copy that nothing compares afterwards is said by `cockpit check`, and none that something does."""

from __future__ import annotations

import pytest

from cockpit.plan.describe import check_lines, check_report
from cockpit.plan.reader import loads

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
BACKUP = f'from = "{FROM}", to = "{TO}"'


def copy(words: str = BACKUP, step: str = "backup") -> str:
    return f'[[steps]]\nid = "{step}"\non = "@source"\ncopy = {{ {words} }}\n'


def verify(check: str, on: str = '"@source"', step: str = "prove", more: str = "") -> str:
    return f'[[steps]]\nid = "{step}"\non = {on}\n{more}verify = [{{ {check} }}]\n'


def compare(*places: str) -> str:
    return f"compare = [{', '.join(map(repr, places))}]"


WARNS = {
    "nothing looks": copy(),
    "another folder": copy() + verify(compare("/srv/data", "nas01:/vaults/{{ server.name }}")),
    "the same folder of another server": copy() + verify(compare("/srv/data", "fs01:/vault/x", "fs02:/vault/x")),
    "only before": verify(compare("/srv/data", "nas01:/vault/{{ server.name }}")) + copy(),
    "beside it": copy() + verify(compare("/srv/data", "nas01:/vault/{{ server.name }}"), more="needs = []\n"),
    "a check that names nothing of it": copy() + verify('service = "smbd"') + verify('run = "uptime"', '"nas01"', "up"),
    "only days before": copy(BACKUP + ', pass = "initial"'),
    "by sftp": copy(BACKUP + ', method = "sftp"'),
}
SILENT = {
    "there": copy() + verify(compare("/srv/data", "nas01:/vault/{{ server.name }}")),
    "above it": copy() + verify(compare("/srv", "nas01:/vault")),
    "below it": copy() + verify(compare("/srv/data/db", "nas01:/vault/{{ server.name }}/db")),
    "from a server of its own": copy() + verify(compare("fs01:/srv", "nas01:/vault"), "[]").replace("on = []\n", ""),
    "much later": copy() + '[[steps]]\nid = "go"\nmanual = "x"\n' + verify(compare("/srv", "nas01:/vault/{{ server.name }}")),
    "an input in both": copy('from = "/srv/", to = "nas01:{{ inputs.place }}/{{ server.name }}"')
    + verify(compare("/srv", "nas01:{{ inputs.place }}/{{ server.name }}")),
    "by a command of its own": copy() + verify('run = "cd /vault/fs01 && sha256sum -c SUMS; cd /vault/fs02"', '"nas01"'),
    "an image": copy('from = "/dev/vg/{{ server.name }}", to = "nas01:/vm/{{ server.name }}.img", method = "image"'),
    "a pipe": copy('pipe = ["pg_dump x", "psql y"], to = "nas01"'),
    "the final pass": copy(BACKUP + ', pass = "initial"') + copy(BACKUP + ', pass = "final"', "last")
    + verify(compare("/srv/data", "nas01:/vault/{{ server.name }}")),
}  # fmt: skip


@pytest.mark.parametrize("what", WARNS)
def test_a_copy_that_nothing_compares_afterwards_is_said_with_what_to_write(what: str) -> None:
    plan = loads(HEAD + WARNS[what], "night.toml")
    [warning] = check_report(plan, 0.0)["warnings"]
    assert warning["file"] == "night.toml" and warning["line"] == plan.step("backup").line
    assert warning["what"] == "backup: no later verify compares what it copied"
    assert f'verify = [{{ compare = ["{FROM}", "{TO}"] }}]' in warning["instead"]
    assert f"{warning['what']}: {warning['instead']}" in check_lines(plan, 0.0)
    mended = HEAD + copy() + "[[steps]]\nid = 'prove'\non = '@source'\n" + warning["instead"].partition(" with ")[2]
    assert check_report(loads(mended, "x"), 0.0)["warnings"] == []


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
    plan = loads(HEAD + copy('from = "/srv/data", to = "nas01:/vault/", exclude = ["*.tmp"]'), "x")
    [warning] = check_report(plan, 0.0)["warnings"]
    assert 'compare = ["/srv/data", "nas01:/vault/data"]' in warning["instead"] and "exclude" in warning["instead"]
