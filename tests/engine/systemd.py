"""A machine whose systemd is two stubs on PATH, which write down how they were called: there is none where the tests run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


class Stubs:
    """`systemd-run` runs what it is given, or fails; `loginctl` says whether the user lingers."""

    def __init__(self, place: Path, patch: pytest.MonkeyPatch, *, linger: str, works: bool = True) -> None:
        self._calls = place / "calls"
        runtime, programs = place / "runtime", place / "stubs"
        for folder in (runtime / "systemd", programs):
            folder.mkdir(parents=True)
        (runtime / "systemd/private").touch()
        run = 'while case $1 in -*) ;; *) false ;; esac; do shift; done; exec "$@"' if works else "echo no bus >&2; exit 1"
        for name, does in (("systemd-run", run), ("loginctl", f"echo {linger}")):
            (programs / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {self._calls}\n{does}\n')
            (programs / name).chmod(0o755)
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        patch.setenv("PATH", f"{programs}:{os.environ['PATH']}")

    def calls(self, name: str) -> list[str]:
        """What this one was given, a line each."""
        lines = self._calls.read_text().splitlines() if self._calls.exists() else []
        return [line.partition(" ")[2] for line in lines if line.startswith(f"{name} ")]
