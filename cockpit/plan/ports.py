"""`host:port` as plans write it. Knows no network."""

from __future__ import annotations

import re

_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^\s:/\[\]]+):([0-9]{1,5})")


def host_port(text: str) -> tuple[str, int] | None:
    """(host or address without brackets, port from 1 to 65535); None for anything else."""
    match = _HOST_PORT.fullmatch(text)
    return (match[1].strip("[]"), int(match[2])) if match and 0 < int(match[2]) < 65536 else None
