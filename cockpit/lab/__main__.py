"""`python -m cockpit.lab DIRECTORY`: serves the seven servers below it until told to stop.

Writes DIRECTORY/ready.json {name: {port, host_key}} when all of them listen. Ends on SIGTERM; and by itself when the demo that
started it is gone (its standard input has ended) and the night is over (no engine holds the session named in
DIRECTORY/session). At the end everything that ran on the servers is ended, and DIRECTORY/carried.json says what SSH carried.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import asyncssh

from cockpit.journal.lease import SessionDir
from cockpit.lab.door import listen
from cockpit.lab.leftovers import end_everything
from cockpit.lab.machine import Machine
from cockpit.lab.servers import SERVERS
from cockpit.lab.traffic import Traffic

LOOK = 2.0  # seconds between two looks at whether the night goes on without the demo


async def serve(folder: Path) -> None:
    machines = [Machine(folder, server) for server in SERVERS.values()]
    traffic = {machine.server.name: Traffic() for machine in machines}
    acceptors = [await listen(machine, traffic[machine.server.name]) for machine in machines]
    for machine in machines:
        _boot(machine)
    ready = {m.server.name: {"port": a.get_port(), "host_key": _public(m)} for m, a in zip(machines, acceptors, strict=True)}
    _write(folder / "ready.json", ready)
    abandoned = await _until_over(folder)
    for acceptor in acceptors:
        acceptor.close()
    end_everything(folder)
    _write(folder / "carried.json", {name: asdict(seen) for name, seen in traffic.items()})
    if abandoned:
        shutil.rmtree(folder, ignore_errors=True)


def _boot(machine: Machine) -> None:
    if machine.start_script.exists():
        subprocess.run(
            ["/bin/sh", str(machine.start_script)], env=machine.environment({}), cwd=machine.home, check=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip


def _public(machine: Machine) -> str:
    key = asyncssh.read_private_key(machine.host_key)
    return " ".join(key.export_public_key("openssh").decode().split()[:2])


def _write(path: Path, value: object) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps(value))
    new.rename(path)


async def _until_over(folder: Path) -> bool:
    """True when nobody is there any longer who would tidy up."""
    told, alone = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)

    def demo_is_gone() -> None:
        loop.remove_reader(0)
        alone.set()

    loop.add_reader(0, demo_is_gone)
    while not told.is_set() and not (alone.is_set() and not _night_goes_on(folder)):
        with suppress(TimeoutError):
            await asyncio.wait_for(told.wait(), LOOK)
    return not told.is_set()


def _night_goes_on(folder: Path) -> bool:
    try:
        session = (folder / "session").read_text().strip()
    except OSError:
        return False
    return SessionDir(Path(session)).running()


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    asyncio.run(serve(Path(sys.argv[1])))
