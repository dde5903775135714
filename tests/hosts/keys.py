"""The key with which tests log in: one for the whole run, made at first use."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import asyncssh


@functools.cache
def client_key() -> Path:
    """Path of an ed25519 private key without passphrase; its public half is beside it in `.pub`."""
    place = Path(tempfile.mkdtemp(prefix="test-key-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    key = asyncssh.generate_private_key("ssh-ed25519", comment="tests")
    path = place / "id_ed25519"
    path.touch(mode=0o600)
    path.write_bytes(key.export_private_key("openssh"))
    path.with_suffix(".pub").write_bytes(key.export_public_key("openssh"))
    return path
