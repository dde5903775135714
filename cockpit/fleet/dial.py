"""One authenticated connection to one server: route, host key, login. Where a person is needed it asks with nothing held
open, and starts again with the answer. Knows no session and no command.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncssh
from asyncssh.public_key import get_default_certificate_algs, get_default_public_key_algs

from cockpit.fleet.answers import Answers
from cockpit.fleet.api import FleetError, Lost, Target
from cockpit.fleet.handshakes import Handshakes
from cockpit.fleet.hostkeys import DEFAULT_PORT, HostKeys, KeyProblem, Known, place, public_line
from cockpit.fleet.keyring import Keyring, Offer
from cockpit.fleet.login import PASSWORD, Login
from cockpit.fleet.sshconfig import Route, readable, resolve
from cockpit.fleet.way import Tap, Way

# Before all others: asyncssh's own first choice, chacha20-poly1305, costs six times as much for each packet.
CIPHERS = "^aes256-gcm@openssh.com,aes128-gcm@openssh.com"
Jump = Callable[[Target, Route], Awaitable[asyncssh.SSHClientConnection | None]]
"""The connection through which a route leads, or None for straight there. FleetError when the jump host can't be had."""

@dataclass(frozen=True, slots=True)
class Services:
    """What all dialling of a fleet shares. keepalive: seconds; loss is noticed after (count + 1) of them."""

    answers: Answers
    keyring: Keyring
    host_keys: HostKeys
    handshakes: Handshakes
    config: Sequence[Path]
    keepalive: float = 10.0
    keepalive_count: int = 3


