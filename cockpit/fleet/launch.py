"""How a command is put before /bin/sh on a server, whatever its login shell is and prints, as this user or through sudo.

Knows no SSH. The line that the login shell sees is short, fixed in its alphabet and the same for sh, csh, fish and busybox;
the command itself travels on stdin, so that no shell's quoting, length limit or history touches it and `ps` doesn't show it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from cockpit.fleet.api import FleetError
from cockpit.fleet.process import Process

NOISE_LIMIT = 1 << 20  # bytes of rc and MOTD output that are dropped before a server is given up
PATIENCE = 30.0  # seconds until sudo must have asked or the command begun; PAM's own delay after a wrong password is about 2

# Marker and sudo prompt are given in two halves: an rc file with `set -x` or `set echo` makes the shell print this very text.
_BOOT = 'printf %s%s {a} {b} >&2; printf %s%s {a} {b}; IFS= read -r c && eval "$c"'
_SUDO = 'if [ "$(id -u)" = 0 ]; then exec /bin/sh -c "$0"; fi; exec sudo {how} -H -- /bin/sh -c "$0"'


class PasswordWanted(Exception):
    """sudo asked, and no password is known, or the one it got was wrong (`refused`)."""

    def __init__(self, refused: bool) -> None:
        super().__init__()
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Launch:
    """One command line for a login shell (`line`) and the tokens by which its progress is recognised."""

    server: str
    command: str
    become: bool = False
    asks: bool = False  # sudo may ask for a password; otherwise sudo -n
    a: str = field(default_factory=lambda: secrets.token_hex(8))
    b: str = field(default_factory=lambda: secrets.token_hex(8))
    prompt: str = field(default_factory=lambda: secrets.token_hex(12))

    @property
    def line(self) -> str:
        boot = _BOOT.format(a=self.a, b=self.b)
        if not self.become:
            return f"exec /bin/sh -c '{boot}'"
        how = f'-S -p {self.prompt[:12]}""{self.prompt[12:]}' if self.asks else "-n"
        return f"exec /bin/sh -c '{_SUDO.format(how=how)}' '{boot}'"

    @property
    def marker(self) -> bytes:
        return (self.a + self.b).encode()

    async def begin(self, process: Process, password: str | None) -> None:
        """Returns when the command runs. FleetError when it never will; PasswordWanted when sudo wants one."""
        if not self.asks:
            process.stdin.write(one_line(self.command))  # nothing on the way reads stdin: no need to wait
        try:
            async with asyncio.timeout(PATIENCE):
                await self._handshake(process, password)
        except TimeoutError:
            what = "sudo neither asked nor began" if self.become else "its login shell began nothing"
            raise FleetError(self.server, "become" if self.become else "other", f"{what} in {PATIENCE:.0f} s") from None
        if self.asks:
            process.stdin.write(one_line(self.command))

    async def _handshake(self, process: Process, password: str | None) -> None:
        talk = _Prompts(self.prompt.encode() if self.asks else b"", process, password)
        begun = await process.stderr.skip_to(self.marker, limit=NOISE_LIMIT, seen=talk.on_stderr)
        if talk.wanted:
            raise PasswordWanted(refused=password is not None)
        noise = await process.stdout.skip_to(self.marker, limit=NOISE_LIMIT, seen=lambda _: begun is None)
        if noise is None:
            raise await self._refusal(process, talk.said)
        process.noisy = bool(noise)

    async def _refusal(self, process: Process, said: bytes) -> FleetError:
        code = await process.wait()  # Lost, when it was the connection that ended
        words = [line.strip() for line in said.decode(errors="replace").replace(self.prompt, "").splitlines()]
        if self.become:
            words = [line for line in words if line.startswith("sudo:")] or words
            return FleetError(self.server, "become", f"sudo refused (exit {code}): {'; '.join(words[-2:]) or 'no word'}")
        text = "; ".join(words[-3:]) or "nothing"
        return FleetError(self.server, "other", f"its login shell ran no command (exit {code}) and said: {text}")


class _Prompts:
    """Watches stderr for sudo's own prompt and answers the first one. Nothing else is ever sent a password."""

    def __init__(self, prompt: bytes, process: Process, password: str | None) -> None:
        self._prompt, self._process, self._password = prompt, process, password
        self._sent = False
        self.wanted = False
        self.said = b""

    def on_stderr(self, noise: bytes) -> bool:
        self.said = noise
        asked = noise.count(self._prompt) if self._prompt else 0
        if asked and not self._sent and self._password is not None:
            self._sent = True
            self._process.stdin.write(self._password.encode() + b"\n")
        self.wanted = asked > int(self._sent)
        return self.wanted


def quote(text: str) -> str:
    """For POSIX sh."""
    return "'" + text.replace("'", "'\\''") + "'"


def one_line(command: str) -> bytes:
    """The command as one line that `read -r` takes and `eval` gives back. ValueError for a NUL: no shell can hold one."""
    if "\0" in command:
        raise ValueError("a command cannot hold a NUL byte")
    if "\n" in command:
        escaped = command.replace("\\", "\\\\").replace("\n", "\\n")
        command = f'eval "$(printf %b {quote(escaped)})"'
    return command.encode(errors="surrogateescape") + b"\n"


async def launch(
    server: str, command: str, start: Callable[[str], Awaitable[Process]], *, become: bool = False,
    known: str | None = None, password: Callable[[str | None], Awaitable[str]] | None = None,
) -> Process:
    """Run `command` through `start`, which hands a line to the login shell. `known` is the sudo password as far as it is
    known, `password(refused)` asks for it with no process left waiting meanwhile; without that sudo is run with -n."""
    while True:
        attempt = Launch(server, command, become=become, asks=become and password is not None)
        process = await start(attempt.line)
        try:
            await attempt.begin(process, known)
            return process
        except PasswordWanted as wanted:
            process.close()
            refused = known if wanted.refused else None
        except BaseException:
            process.close()
            raise
        assert password is not None
        known = await password(refused)
