"""The SSH side of one lab server: who may come in, how many sessions, and what a session is. As sshd would do it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import asyncssh
from asyncssh.stream import SSHServerStreamSession

from cockpit.lab.commands import Streams, run_command
from cockpit.lab.files import Files
from cockpit.lab.keys import Permit, permit
from cockpit.lab.machine import Machine
from cockpit.lab.traffic import Traffic

Channel = asyncssh.SSHServerChannel[bytes]


class Session(SSHServerStreamSession[bytes]):
    """One session channel: a command (or the shell), or sftp. A key with a forced command runs that, and has no sftp."""

    def __init__(
        self, machine: Machine, allowed: Permit, environment: dict[str, str], traffic: Traffic, over: Callable[[], None],
    ) -> None:  # fmt: skip
        self._machine, self._allowed, self._environment = machine, allowed, environment
        self._traffic, self._over, self._ended = traffic, over, False
        super().__init__(self._run, lambda channel: Files(cast(Channel, channel), machine, traffic), 3)

    def pty_requested(self, term_type: str, term_size: Any, term_modes: Any) -> bool:
        return False

    def shell_requested(self) -> bool:
        return not self._machine.server.sftp_only

    def exec_requested(self, command: str) -> bool:
        return not self._machine.server.sftp_only

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == "sftp" and self._allowed.command is None

    def eof_received(self) -> bool:
        """An sftp client says its last word with this, and may open the next session in the same breath."""
        if self._machine.server.sftp_only or cast(Channel, self._chan).get_subsystem():
            self._end()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._end()

    def _end(self) -> None:
        """Counted before the client can know of it, or its next session might be one too many."""
        if not self._ended:
            self._ended = True
            self._over()

    async def _run(
        self, stdin: asyncssh.SSHReader[bytes], stdout: asyncssh.SSHWriter[bytes], stderr: asyncssh.SSHWriter[bytes],
    ) -> None:  # fmt: skip
        channel = cast(Channel, stdout.channel)
        asked = channel.get_command()
        environment = dict(self._environment)
        if self._allowed.command is not None and asked is not None:
            environment["SSH_ORIGINAL_COMMAND"] = asked
        command = self._allowed.command or asked
        argv = [*self._machine.login_shell(), *(["-c", command] if command is not None else [])]
        streams = Streams(stdin, stdout, stderr, self._traffic)
        ended = await run_command(argv, self._machine.environment(environment), str(self._machine.home), streams)
        self._end()
        if ended >= 0:
            channel.exit(ended)
        else:
            channel.exit_with_signal(_signal_name(-ended))


def _signal_name(number: int) -> str:
    return signal.Signals(number).name.removeprefix("SIG")


class Door(asyncssh.SSHServer):
    """One connection."""

    def __init__(self, machine: Machine, traffic: Traffic) -> None:
        self._machine, self._traffic = machine, traffic
        self._allowed = Permit()
        self._sessions = 0

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._peer = conn.get_extra_info("peername")[:2]
        self._here = conn.get_extra_info("sockname")[:2]

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Any user name: they are all the person who runs the demo. The key that is signed with is asked about last."""
        found = permit(self._machine.authorized_keys, key, str(self._peer[0]), datetime.now(UTC))
        self._allowed = found or Permit()
        return found is not None

    def session_requested(self) -> Any:
        if self._sessions >= self._machine.server.max_sessions:
            return False
        self._sessions += 1
        client, port = self._peer
        here, here_port = self._here
        environment = {"SSH_CLIENT": f"{client} {port} {here_port}", "SSH_CONNECTION": f"{client} {port} {here} {here_port}"}
        return Session(self._machine, self._allowed, environment, self._traffic, self._session_over)

    def _session_over(self) -> None:
        self._sessions -= 1

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        """A way through this server to another (ProxyJump)."""
        return not self._allowed.restricted


async def listen(machine: Machine, traffic: Traffic) -> asyncssh.SSHAcceptor:
    """Serve one machine on a free port of this machine alone."""
    return await asyncssh.listen(
        "127.0.0.1", 0, server_factory=lambda: Door(machine, traffic), server_host_keys=[str(machine.host_key)],
        encoding=None, line_editor=False, agent_forwarding=False, x11_forwarding=False, allow_scp=False,
        keepalive_interval=30,
    )  # fmt: skip
