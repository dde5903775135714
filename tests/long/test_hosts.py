"""The login shells of test hosts: each is what it is called, quiet or noisy as it was made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hosts import Hosts, test_hosts


@pytest.mark.parametrize("shell", ["bash", "dash", "busybox", "fish"])
def test_login_shells_and_their_noise(hosts: Hosts, tmp_path: Path, shell: str) -> None:
    test_hosts.test_login_shells_and_their_noise(hosts, tmp_path, shell)
