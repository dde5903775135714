"""Servers for a starting plan from what is there already: `~/.ssh/config` (ssh_config(5)) or an Ansible inventory,
INI or YAML. Only reads; what it does not understand it passes over, because a person goes on from the result.
"""

from __future__ import annotations

import glob
import ipaddress
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from cockpit.plan.model import Server
from cockpit.plan.servers import NAME, RESERVED, is_address

MAX_HOSTS = 2000  # of one inventory: `web[1:999999]` is a mistake
_RANGE = re.compile(r"\[([0-9]+|[a-z]|[A-Z]):([0-9]+|[a-z]|[A-Z])(?::([0-9]+))?\]", re.ASCII)


class InventoryProblem(Exception):
    """The operator's: this file can't be read as what it should be."""


def from_ssh_config(path: Path) -> list[Server]:
    """A server for every name of a `Host` line that is no pattern. Its `host` is that name, so that everything else
    (HostName, User, Port, keys, jump hosts) goes on coming from ssh_config. `Include` is followed."""
    names = dict.fromkeys(name for name in _ssh_hosts(path, depth=0) if is_address(name))
    made = _names(names)
    return [Server(made[name], name) for name in names]


def _ssh_hosts(path: Path, depth: int) -> Iterator[str]:
    for line in _read(path).splitlines():
        key, _, rest = line.strip().replace("=", " ", 1).partition(" ")
        try:
            words = shlex.split(rest, comments=True)
        except ValueError:
            continue
        if key.lower() == "host":
            yield from (word for word in words if not set(word) & set("*?!"))
        elif key.lower() == "include" and depth < 16:  # the depth that ssh itself allows
            for word in words:
                pattern = Path(word).expanduser()
                for found in sorted(glob.glob(str(pattern if pattern.is_absolute() else path.parent / pattern))):
                    yield from _ssh_hosts(Path(found), depth + 1)


@dataclass(slots=True)
class _Group:
    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)
    vars: dict[str, Any] = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)


