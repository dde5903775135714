"""The same without Python on a side."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.fleet.image.bundle import Role


def half(role: Role, paths: Sequence[str], *, become: bool) -> str:
    raise NotImplementedError


def job(
    way: str, sources: Sequence[str], targets: Sequence[str], sizes: Sequence[int], *, shell: str | None, streams: int,
    live: bool,
) -> str:  # fmt: skip
    raise NotImplementedError
