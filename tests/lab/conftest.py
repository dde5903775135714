"""One lab for the module's tests: seven servers that listen, with very little data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from cockpit.lab.machine import Machine
from cockpit.lab.process import Lab, laboratory
from cockpit.lab.servers import SERVERS


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        with laboratory(0.02) as made:
            yield made


class Seven:
    """The lab's servers, as a client sees them."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.ready: dict[str, dict[str, Any]] = json.loads((lab.folder / "ready.json").read_text())

    def machine(self, name: str) -> Machine:
        return Machine(self.lab.folder, SERVERS[name])

    def port(self, name: str) -> int:
        return int(self.ready[name]["port"])

    def key_of(self, name: str) -> str:
        return str(self.ready[name]["host_key"])

    def connect(self, name: str, key: Path | None = None) -> Any:
        trusted = ([asyncssh.import_public_key(self.key_of(name))], [], [])
        return asyncssh.connect(
            "127.0.0.1", self.port(name), username="anybody", client_keys=[str(key or self.lab.folder / "key")],
            known_hosts=trusted, agent_path=None, config=[],
        )  # fmt: skip


@pytest.fixture
def seven_lab(lab: Lab) -> Seven:
    return Seven(lab)