class Dialer:
    """Makes connections to one server, again and again. `shown_key` is the host key it last proved to have."""

    def __init__(self, target: Target, services: Services, jump: Jump) -> None:
        self.target = target
        self.shown_key: str | None = None
        self.fingerprint: str | None = None
        self.login: str | None = None  # what let us in: agent, key or password
        self._services, self._jump = services, jump
        self._route: Route | None = None
        self._tap: Tap | None = None
        self._heard: float | None = None

    @property
    def route(self) -> Route:
        """As ssh_config was at the newest dial. FleetError when it can't be read."""
        if self._route is None:
            self._route = resolve(self.target, self._services.config)
        return self._route

    @property
    def place(self) -> str:
        """What known_hosts calls this server."""
        return place(*self._named())

    def heard(self) -> float | None:
        """UTC epoch seconds of the last byte on the newest connection, or when one was last made."""
        return self._tap.heard if self._tap is not None else self._heard

    def latency(self) -> float | None:
        return self._tap.latency() if self._tap is not None else None

    def pardon(self) -> None:
        """The next dial doesn't wait for the address's backoff."""
        if self._route is not None:
            self._services.handshakes.pardon(self._route.address)

    async def __call__(self) -> asyncssh.SSHClientConnection:
        """FleetError: key-changed and key-unknown (`KeyProblem`), auth, unreachable, other. Waits out penalties."""
        self._route = resolve(self.target, self._services.config)
        replies: dict[str, str] = {}
        while True:
            password = self._services.answers.known(self._password_name)
            async with self._services.keyring.offer(self.target.name, self.route) as offer:
                login = Login(self._trusted(), list(offer.pairs), password, replies)
                if offer.pairs or not offer.locked:
                    connection = await self._try(login, offer)
                    if connection is not None:
                        return connection
            if offer.locked:
                await self._services.keyring.unlock(self.target.name, offer.locked[0])
            elif login.wanted not in (None, PASSWORD):
                replies[login.wanted] = await self._ask_other(login.wanted)
            else:
                await self._ask_password(password if login.sent else None)

    async def fetch_key(self) -> tuple[str, str]:
        """(public key line, fingerprint) that the server shows and that is vouched for, without logging in there.
        `KeyProblem` for any other; FleetError as for a connection."""
        self._route = route = resolve(self.target, self._services.config)
        known = self._trusted()
        jump = await self._jump(self.target, route)
        try:
            async with self._services.handshakes.turn(route.address), asyncio.timeout(self.target.connect_timeout):
                key = await asyncssh.get_server_host_key(
                    self.target.host, route.port, config=readable(self._services.config), tunnel=self._way(jump),
                    server_host_key_algs=() if route.host_key_algorithms else _algorithms(known),
                )  # fmt: skip
        except (asyncssh.Error, OSError, ValueError) as problem:
            raise self._refused("unreachable", _words(problem)) from problem
        if key is None:
            raise self._refused("other", "it shows no host key")
        if key not in known.keys or key in known.revoked:
            raise self._key_shown(key, known)
        return public_line(key), key.get_fingerprint()

    # --- one try

    async def _try(self, login: Login, offer: Offer) -> asyncssh.SSHClientConnection | None:
        """None: a person can help. The address is told how it went."""
        try:
            jump = await self._jump(self.target, self.route)
            async with self._services.handshakes.turn(self.route.address):
                connection, tap = await self._connect(login, jump)
        except FleetError:
            raise
        except asyncssh.PermissionDenied as problem:
            if offer.locked or login.wanted or login.sent:
                return None
            raise self._refused("auth", f"it lets none of these in: {self._who()}") from problem
        except asyncssh.HostKeyNotVerifiable as problem:
            raise self._key_problem(login, str(problem)) from problem
        except (asyncssh.Error, OSError, TimeoutError, ValueError) as problem:
            sort = "auth" if "authentication failures" in str(problem) else "unreachable"  # sshd's MaxAuthTries
            raise self._refused(sort, _words(problem)) from problem
        self._services.handshakes.welcomed(self.route.address)
        self._remember(connection, tap, login.used)
        return connection

    async def _connect(
        self, login: Login, jump: asyncssh.SSHClientConnection | None
    ) -> tuple[asyncssh.SSHClientConnection, Tap | None]:
        route = self.route
        way = self._way(jump)
        connection = await asyncssh.connect(
            self.target.host, port=route.port, username=route.user, config=readable(self._services.config),
            tunnel=way, client_factory=lambda: login, client_keys=None, agent_path=None, x509_trusted_certs=None,
            known_hosts=(login.known.keys, login.known.authorities, login.known.revoked),
            server_host_key_algs=() if route.host_key_algorithms else _algorithms(login.known),
            encryption_algs=() if route.ciphers else CIPHERS,
            keepalive_interval=self._services.keepalive, keepalive_count_max=self._services.keepalive_count,
            connect_timeout=self.target.connect_timeout, agent_forwarding=False, env=route.env, send_env=None,
        )  # fmt: skip
        return connection, way.tap if way else None

    def _way(self, jump: asyncssh.SSHClientConnection | None) -> Way | None:
        """None: asyncssh runs ssh_config's ProxyCommand."""
        return None if self.route.proxied else Way(jump, family=self.route.family, local=self.route.local)

    def _trusted(self) -> Known:
        keys = self._services.host_keys
        return keys.known(self.target.name, *self._named(), self.target.host_key, self.route.known_hosts)

    def _named(self) -> tuple[str, int]:
        return (self.route.alias, DEFAULT_PORT) if self.route.alias else self.route.address

    def _remember(self, connection: asyncssh.SSHClientConnection, tap: Tap | None, used: str) -> None:
        key = connection.get_server_host_key()
        if key is not None:
            self.shown_key, self.fingerprint = public_line(key), key.get_fingerprint()
        self._tap, self._heard, self.login = tap, time.time(), used

    # --- what went wrong

    def _refused(self, problem: str, why: str) -> FleetError:
        self._services.handshakes.refused(self.route.address, problem)
        text = f"{self.target.name} ({self.route.host} port {self.route.port}): {why}"
        return Lost(self.target.name, text) if problem == "unreachable" else FleetError(self.target.name, problem, text)

    def _key_problem(self, login: Login, why: str) -> FleetError:
        if login.shown is None:
            return self._refused("other", why)
        return self._key_shown(login.shown, login.known)

    def _key_shown(self, shown: asyncssh.SSHKey, known: Known) -> KeyProblem:
        problem = "key-changed" if known.source else "key-unknown"
        self._services.handshakes.refused(self.route.address, problem)
        fingerprint = shown.get_fingerprint()
        vouched = f"instead of {', '.join(key.get_fingerprint() for key in known.keys)} in {known.source}"
        text = f"{self.place} shows the host key {fingerprint} {vouched if known.source else 'for which nothing vouches'}"
        return KeyProblem(self.target.name, problem, text, public_line(shown), fingerprint, self.place)

    def _who(self) -> str:
        return f"{self.route.user} with {', '.join(str(key) for key in self.route.keys)}, agent {self.route.agent or 'none'}"

    # --- people

    @property
    def _password_name(self) -> str:
        return f"password of {self.route.user}@{self.place}"

    async def _ask_password(self, refused: str | None) -> None:
        name = self._password_name
        await self._services.answers.get("password", name, f"P{name[1:]}", self.target.name, refused=refused)

    async def _ask_other(self, words: str) -> str:
        name = f"{self.route.user}@{self.place} asks: {words.strip()}"
        return await self._services.answers.once("password", name, name, self.target.name)


def _algorithms(known: Known) -> list[str]:
    """Those of the keys we know first, as ssh orders them, and then all others: a server rebuilt with another type of key
    must show it to us as a changed key, and not as "no common algorithm". ed25519 leads those, as OpenSSH has it: asked first
    for another type, a dropbear with only an ed25519 key dies."""
    mine = [name for key in known.keys for name in key.sig_algorithms]
    certificates = get_default_certificate_algs() if known.authorities else []
    everything = [*certificates, *mine, b"ssh-ed25519", *get_default_public_key_algs()]
    return [name.decode() for name in dict.fromkeys(everything)]


def _words(problem: BaseException) -> str:
    if isinstance(problem, OSError) and problem.errno and problem.errno > 0:
        return os.strerror(problem.errno)  # asyncio's own words are "Connect call failed"
    return str(problem) or "no answer in time"
