"""A commented starting plan: one that `load` accepts as it stands, and that a technician goes on from.

Knows nothing of where its servers were found (`plan.inventory`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tomli_w

from cockpit.plan.inventory import from_inventory, from_ssh_config
from cockpit.plan.model import Server

__all__ = ["from_inventory", "from_ssh_config", "new_plan"]

_HEAD = """\
# The plan of one night. `cockpit check` reads it whole and shows the schedule; nothing runs from a plan with a problem.

[plan]
version = 1
name    = "The night"                # sessions are found by this name
# lead    = "…"                      # final decision-maker
# contact = "+1 559 555 0100"

[window]
# For the night itself write date-times with their offset from UTC:
#   opens = 2026-11-27T20:00:00-08:00
# Relative ones count from the start of the session, for rehearsals.
opens  = "+0s"                       # work may start
# testing = "+9h"                    # everything in place, testing begins
closes = "+13h"                      # the business opens: the deadline

[defaults]
# What is not written here or on the server comes from ssh_config.
# user   = "ops"
# become = "sudo"                    # run steps as root; left out: as the user who logged in

[limits]
jobs      = 32                       # at a time, over all servers
transfers = 4
# bandwidth = "900Mbit/s"            # shared by all transfers

# [inputs.ticket]                    # asked once at the start; {{ inputs.ticket }} in a step
# prompt = "Change ticket"
"""

_NO_SERVERS = """
# [servers.fs01]
# host = "10.0.4.11"
# tags = ["source"]
# vars = { data = "/srv/share" }     # {{ server.data }} in a step
"""

_STEPS = """
# Steps run in this order. A step without `needs` waits, on each server, for the step before it on that server;
# a step on no server (a gate, a manual one) waits for everything before it, and everything after waits for it.

[[steps]]
id     = "ready"
title  = "Everyone is here"
stage  = "groundwork"                # may start before `opens`
manual = "Backups of last night checked, change approved, everyone on the call."

[[steps]]
id       = "look"
title    = "Look at every server"
on       = "{on}"
run      = "uname -a; uptime; df -P"
estimate = "10s"

# [[steps]]
# id       = "backup"
# on       = "@source"
# copy     = {{ from = "{{{{ server.data }}}}/", to = "nas01:/vault/{{{{ server.name }}}}/" }}
# estimate = {{ bytes = "1.2TB", rate = "100MB/s" }}
# retries  = 2
# beside from and to a copy takes: method = "rsync" | "image" | "sftp" (left out: by what is there), exclude = ["*.tmp"],
# delete = true, streams = 4, limit = "300Mbit/s", pass = "initial" (days ahead, live data) | "final" (after the freeze: done only
# when a last look changes nothing), route = "pull" | "push" | "tunnel" | "sftp", convert = "qcow2" (of one disk image), or
# pipe = ["zfs send …", "zfs receive …"] with servers in from and to

# [[steps]]
# id     = "prove"
# on     = "@source"
# verify = [ {{ compare = ["{{{{ server.data }}}}", "nas01:/vault/{{{{ server.name }}}}"], by = "content" }} ]

[[steps]]
id    = "go"
title = "Go or no-go"
gate  = {{ requires = ["look"], approvers = 1 }}   # no_return = true makes it the point of no return

# [[backout]]                        # run when a gate's answer is "back out"
# id     = "reopen"
# manual = "Tell everyone that the old servers stay."
"""


def new_plan(servers: Sequence[Server]) -> str:
    """The text of a plan with these servers, each with a comment where there is something to say."""
    parts = [_HEAD]
    for server in servers:
        parts.append("\n" + tomli_w.dumps({"servers": {server.name: _values(server)}}))
    if not servers:
        parts.append(_NO_SERVERS)
    parts.append(_STEPS.format(on="all" if any(not s.sftp_only for s in servers) else "local"))
    return "".join(parts)


def _values(server: Server) -> dict[str, Any]:
    """What differs from an empty server, in the order of the plan format."""
    values: dict[str, Any] = {
        "host": server.host, "user": server.user, "port": server.port, "key": server.key, "via": server.via,
        "tags": list(server.tags) or None, "vars": dict(server.vars) or None, "sftp_only": server.sftp_only or None,
        "become": "sudo" if server.become else None,
    }
    return {key: value for key, value in values.items() if value is not None}
