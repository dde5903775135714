"""Starting plans: whatever was found in ssh_config or in an inventory, the plan made of it is sound."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.plan.inventory import InventoryProblem, from_inventory, from_ssh_config
from cockpit.plan.model import Plan, Server
from cockpit.plan.new import new_plan
from cockpit.plan.reader import loads

SSH_CONFIG = """
Include extra.conf
Host *
    User ops
Host fs01 fs02.example.com *.lab !bad
    HostName 10.0.4.11
    ProxyJump bastion
Match host x
host=web01
HOST "quoted one"
"""

INI = """
; a comment
localhost ansible_connection=local
bare.example.com ansible_port=2222 note="two words"   # trailing
[web]
web[01:03].example.com ansible_user=ops
[db]
db-[a:b] ansible_host=10.0.0.5 ansible_become=yes
10.0.0.9
[prod:children]
web
db
[prod:vars]
ansible_ssh_private_key_file=~/.ssh/prod
ansible_user=root
"""

YAML = """
all:
  vars: { ansible_user: root }
  hosts:
    mail.example.com:
  children:
    web:
      hosts:
        web[01:02]: { ansible_host: 10.0.1.1, ansible_port: 2200 }
      vars: { ansible_user: ops }
    prod:
      children: { web: }
"""


def plan_of(servers: list[Server]) -> Plan:
    return loads(new_plan(servers), "new.toml")


def test_an_empty_start_is_a_sound_plan_with_comments() -> None:
    text = new_plan([])
    assert loads(text, "new.toml").steps[1].servers == ("local",)
    assert text.count("#") > 20


def test_ssh_config(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(SSH_CONFIG)
    (tmp_path / "extra.conf").write_text("Host nas01\n  Port 2022\n")
    plan = plan_of(from_ssh_config(tmp_path / "config"))
    assert {name: server.host for name, server in plan.servers.items()} == {
        "nas01": "nas01", "fs01": "fs01", "fs02": "fs02.example.com", "web01": "web01",
    }
    assert plan.steps[1].servers == ("nas01", "fs01", "fs02", "web01")


def test_an_inventory_in_ini(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text(INI)
    servers = plan_of(from_inventory(path)).servers
    assert list(servers) == ["bare", "web01", "web02", "web03", "db-a", "db-b", "10-0-0-9"]
    assert servers["bare"].port == 2222
    assert (servers["web02"].host, servers["web02"].user) == ("web02.example.com", "ops")
    assert (servers["web02"].tags, servers["web02"].key) == (("web", "prod"), "~/.ssh/prod")
    assert (servers["db-a"].host, servers["db-a"].user, servers["db-a"].become) == ("10.0.0.5", "root", True)


def test_an_inventory_in_yaml(tmp_path: Path) -> None:
    path = tmp_path / "hosts.yml"
    path.write_text(YAML)
    servers = plan_of(from_inventory(path)).servers
    assert list(servers) == ["mail", "web01", "web02"]
    assert (servers["web01"].user, servers["web01"].port, servers["web01"].host) == ("ops", 2200, "10.0.1.1")
    assert servers["web01"].tags == ("web", "prod")
    assert servers["mail"].user == "root"


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", "\t", "x"])
def test_yaml_that_is_no_inventory_is_said_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "hosts.yaml"
    path.write_text(text)
    with pytest.raises(InventoryProblem, match="hosts"):
        from_inventory(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InventoryProblem, match="No such file"):
        from_ssh_config(tmp_path / "config")


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_inventory_makes_a_sound_plan(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    words = st.sampled_from([*INI.split(), " ", "[x]", "a.b.c", "ALL", "local", "Ä", "ansible_port=0", "{{ x }}", "'", "[1:"])
    text = "".join(data.draw(st.lists(st.one_of(words, st.just("\n"), st.text(max_size=3)), max_size=30)))
    path = tmp_path_factory.getbasetemp() / data.draw(st.sampled_from(["hosts", "hosts.yml"]))
    path.write_text(text, encoding="utf-8", errors="replace")
    try:
        plan_of(from_inventory(path))
    except InventoryProblem:
        pass
    plan_of(from_ssh_config(path))
