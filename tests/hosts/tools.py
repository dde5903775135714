"""What a test needs of this machine. At a desk a missing tool skips the test; where CI is set it fails."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Iterable

import pytest

BASE = ("sshd", "ssh-keygen", "unshare", "nsenter", "mount", "pivot_root", "perl", "bash")
PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"


def find(tool: str) -> str | None:
    """Absolute path of a tool, also where sbin is not on the PATH."""
    return shutil.which(tool, path=PATH)


def require(*tools: str, root: bool = False) -> None:
    """Skip the calling test when a tool (or being root) is missing; fail it when the environment says CI."""
    missing = [tool for tool in tools if find(tool) is None]
    if root and os.geteuid() != 0:
        missing.append("being root")
    elif root and not missing and not _may_unshare():
        missing.append("namespaces (a container without CAP_SYS_ADMIN?)")
    if missing:
        _give_up(missing)


@functools.cache
def _may_unshare() -> bool:
    probe = [str(find("unshare")), "--mount", "--pid", "--fork", "true"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _give_up(missing: Iterable[str]) -> None:
    words = "this test needs what the machine lacks: " + ", ".join(missing)
    if os.environ.get("CI"):
        pytest.fail(words)
    pytest.skip(words)
