"""What a line of authorized_keys allows on a lab server: as sshd reads it, at every login anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncssh
import pytest

from tests.lab.conftest import Seven


@pytest.fixture
def guest(seven_lab: Seven, tmp_path: Path) -> Iterator[Guest]:
    yield (made := Guest(seven_lab, tmp_path))
    made.file.write_text(made.before)


class Guest:
    """A second key, let into bkp01 by one line with options."""

    def __init__(self, seven: Seven, folder: Path) -> None:
        key = asyncssh.generate_private_key("ssh-ed25519")
        self.seven, self.path = seven, folder / "guest"
        key.write_private_key(self.path)
        self.public = key.export_public_key("openssh").decode().strip()
        self.file = seven.machine("bkp01").authorized_keys
        self.before = self.file.read_text()

    def let_in(self, options: str) -> None:
        self.file.write_text(f"{self.before}# a comment, then a line that is none\nnonsense\n{options} {self.public} tag\n")

    async def says(self, command: str | None = "echo mine") -> str:
        async with self.seven.connect("bkp01", self.path) as conn:
            return str((await conn.run(command)).stdout)


async def test_no_line_no_login(guest: Guest) -> None:
    with pytest.raises(asyncssh.PermissionDenied):
        await guest.says()


async def test_a_forced_command_is_all_there_is(guest: Guest) -> None:
    guest.let_in('restrict,command="echo forced; echo $SSH_ORIGINAL_COMMAND; echo $SSH_CONNECTION | cut -d \' \' -f 1"')
    assert await guest.says("echo mine") == "forced\necho mine\n127.0.0.1\n"
    async with guest.seven.connect("bkp01", guest.path) as conn:
        with pytest.raises(asyncssh.ChannelOpenError):
            await conn.start_sftp_client()


@pytest.mark.parametrize(("options", "opens"), [("restrict", False), ("no-port-forwarding", False), ("", True)])
async def test_restrict_forbids_tunnels(guest: Guest, options: str, opens: bool) -> None:
    guest.let_in(options)
    async with guest.seven.connect("bkp01", guest.path) as conn:
        try:
            _, writer = await conn.open_connection("127.0.0.1", guest.seven.port("web01"))
            writer.close()
        except asyncssh.ChannelOpenError:
            assert not opens
        else:
            assert opens


@pytest.mark.parametrize(("address", "enters"), [("127.0.0.1", True), ("10.9.8.7", False), ("127.0.0.0/8", True)])
async def test_from_is_where_the_client_is(guest: Guest, address: str, enters: bool) -> None:
    guest.let_in(f'from="{address}"')
    if enters:
        assert await guest.says() == "mine\n"
    else:
        with pytest.raises(asyncssh.PermissionDenied):
            await guest.says()


@pytest.mark.parametrize(
    ("shift", "form", "enters"),
    [
        (timedelta(days=2), "%Y%m%d%H%M", True),
        (timedelta(days=-2), "%Y%m%d%H%M", False),
        (timedelta(minutes=2), "%Y%m%d%H%M%SZ", True),
        (timedelta(minutes=-2), "%Y%m%d%H%M%SZ", False),
        (timedelta(days=2), "%Y%m%d", True),
        (timedelta(days=2), "soon", False),
    ],
)
async def test_a_key_expires(guest: Guest, shift: timedelta, form: str, enters: bool) -> None:
    guest.let_in(f'restrict,expiry-time="{datetime.now(UTC) + shift:{form}}"')
    if enters:
        assert await guest.says() == "mine\n"
    else:
        with pytest.raises(asyncssh.PermissionDenied):
            await guest.says()