def from_inventory(path: Path) -> list[Server]:
    """The hosts of an Ansible inventory, their groups as tags. Raises InventoryProblem."""
    text = _read(path)
    groups = _from_yaml(text, path) if path.suffix in (".yml", ".yaml") else _from_ini(text)
    return _servers(groups)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").replace("\0", "")  # no command line can carry a NUL
    except (OSError, ValueError) as error:
        raise InventoryProblem(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from None


def _from_ini(text: str) -> dict[str, _Group]:
    groups: dict[str, _Group] = {"ungrouped": _Group()}
    name, kind = "ungrouped", "hosts"
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith(("#", ";")):
            continue
        if line.startswith("[") and "]" in line and not _RANGE.match(line):
            name, _, kind = line[1:line.index("]")].partition(":")
            kind = kind or "hosts"
            groups.setdefault(name, _Group())
        else:
            _ini_line(groups[name], kind, line)
    return groups


def _ini_line(group: _Group, kind: str, line: str) -> None:
    if kind == "children":
        group.children[line.split()[0]] = None
    elif kind == "vars":
        key, _, value = line.partition("=")
        group.vars[key.strip()] = value.strip().strip("'\"")
    else:
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            words = line.split()
        values = dict(word.split("=", 1) for word in words[1:] if "=" in word)
        for host in _expand(words[0]) if words else ():
            group.hosts.setdefault(host, {}).update(values)


def _from_yaml(text: str, path: Path) -> dict[str, _Group]:
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InventoryProblem(f"{path} is not YAML: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(data, dict):
        raise InventoryProblem(f"{path} is no inventory: write groups with hosts: below them")
    groups: dict[str, _Group] = {}
    for name, body in data.items():
        _yaml_group(groups, str(name), body, 0)
    return groups


def _yaml_group(groups: dict[str, _Group], name: str, body: Any, depth: int) -> None:
    group = groups.setdefault(name, _Group())
    if not isinstance(body, dict) or depth > 50:
        return
    hosts, children, values = (body.get(key) or {} for key in ("hosts", "children", "vars"))
    if isinstance(values, dict):
        group.vars.update(values)
    for pattern, own in hosts.items() if isinstance(hosts, dict) else ():
        for host in _expand(str(pattern)):
            group.hosts.setdefault(host, {}).update(own if isinstance(own, dict) else {})
    for child, inner in children.items() if isinstance(children, dict) else ():
        group.children[str(child)] = None
        _yaml_group(groups, str(child), inner, depth + 1)


def _expand(pattern: str) -> list[str]:
    """`web[01:03]` gives web01, web02, web03; `db-[a:c]` gives db-a, db-b, db-c."""
    match = _RANGE.search(pattern)
    if match is None:
        return [pattern]
    first, last, step = match[1], match[2], int(match[3] or 1) or 1
    if first.isdigit() != last.isdigit():
        return [pattern]
    if first.isdigit():
        numbers = range(int(first), min(int(last), int(first) + MAX_HOSTS * step) + 1, step)
        middle = [f"{n:0{len(first)}d}" for n in numbers]
    else:
        middle = [chr(n) for n in range(ord(first), ord(last) + 1, step)]
    made = (pattern[:match.start()] + part + rest for part in middle for rest in _expand(pattern[match.end():]))
    return [host for host, _ in zip(made, range(MAX_HOSTS), strict=False)]


def _servers(groups: Mapping[str, _Group]) -> list[Server]:
    hosts = list(dict.fromkeys(host for group in groups.values() for host in group.hosts))[:MAX_HOSTS]
    names = _names(hosts)
    above: dict[str, set[str]] = {}
    for name, group in groups.items():
        for child in group.children:
            above.setdefault(child, set()).add(name)
    found = []
    for host in hosts:
        member = _ancestors([name for name, group in groups.items() if host in group.hosts], above)
        values = _values(host, member, groups)
        tags = dict.fromkeys(_clean(name) for name in member if name not in ("all", "ungrouped"))
        server = _server(Server(names[host], host, tags=tuple(tag for tag in tags if tag)), values)
        if values.get("ansible_connection") != "local" and is_address(server.host):
            found.append(server)
    return found


def _values(host: str, member: list[str], groups: Mapping[str, _Group]) -> dict[str, Any]:
    """A host's variables: the nearer group wins over the farther one, the host over all."""
    values: dict[str, Any] = {}
    for name in ["all", *reversed(member)]:
        values |= groups[name].vars if name in groups else {}
    for name in member:
        values |= groups[name].hosts.get(host, {}) if name in groups else {}
    return values


def _ancestors(names: list[str], above: Mapping[str, set[str]]) -> list[str]:
    found = dict.fromkeys(names)
    todo = list(names)
    while todo:
        for parent in sorted(above.get(todo.pop(), ())):
            if parent not in found:
                found[parent] = None
                todo.append(parent)
    return list(found)


def _server(server: Server, values: Mapping[str, Any]) -> Server:
    """The connection variables of Ansible (and their older names) as a plan says them; templates are left out."""
    def value(*keys: str) -> str | None:
        texts = [str(values[key]).strip() for key in keys if values.get(key) not in (None, "")]
        return next((text for text in texts if text and "{{" not in text), None)

    port, user = value("ansible_port", "ansible_ssh_port"), value("ansible_user", "ansible_ssh_user")
    return replace(
        server,
        host=value("ansible_host", "ansible_ssh_host") or server.host,
        user=user if user and is_address(user) else None,
        port=int(port) if port and re.fullmatch("[1-9][0-9]{0,4}", port) and int(port) < 65536 else None,
        key=value("ansible_ssh_private_key_file", "ansible_private_key_file"),
        become=(value("ansible_become") or "").lower() in ("true", "yes", "1"),
    )


def _clean(text: str) -> str:
    made = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:64]
    return made if NAME.fullmatch(made) else ""


def _names(hosts: Iterable[str]) -> dict[str, str]:
    """A name of a plan for every host: its first label where that is unique, else all of it, else with a number."""
    taken: set[str] = set(RESERVED)
    names: dict[str, str] = {}
    for host in hosts:
        whole = _clean(host)
        numbered = (f"{whole[:58] or 'server'}-{n}" for n in range(2, MAX_HOSTS + 2))
        names[host] = next(name for name in chain([_clean(_label(host)), whole], numbered) if name and name not in taken)
        taken.add(names[host])
    return names


def _label(host: str) -> str:
    try:
        ipaddress.ip_address(host)
        return host
    except ValueError:
        return host.partition(".")[0]
