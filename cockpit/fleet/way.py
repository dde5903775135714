"""The bytes under an SSH connection: by TCP, or through a jump host's connection. Sees when the server was last heard.

Handed to asyncssh as its `tunnel`, so that both ways are one. Knows nothing of what the bytes mean.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import asyncssh

_TCP_QUICKACK = getattr(socket, "TCP_QUICKACK", None)  # Linux
_TCP_INFO = getattr(socket, "TCP_INFO", None)
_RTT_AT = 68  # offset of tcpi_rtt, microseconds, u32, in struct tcp_info (linux/tcp.h)


class Tap:
    """Stands between a transport and asyncssh's connection and stamps `heard` (UTC epoch seconds) at every byte.

    Acknowledges at once: the kernel's delayed ACK (40 ms) holds back the answer to the first command of a
    connection, and the option lasts only until the next packets, so it is set again at each."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.heard = time.time()
        self._socket: socket.socket | None = None

    def connection_made(self, transport: Any) -> None:
        self._socket = transport.get_extra_info("socket") if isinstance(transport, asyncio.BaseTransport) else None
        self.inner.connection_made(transport)
        self._quick()

    def data_received(self, data: bytes, datatype: int | None = None) -> None:
        self.heard = time.time()
        self._quick()
        self.inner.data_received(data, datatype)

    def _quick(self) -> None:
        if self._socket is not None and _TCP_QUICKACK is not None:
            with suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, _TCP_QUICKACK, 1)

    def latency(self) -> float | None:
        """Seconds, the kernel's smoothed round trip time of this connection; None through a jump host."""
        if self._socket is None or _TCP_INFO is None:
            return None
        with suppress(OSError, struct.error):
            info = self._socket.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _RTT_AT + 4)
            return float(struct.unpack_from("=I", info, _RTT_AT)[0]) / 1e6
        return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)  # eof_received, pause_writing, session_started, connection_lost, …


class _TappedProtocol(Tap, asyncio.Protocol):
    """asyncio looks its callbacks up on the class: those that `asyncio.Protocol` defines are passed on by name."""

    def eof_received(self) -> bool | None:
        self.inner.eof_received()
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self.inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self.inner.resume_writing()


class Way:
    """How one connection is reached. `jump` None: by TCP. After `create_connection`, `tap` is what was put in between."""

    def __init__(
        self, jump: asyncssh.SSHClientConnection | None, *, family: int = 0, local: tuple[str, int] | None = None
    ) -> None:
        self._jump, self._family, self._local = jump, family, local
        self.tap: Tap | None = None

    async def create_connection(self, factory: Callable[[], Any], host: str, port: int) -> tuple[Any, Any]:
        """As asyncssh asks of a tunnel: (transport, the connection that `factory` made)."""
        if self._jump is not None:
            transport: Any
            far = self._remember(Tap, factory)
            transport, _ = await self._jump.create_connection(far, host, port)
        else:
            near = self._remember(_TappedProtocol, factory)
            transport, _ = await asyncio.get_running_loop().create_connection(
                near, host, port, family=self._family, local_addr=self._local
            )
        assert self.tap is not None
        return transport, self.tap.inner

    def _remember(self, kind: type[Any], factory: Callable[[], Any]) -> Callable[[], Any]:
        def make() -> Any:
            self.tap = kind(factory())
            return self.tap

        return make

    def close(self) -> None:
        """Nothing: the jump host's connection carries others too, and belongs to its own link."""

    async def wait_closed(self) -> None:
        """Nothing to wait for."""
