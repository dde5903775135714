"""What a plan becomes: every key of the format arrives where the model says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cockpit.plan.model import Check, Copy, Estimate, Gate, Limits, Moment, Place, Plan, Run, Script, Verify, Wait
from cockpit.plan.problems import PlanProblems
from cockpit.plan.reader import adopted, load, loads

NIGHT = Path(__file__).parent / "plans" / "night.toml"
HEAD = '[plan]\nversion = 1\nname = "x"\n[window]\nopens = "+1h"\ncloses = "+13h"\n'
CLOSES = 1_795_885_200.0  # 2026-11-28T09:00:00-08:00


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load(NIGHT)


def test_the_head(plan: Plan) -> None:
    assert (plan.name, plan.lead, plan.contact) == ("Seven servers, one night", "lead", "+1 559 555 0100")
    assert plan.window.closes == Moment(epoch=CLOSES)
    assert plan.window.utc_offset == -8 * 3600
    assert plan.limits == Limits(32, 4, 112_500_000.0)
    assert plan.inputs["sudo_password"].secret
    assert plan.text == NIGHT.read_text()
    assert plan.path == str(NIGHT)


def test_a_relative_window() -> None:
    window = loads(HEAD + '[[steps]]\nid = "a"\nmanual = "x"\n', "x").window
    assert (window.opens, window.closes) == (Moment(offset=3600.0), Moment(offset=46800.0))


def test_servers_take_the_defaults_and_override_them(plan: Plan) -> None:
    fs01, fs02, bastion, nas01 = (plan.servers[name] for name in ("fs01", "fs02", "bastion", "nas01"))
    assert (fs01.user, fs01.port, fs01.become, fs01.become_password) == ("ops", 22, True, "sudo_password")
    assert (fs01.via, fs01.data_host, fs01.tags) == ("bastion", "192.168.9.11", ("source", "files"))
    assert fs01.vars == {"data": "/srv/share", "size": "1.2TB", "level": "3"}
    assert fs01.host_key and fs01.host_key.startswith("ssh-ed25519 AAAA")
    assert fs02.port == 2222
    assert (bastion.become, bastion.become_password) == (False, None)
    assert (nas01.sftp_only, nas01.become) == (True, False)


def test_a_server_without_a_host_is_reached_by_its_name_and_ssh_config_says_the_rest() -> None:
    server = loads(HEAD + '[servers.fs01]\n[[steps]]\nid = "a"\non = "all"\nrun = "x"\n', "x").servers["fs01"]
    assert (server.host, server.user, server.port, server.key) == ("fs01", None, None, None)


def test_steps(plan: Plan) -> None:
    backup = plan.step("backup")
    assert backup.servers == ("fs01", "fs02")
    assert backup.estimate == Estimate(12000.0, 1_200_000_000_000, 1e8)
    assert (backup.timeout, backup.retries, backup.become, backup.line) == (10800.0, 2, False, 85)
    assert backup.action == Copy(
        Place(None, "{{ server.data }}/"), Place("nas01", "/vault/{{ server.name }}/"), "sftp", ("*.tmp",), True, 2, 1e8,
        "initial",
    )
    wipe = plan.step("wipe")
    assert wipe.action == Script("files/rebuild.sh", ("--level", "{{ server.level }}"))
    assert (wipe.once, wipe.secrets, wipe.env["COUNT"], wipe.new_host_key) == (True, ("db_password",), "3", True)
    assert plan.step("inventory").action == Run("df -P | awk '{print $1}'; echo ${#HOME} ${PATH%%:*}", "disks")
    assert plan.step("report").servers == ("local",)
    assert plan.step("settle").action == Wait(condition="tcp {{ server.host }}:445", timeout=600.0)
    assert plan.step("breathe").action == Wait(seconds=300.0)
    assert plan.step("back").phase == "backout"
    assert plan.step("papers").needs is None
    assert plan.step("freeze").start == "20:30"


def test_gates(plan: Plan) -> None:
    assert plan.step("go").action == Gate(("backup", "prove/three ways"), 2, False, "05:30")
    final = Gate((), ("lead", "storage"), True, Moment(epoch=CLOSES - 3600))
    assert plan.step("final").action == final


def test_checks_and_the_names_they_get(plan: Plan) -> None:
    action = plan.step("prove").action
    assert isinstance(action, Verify)
    assert [check.name for check in action.checks] == [
        "three ways", "run", "tcp host:445", "tcp 10.0.4.1:53", "http", "lag", "service", "mount", "space",
    ]
    own, safe = Place(None, "{{ server.data }}"), Place("nas01", "/vault/{{ server.name }}")
    places = (own, safe, Place("bkp01", "/replica/{{ server.name }}"))
    assert action.checks[0] == Check("compare", "three ways", places=places, meta=True, sample=0.05)
    assert action.checks[2].within == 120.0
    assert (action.checks[5].below, action.checks[5].for_) == (10.0, 120.0)
    assert action.checks[8].free == 200_000_000_000


def test_unnamed_checks_of_one_kind_and_value_get_numbers() -> None:
    steps = '[servers.a]\n[[steps]]\nid = "v"\non = "a"\nverify = [ { mount = "/" }, { mount = "/" }, { mount = "/" } ]\n'
    action = loads(HEAD + steps, "x").step("v").action
    assert isinstance(action, Verify)
    assert [check.name for check in action.checks] == ["mount /", "mount / 2", "mount / 3"]


def test_on_in_all_its_forms() -> None:
    servers = '[servers.a]\ntags = ["t"]\n[servers.b]\n[servers.c]\ntags = ["t"]\n'
    forms = {'"all"': "abc", '"@t"': "ac", '"b"': "b", '["c", "@t", "b"]': "cab", '"local"': ["local"]}
    for on, names in forms.items():
        step = loads(f'{HEAD}{servers}[[steps]]\nid = "s"\non = {on}\nrun = "x"\n', "x").step("s")
        assert step.servers == tuple(names)


def test_a_path_with_a_colon_after_a_slash_is_no_server() -> None:
    steps = '[servers.a]\n[[steps]]\nid = "c"\non = "a"\ncopy = { from = "/srv/a:b", to = "local:/srv/x" }\n'
    action = loads(HEAD + steps, "x").step("c").action
    assert isinstance(action, Copy)
    assert (action.source, action.target) == (Place(None, "/srv/a:b"), Place("local", "/srv/x"))


def test_times_may_be_written_as_toml_times() -> None:
    text = HEAD.replace('"+1h"', "2026-11-27T20:00:00-08:00").replace('"+13h"', '"2026-11-28T09:00:00-08:00"')
    steps = '[[steps]]\nid = "a"\nstart = 05:00:00\nmanual = "x"\n'
    steps += '[[steps]]\nid = "b"\nstart = 2026-11-28T13:30:00Z\nmanual = "x"\n'
    plan = loads(text + steps + '[[steps]]\nid = "c"\ngate = { by = 06:00:00 }\n', "x")
    assert [plan.step(name).start for name in "ab"] == ["05:00", "2026-11-28T13:30:00+00:00"]
    assert plan.step("c").action == Gate(by="06:00")
    assert plan.window.utc_offset == -8 * 3600


def test_dotted_and_inline_tables_have_their_lines_too() -> None:
    text = HEAD + 'servers.a.host = "a"\nservers."b".host = "b"\n'
    text = text.replace("[plan]\nversion = 1\nname = \"x\"\n[window]\nopens = \"+1h\"\ncloses = \"+13h\"\n",
                        'plan = { version = 1, name = "x" }\nwindow = { opens = "+1h", closes = "+13h" }\n')
    plan = loads(text + 'steps = [\n  { id = "a", manual = "x" },\n\n  { id = "b", on = "b", run = "x" },\n]\n', "x")
    assert [step.line for step in plan.steps] == [6, 8]


RELATIVE = """[defaults]
key = "keys/id"
[servers.fs01]
[servers.fs02]
key = "~/.ssh/id"
[[steps]]
id = "a"
on = "fs01"
copy = { from = "local:files/", to = "fs02:/srv/" }
[[steps]]
id = "b"
on = "local"
cwd = "files"
run = "pwd"
[[steps]]
id = "c"
on = "local"
verify = [ { compare = ["files", "local:{{ inputs.there }}", "fs02:/srv"] } ]
[inputs.there]"""


def test_relative_paths_are_relative_to_the_plan_wherever_its_text_goes(tmp_path: Path) -> None:
    file = tmp_path / "night.toml"
    file.write_text(HEAD + RELATIVE)
    read = load(file)
    for plan in (read, loads(read.text, "session.toml"), adopted(read.text, "plan.toml")):
        assert [server.key for server in plan.servers.values()] == [f"{tmp_path}/keys/id", "~/.ssh/id"]
        copy, run, compare = plan.steps
        assert isinstance(copy.action, Copy) and isinstance(compare.action, Verify)
        assert (copy.action.source, copy.action.target) == (Place("local", f"{tmp_path}/files/"), Place("fs02", "/srv/"))
        assert run.cwd == f"{tmp_path}/files"
        assert [place.path for place in compare.action.checks[0].places] == [f"{tmp_path}/files", "{{ inputs.there }}", "/srv"]
        assert plan.text == read.text and plan.text.startswith(HEAD + RELATIVE)


@pytest.mark.parametrize("name", [b"caf\xe9", b"a\x7fb"])
def test_a_folder_that_no_toml_can_name_is_refused_where_the_text_has_to_name_it(tmp_path: Path, name: bytes) -> None:
    plan = tmp_path / os.fsdecode(name) / "night.toml"
    plan.parent.mkdir()
    plan.write_text(HEAD + '[[steps]]\nid = "a"\nmanual = "x"\n')
    load(plan)
    plan.write_text(HEAD + '[servers.a]\nkey = "id"\n[[steps]]\nid = "a"\nmanual = "x"\n')
    with pytest.raises(PlanProblems, match="move the plan"):
        load(plan)


@pytest.mark.parametrize("name", ["a\nb", 'a"\\b', "a\x1bb\x9b", "caf\xe9 \U0001f600"])
def test_any_other_folder_is_said_and_read_again(tmp_path: Path, name: str) -> None:
    plan = tmp_path / name / "night.toml"
    plan.parent.mkdir()
    plan.write_text(HEAD + '[servers.a]\nkey = "id"\n[[steps]]\nid = "a"\nmanual = "x"\n')
    assert adopted(load(plan).text, "/").servers["a"].key == str(plan.parent / "id")


def test_a_relative_path_on_a_server_has_nothing_to_be_relative_to(tmp_path: Path) -> None:
    file = tmp_path / "night.toml"
    file.write_text(HEAD + '[servers.fs01]\n[[steps]]\nid = "a"\non = "fs01"\ncopy = { from = "files/", to = "local:/x" }\n')
    with pytest.raises(PlanProblems, match="'files/' is not an absolute path"):
        load(file)
