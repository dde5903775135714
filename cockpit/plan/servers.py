"""Reads `[defaults]`, `[servers.…]` and `[inputs.…]`. Knows no steps."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cockpit.plan.fields import IDENTIFIER, Table
from cockpit.plan.model import LOCAL, Input, Server
from cockpit.plan.problems import nearest
from cockpit.units import parse_duration

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
RESERVED = ("all", LOCAL)
NAME_FORM = "write small letters, digits, - and _ (at most 64), a letter or digit first"
OWN_NAMES = ("name", "host", "user", "tags")  # what templates see of every server: vars must not hide it

_ADDRESS = re.compile(r"[^\s/@{}'\"\\$`;|&<>-][^\s/@{}'\"\\$`;|&<>]*")


def is_address(text: str) -> bool:
    """Whether this could be a host's name or address (or a user's name): nothing that ssh or a shell would take apart."""
    return _ADDRESS.fullmatch(text) is not None


def name_problem(name: str) -> tuple[str, str] | None:
    """Why this can't be the id of a step or the name of a server, and what to write instead."""
    if name in RESERVED:
        return f"{name!r} is reserved", "write another name"
    if NAME.fullmatch(name):
        return None
    shown = name if len(name) <= 70 else name[:67] + "…"
    made = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")[:64]
    return f"{shown!r} is no name", NAME_FORM + (f": {made}" if made and made not in RESERVED else "")


def read_inputs(root: Table) -> dict[str, Input]:
    """The inputs by name; a malformed one is still known, so that its users are no problems too."""
    table = root.table("inputs", "[inputs]")
    found = {}
    for name in table.data if table else ():
        assert table is not None
        if not IDENTIFIER.fullmatch(name):
            table.problem(name, f"{name!r} can't be used in a template", "write letters, digits and _, no digit first")
        inner = table.table(name, f"input {name}")
        prompt = (inner.text("prompt") if inner else None) or name
        found[name] = Input(name, prompt, inner.flag("secret") if inner else False)
        if inner:
            inner.done()
    return found


def read_servers(root: Table, inputs: Mapping[str, Input]) -> dict[str, Server]:
    """The servers by name, in the order written."""
    defaults = root.table("defaults", "[defaults]")
    base = Server("", "")
    if defaults:
        base = _shared(defaults, base, inputs)
        defaults.done()
    table = root.table("servers", "[servers]")
    servers = {name: _server(table, name, base, inputs) for name in table.data} if table else {}
    if table:
        _check_vias(table, servers)
    return servers


def _server(servers: Table, name: str, base: Server, inputs: Mapping[str, Input]) -> Server:
    wrong = name_problem(name)
    if wrong:
        servers.problem(name, *wrong)
    table = servers.table(name, f"server {name}")
    if table is None:
        return replace(base, name=name, host=name)
    sftp_only = table.flag("sftp_only")
    if sftp_only and table.data.get("become"):
        table.problem("become", "an sftp_only server has no sudo", "take become away")
    own = _shared(table, replace(base, become=False) if sftp_only else base, inputs)
    server = replace(
        own, name=name, host=_address(table, "host") or name, data_host=_address(table, "data_host"),
        tags=_tags(table), via=table.text("via"), host_key=_host_key(table), vars=_vars(table), sftp_only=sftp_only,
    )
    table.done()
    return server


def _shared(table: Table, base: Server, inputs: Mapping[str, Input]) -> Server:
    """What [defaults] and every server may say."""
    user = table.text("user")
    if user and not is_address(user):
        table.problem("user", f"{user!r} is no user's name", 'write a login name like "ops"')
    timeout = table.parsed("connect_timeout", parse_duration, "15s")
    return replace(
        base,
        user=user or base.user,
        port=table.whole("port", base.port, 1, 65535),
        key=table.text("key") or base.key,
        become=read_become(table, base.become),
        become_password=_password(table, base.become_password, inputs),
        max_jobs=table.whole("max_jobs", base.max_jobs, 1, 1000),
        connect_timeout=timeout or base.connect_timeout,
    )


def read_become(table: Table, default: Any) -> Any:
    """True for "sudo", False for false, `default` where it is missing or wrong."""
    value = table.get("become")
    if value is None:
        return default
    if value is False or value == "sudo":
        return value == "sudo"
    table.problem("become", "become is neither", 'write become = "sudo" or become = false')
    return default


def _password(table: Table, default: str | None, inputs: Mapping[str, Input]) -> str | None:
    if table.data.get("become_password") is False:  # this server's sudo asks nothing, whatever the defaults say
        table.get("become_password")
        return None
    name = table.text("become_password")
    if name is None:
        return default
    secret_problem(table, "become_password", name, inputs)
    return name


def secret_problem(table: Table, key: str, name: str, inputs: Mapping[str, Input]) -> None:
    """A name that is used as a secret must be a secret input."""
    if name not in inputs:
        secrets = [known.name for known in inputs.values() if known.secret]
        table.problem(key, f"no input is called {name!r}", nearest(name, secrets) or f"add [inputs.{name[:60]}]")
    elif not inputs[name].secret:
        table.problem(key, f"the input {name} is no secret", f"write secret = true in [inputs.{name}]")


def _address(table: Table, key: str) -> str | None:
    value = table.text(key)
    if value is not None and not is_address(value):
        shown = value if len(value) <= 60 else value[:57] + "…"
        table.problem(key, f"{shown!r} is no address", 'write a name or an IP address like "10.0.4.11"')
        return None
    return value


def _tags(table: Table) -> tuple[str, ...]:
    tags = table.texts("tags") or ()
    for tag in tags:
        if not NAME.fullmatch(tag):
            table.problem("tags", f"{tag[:70]!r} is no tag", NAME_FORM)
    return tags


def _vars(table: Table) -> dict[str, str]:
    values = table.strings("vars")
    for name, value in values.items():
        inner = Table(table.sink, (*table.path, "vars"), {}, f"{table.label}: vars")
        if name in OWN_NAMES:
            inner.problem(name, f"{name} would hide server.{name}", "write another name")
        if "{{" in value:
            inner.problem(name, f"{name} holds a template", "write its value: vars are what templates put in")
    return values


def _host_key(table: Table) -> str | None:
    value = table.text("host_key")
    if value is None:
        return None
    parts = value.split()
    try:
        blob = base64.b64decode(parts[1], validate=True) if len(parts) >= 2 else b""
    except (binascii.Error, ValueError):
        blob = b""
    size = int.from_bytes(blob[:4], "big")
    if len(blob) < 8 or blob[4:4 + size] != parts[0].encode():
        table.problem("host_key", "host_key is no public key", 'write the line of its .pub file: "ssh-ed25519 AAAA…"')
        return None
    return f"{parts[0]} {parts[1]}"


def _check_vias(table: Table, servers: Mapping[str, Server]) -> None:
    """Every jump host exists, and no chain of them bites its tail (each such ring is said once)."""
    told: set[str] = set()
    for name, server in servers.items():
        inner = Table(table.sink, (*table.path, name), {}, f"server {name}")
        if server.via is not None and server.via not in servers:
            inner.problem("via", f"no server is called {server.via!r}", nearest(server.via, set(servers) - {name}))
        chain = [name]
        while (hop := servers[chain[-1]].via) in servers and hop not in chain:
            chain.append(str(hop))
        if hop == name and name not in told:
            told.update(chain)
            inner.problem("via", "jump hosts in a ring: " + " via ".join([*chain, name]), "let one be reached directly")
