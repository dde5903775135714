"""Short questions of cockpit's own to a server, asked one after another of a shell that is kept for them.

An exec each would cost sshd a fork and a login shell, and us a channel of a dozen packets: a copy asks about a dozen
questions before it starts. Knows how answers are framed; not what is asked. What others wrote (a plan's commands) does not
belong here: it may take long, or leave something behind that writes into the next answer.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from cockpit.fleet.api import Completed, Lost
from cockpit.fleet.launch import one_line, quote
from cockpit.fleet.process import Process, Stream

KEPT = 4  # idle shells of one user; more at once are opened, and let go of
IDLE = 20.0  # seconds; an appliance counts its sessions, and sudo's log its open ones
PATIENCE = 5.0  # seconds for the exit code of a shell that says no more
LIMIT = 1 << 20  # bytes of each stream of an answer that are kept

# Each in a subshell: what it changes for itself (directory, umask) is not the next one's. Both streams end with the mark.
_LOOP = """while IFS= read -r c; do
(eval "$c") </dev/null; x=$?
printf '\\n{token} %s\\n' "$x"; printf '\\n{token} %s\\n' "$x" >&2
done"""

Open = Callable[[str, bool], Awaitable[Process]]
"""(command, become) -> text for /bin/sh that runs."""


class Errands:
    """To one server. Raises FleetError, and Lost when contact breaks before the answer is whole: then it may have been asked."""

    def __init__(self, open_process: Open, scarce: Callable[[], bool] = lambda: False) -> None:
        """scarce: whether each session costs that server a login."""
        self._open, self._scarce = open_process, scarce
        self._idle: dict[bool, list[_Asked]] = {False: [], True: []}

    async def run(self, command: str, *, become: bool, stdin: bytes = b"", timeout: float | None = None) -> Completed:
        text = one_line(f"printf %b {quote(_escaped(stdin))} | {{\n{command}\n}}" if stdin else command)
        while True:
            shell, kept = await self._shell(become)
            try:
                async with asyncio.timeout(timeout):
                    done = await shell.ask(text)
            except BaseException as problem:
                over = isinstance(problem, Lost) and kept and await shell.ended()
                shell.end()  # nobody may read what it still says
                if not over:
                    raise
                continue
            self._keep(shell, become)
            return done

    def close(self) -> None:
        for idle in self._idle.values():
            while idle:
                idle.pop().leave()

    async def _shell(self, become: bool) -> tuple[_Asked, bool]:
        """And whether it was kept: then its login may have been ended meanwhile, and a fresh one is asked instead."""
        idle = self._idle[become]
        while idle:
            shell = idle.pop()
            shell.wanted()
            if not shell.lost():
                return shell, True
        token = secrets.token_hex(16)
        return _Asked(await self._open(_LOOP.format(token=token), become), token), False

    def _keep(self, shell: _Asked, become: bool) -> None:
        idle = self._idle[become]
        if len(idle) >= (1 if self._scarce() else KEPT):
            shell.leave()
            return
        idle.append(shell)
        shell.unwanted(IDLE, lambda: idle.remove(shell))


class _Asked:
    """One such shell."""

    def __init__(self, process: Process, token: str) -> None:
        self._process, self._mark = process, f"\n{token} ".encode()
        self._leaving: asyncio.TimerHandle | None = None

    async def ask(self, text: bytes) -> Completed:
        """Lost when it ends, or never takes the question."""
        try:
            self._process.stdin.write(text)
            await self._process.stdin.drain()
        except BrokenPipeError as problem:
            raise self._process.lost() from problem
        streams = self._process.stdout, self._process.stderr
        told, complaints = await asyncio.gather(*(self._answer(stream) for stream in streams))
        if told is None or complaints is None:
            raise self._process.lost()
        (out, cut_out, code), (err, cut_err, _) = told, complaints
        return Completed(code, out, err, truncated=cut_out or cut_err)

    async def _answer(self, stream: Stream) -> tuple[bytes, bool, int] | None:
        """(what it says, whether that was cut, the exit code), None where that never comes. A longer one is read and dropped."""
        seen, cut = bytearray(), False
        while (at := seen.find(self._mark)) < 0 or (end := seen.find(b"\n", at + 1)) < 0:
            try:
                data = await stream.read()
            except Lost:
                return None
            if not data:
                return None
            seen += data
            if len(seen) > 2 * LIMIT:
                cut = True
                del seen[LIMIT : -len(self._mark) - 8]
        return bytes(seen[:at][:LIMIT]), cut or at > LIMIT, int(seen[at + len(self._mark) : end])

    def lost(self) -> bool:
        """Contact broke while it was idle."""
        return self._process.channel.lost()

    async def ended(self) -> bool:
        """Whether that shell alone is over, and not contact. Asked of one that says no more."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._process.channel.exit() is not None
        except TimeoutError:
            return False

    def wanted(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()

    def unwanted(self, after: float, then: Callable[[], None]) -> None:
        """Leave after so many seconds, unless it is wanted."""

        def over() -> None:
            then()
            self.leave()

        self._leaving = asyncio.get_running_loop().call_later(after, over)

    def leave(self) -> None:
        """It ends by itself, once its stdin does."""
        self.wanted()
        self._process.close()

    def end(self) -> None:
        """With what it is at: nobody waits for that any longer."""
        self._process.terminate()
        self.leave()


def _escaped(data: bytes) -> str:
    """For `printf %b`: every byte comes out as it is, also a NUL, which no shell can hold."""
    return "".join(chr(byte) if 32 <= byte < 127 and byte != 92 else f"\\0{byte:03o}" for byte in data)
