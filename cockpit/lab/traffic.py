"""How much a lab server carried over SSH: payload bytes, without SSH's own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Traffic:
    """sent: by the server to its clients; received: by the server from them."""

    sent: int = 0
    received: int = 0
