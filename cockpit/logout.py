"""What a logout leaves alive on this machine, by its systemd. Asks it, and changes nothing."""

from __future__ import annotations

import getpass
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

SYSTEMD = Path("/run/systemd/system")  # there where systemd runs the machine (sd_booted(3))
LINGER = Path("/var/lib/systemd/linger")  # a file for each user who lingers
SCOPE = ("systemd-run", "--user", "--scope", "--quiet", "--collect")
PATIENCE = 5.0  # seconds for a bus that may hang


def scope(env: Mapping[str, str]) -> Sequence[str]:
    """The words before a command that is to outlive the last logout; none where it does better without. A scope that lingers
    is beyond KillUserProcesses (logind.conf(5)). Without linger the manager itself ends some 10 s after the last logout, and
    takes its scopes along also where a plain child would have lived; and its bus may not answer (su, a broken session)."""
    manager = Path(env.get("XDG_RUNTIME_DIR") or "/nonexistent", "systemd", "private")
    return SCOPE if manager.exists() and lingers(getpass.getuser()) and _asked([*SCOPE, "true"]) is not None else ()


def lingers(user: str) -> bool:
    """Whether this user's manager stays when they have logged out."""
    return (LINGER / user).exists() or _asked(["loginctl", "show-user", user, "--property=Linger", "--value"]) == "yes"


def _asked(command: Sequence[str]) -> str | None:
    """What it printed; None where it failed, is not there or gave no answer in time."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
