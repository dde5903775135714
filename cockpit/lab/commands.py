"""A command of an SSH session as a process: its three streams joined to the channel's, its end told as sshd tells it.

A client that leaves ends nothing: the command's stdin ends, and what it writes meets a broken pipe.
"""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE, Process, SubprocessStreamProtocol
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import asyncssh

from cockpit.lab.traffic import Traffic

PIECE = 1 << 16
GONE = (OSError, asyncssh.Error)


@dataclass(frozen=True, slots=True)
class Streams:
    """The client's side of a session."""

    stdin: asyncssh.SSHReader[bytes]
    stdout: asyncssh.SSHWriter[bytes]
    stderr: asyncssh.SSHWriter[bytes]
    traffic: Traffic


async def run_command(argv: Sequence[str], environment: Mapping[str, str], cwd: str, streams: Streams) -> int:
    """Its exit code, negative for a signal. Returns when it has ended and nobody holds its output open any longer."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.subprocess_exec(
        lambda: SubprocessStreamProtocol(PIECE, loop), *argv, stdin=PIPE, stdout=PIPE, stderr=PIPE,
        env=dict(environment), cwd=cwd, start_new_session=True,
    )  # fmt: skip
    process = Process(transport, protocol, loop)
    feeding = asyncio.create_task(_feed(streams, process))
    try:
        await asyncio.gather(
            _drain(process.stdout, streams.stdout, streams.traffic, transport.get_pipe_transport(1)),
            _drain(process.stderr, streams.stderr, streams.traffic, transport.get_pipe_transport(2)),
        )
        return await process.wait()
    finally:
        feeding.cancel()


async def _feed(streams: Streams, process: Process) -> None:
    assert process.stdin is not None
    with suppress(*GONE):
        while data := await streams.stdin.read(PIECE):
            streams.traffic.received += len(data)
            process.stdin.write(data)
            await process.stdin.drain()
    process.stdin.close()


async def _drain(
    source: asyncio.StreamReader | None, target: asyncssh.SSHWriter[bytes], traffic: Traffic, pipe: asyncio.BaseTransport | None,
) -> None:  # fmt: skip
    assert source is not None and pipe is not None
    try:
        while data := await source.read(PIECE):
            traffic.sent += len(data)
            target.write(data)
            await target.drain()
    except GONE:
        pipe.close()
