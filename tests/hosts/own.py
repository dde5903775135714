"""Tools of a host's own, which stand before the machine's."""

from __future__ import annotations

from tests.hosts.host import Host

OWN_TOOLS = "SetEnv PATH=/srv/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""For the host's `sshd_config`."""


def own_tool(host: Host, name: str, script: str) -> None:
    """For /bin/sh."""
    tool = host.path(f"/srv/bin/{name}")
    tool.parent.mkdir(exist_ok=True)
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
