"""The least that could do it: a script that opens its connections, then runs every command with `conn.run`.

    python -m tests.bench.bare HOSTS.json STEPS

HOSTS.json: [[address, port, user], …] with "key" and "known_hosts" beside it. Prints seconds: connecting, running.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import asyncssh


async def run(spec: dict[str, Any], steps: int) -> tuple[float, float]:
    how = {"client_keys": [spec["key"]], "known_hosts": spec["known_hosts"], "config": None}
    began = time.perf_counter()
    dial = [asyncssh.connect(address, port, username=user, **how) for address, port, user in spec["hosts"]]
    connections = await asyncio.gather(*dial)
    connected = time.perf_counter()
    await asyncio.gather(*(walk(connection, steps) for connection in connections))
    done = time.perf_counter()
    for connection in connections:
        connection.abort()
    return connected - began, done - connected


async def walk(connection: asyncssh.SSHClientConnection, steps: int) -> None:
    for number in range(steps):
        result = await connection.run(f"echo step {number}", encoding=None)
        assert result.exit_status == 0


if __name__ == "__main__":
    print(*asyncio.run(run(json.loads(Path(sys.argv[1]).read_text()), int(sys.argv[2]))))
