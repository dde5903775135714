"""What asyncssh asks during one handshake, answered from what is known beforehand. Asks nobody and opens nothing itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncssh
from asyncssh.agent import SSHAgentKeyPair

from cockpit.fleet.hostkeys import Known

PASSWORD = "password"


@dataclass(slots=True)
class Login(asyncssh.SSHClient):
    """`keys` are tried in order, the password once, a reply to any other challenge once. Notes what could not be answered."""

    known: Known
    keys: list[asyncssh.SSHKeyPair]
    password: str | None
    replies: dict[str, str]
    shown: asyncssh.SSHKey | None = None
    wanted: str | None = None  # PASSWORD, or the words of another challenge
    sent: bool = False
    tried: asyncssh.SSHKeyPair | None = None

    @property
    def used(self) -> str:
        """What it was that let us in, after a success."""
        if self.sent or self.tried is None:
            return PASSWORD
        return "agent" if isinstance(self.tried, SSHAgentKeyPair) else "key"

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Called for a key that is not among the trusted ones: never good, but remembered."""
        self.shown = key
        return False

    def public_key_auth_requested(self) -> Any:
        self.tried = self.keys.pop(0) if self.keys else None
        return [self.tried] if self.tried else None

    def password_auth_requested(self) -> str | None:
        return self._password()

    def kbdint_auth_requested(self) -> str | None:
        return None if self.sent else ""

    def kbdint_challenge_received(self, name: str, instructions: str, lang: str, prompts: Any) -> list[str] | None:
        answers: list[str] = []
        for words, echo in prompts:
            answer = self._password() if not echo and "assword" in words else self._reply(words)
            if answer is None:
                return None
            answers.append(answer)
        return answers

    def _password(self) -> str | None:
        if self.password is None:
            self.wanted = self.wanted or PASSWORD
        elif not self.sent:  # once a connection: the server counts every wrong one
            self.sent = True
            return self.password
        return None

    def _reply(self, words: str) -> str | None:
        if words not in self.replies:
            self.wanted = words
        return self.replies.pop(words, None)  # a one-time code is good once
