"""What ssh_config says about reaching a host, together with what the plan says: the plan wins.

Reads ~/.ssh/config and then /etc/ssh/ssh_config, as ssh does (asyncssh alone reads only the first). Opens no connection.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import asyncssh

from cockpit.fleet.api import FleetError, Target

# As ssh tries them when nothing names a key (ssh_config(5), IdentityFile).
_IDENTITIES = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_dsa")


@dataclass(frozen=True, slots=True)
class Route:
    """One hop, resolved. `keys`: private key files to try. `strict_keys`: a missing one is an error (the plan names it)."""

    host: str
    port: int
    user: str
    keys: tuple[Path, ...]
    strict_keys: bool
    only_these_keys: bool
    agent: str | None  # path of its socket
    jumps: tuple[str, ...]  # [user@]host[:port], the nearest first; () when the plan says `via`
    alias: str | None  # HostKeyAlias: the name under which known_hosts has it
    known_hosts: tuple[Path, ...]
    host_key_algorithms: bool  # ssh_config names them: they aren't ours to order
    ciphers: bool  # likewise
    family: int
    local: tuple[str, int] | None
    proxied: bool  # by a ProxyCommand
    env: tuple[bytes | str, ...]  # NAME=VALUE of what commands are given (SendEnv, SetEnv)

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port


def default_config() -> list[Path]:
    return [Path("~/.ssh/config").expanduser(), Path("/etc/ssh/ssh_config")]


def resolve(target: Target, config: Sequence[Path]) -> Route:
    """FleetError (other) when ssh_config can't be read, naming file and line."""
    options = _read(target, readable(config))
    read = options.config
    named = [target.key] if target.key else [str(key) for key in _list(read.get("IdentityFile"))]
    jumps = str(read.get("ProxyJump") or "") if target.via is None else ""
    files = _list(read.get("UserKnownHostsFile")) or ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"]
    files = files + (_list(read.get("GlobalKnownHostsFile")) or ["/etc/ssh/ssh_known_hosts"])
    return Route(
        host=options.host, port=options.port, user=options.username,
        keys=tuple(_path(key) for key in named or [f"~/.ssh/{name}" for name in _IDENTITIES]),
        strict_keys=target.key is not None, only_these_keys=bool(read.get("IdentitiesOnly")),
        agent=_agent(read.get("IdentityAgent")),
        jumps=tuple(part.strip() for part in jumps.split(",") if part.strip()),
        alias=options.host_key_alias, known_hosts=tuple(_path(file) for file in files if file.lower() != "none"),
        host_key_algorithms=bool(read.get("HostKeyAlgorithms")), ciphers=bool(read.get("Ciphers")),
        family=options.family, local=options.local_addr, proxied=target.via is None and not jumps and bool(options.proxy_command),
        env=(*_sent(_list(read.get("SendEnv"))), *_list(read.get("SetEnv"))),
    )  # fmt: skip


def _sent(patterns: Sequence[str]) -> Iterator[bytes]:
    """Looked up once for a connection: asyncssh would do it anew for each command, which costs it a millisecond."""
    names = (name for name in os.environb if any(fnmatchcase(os.fsdecode(name), pattern) for pattern in patterns))
    return (name + b"=" + os.environb[name] for name in names)  # as it is: not everything there is valid text


def _read(target: Target, config: list[str]) -> Any:
    try:
        return asyncssh.SSHClientConnectionOptions(
            config=config, host=target.host, port=target.port or (), username=target.user or (),
            client_keys=None, known_hosts=b"", agent_identities=None,
        )  # fmt: skip
    except (ValueError, OSError) as problem:
        raise FleetError(target.name, "other", f"ssh_config can't be read as it is: {problem}") from problem


def readable(config: Sequence[Path]) -> list[str]:
    return [str(path) for path in config if path.is_file() and os.access(path, os.R_OK)]


def jump_target(spec: str, *, name: str, via: str | None, timeout: float) -> Target:
    """[user@]host[:port], also as an ssh:// URL, of a ProxyJump."""
    spec = spec.removeprefix("ssh://")
    user, _, place = spec.rpartition("@")
    if place.startswith("["):
        host, _, port = place[1:].partition("]")
        port = port.lstrip(":")
    else:
        host, _, port = place.partition(":")
    number = int(port) if port.isdigit() else None
    return Target(name, host, user=user or None, port=number, via=via, connect_timeout=timeout)


def _agent(said: Any) -> str | None:
    """IdentityAgent: a path, `SSH_AUTH_SOCK`, `$NAME`, or `none`; left out, the environment's."""
    if said is None:
        return os.environ.get("SSH_AUTH_SOCK") or None
    name = str(said)
    if name.lower() == "none" or not name:
        return None
    if name == "SSH_AUTH_SOCK":
        return os.environ.get(name) or None
    return os.environ.get(name[1:]) if name.startswith("$") else str(_path(name))


def _list(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else []


def _path(text: str | Path) -> Path:
    return Path(text).expanduser()
