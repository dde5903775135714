"""The relay against SFTP servers that are awkward: short answers, few extensions, files that do not hold still."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from cockpit.fleet.api import CopyProgress, FleetError, Lost, Target
from cockpit.fleet.beside import part_of
from cockpit.fleet.relay import relay
from cockpit.fleet.stream import BLOCK, WINDOW
from tests.copy import trees
from tests.fleet.ground import ground
from tests.hosts import Hosts


class Short(asyncssh.SFTPServer):
    """Answers a read with less than it was asked for, as servers may (draft-ietf-secsh-filexfer-02, 6.4)."""

    def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        return bytes(super().read(file_obj, offset, min(size, 5000)))  # type: ignore[arg-type]


class Plain(asyncssh.SFTPServer):
    """No extension of OpenSSH's: a rename over what is there is refused, fsync unknown."""

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPOpUnsupported("posix-rename")

    def fsync(self, file_obj: object) -> None:
        raise asyncssh.SFTPOpUnsupported("fsync")


class Remote:
    """What the relay needs of a server: its name, and SFTP on one connection."""

    def __init__(self, name: str, connection: asyncssh.SSHClientConnection) -> None:
        self.target, self._connection = Target(name, "127.0.0.1", sftp_only=True), connection

    def sftp(self) -> Any:
        return self._connection.start_sftp_client(path_errors="surrogateescape")


@asynccontextmanager
async def serving(root: Path, kind: type[asyncssh.SFTPServer] = asyncssh.SFTPServer) -> AsyncIterator[Any]:
    class Anyone(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return False

    root.mkdir(exist_ok=True)
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=Anyone, server_host_keys=[key],
        sftp_factory=lambda chan: kind(chan, chroot=os.fsencode(root)),
    )  # fmt: skip
    known = asyncssh.import_known_hosts(f"* {key.export_public_key().decode()}")
    try:
        async with asyncssh.connect("127.0.0.1", server.get_port(), known_hosts=known, username="x", config=None) as connection:
            yield Remote(root.name, connection)
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(("ours", "theirs"), [(Short, Plain), (asyncssh.SFTPServer, Short), (Plain, Plain)])
async def test_awkward_servers(ours: type, theirs: type, tmp_path: Path) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    async with serving(src, ours) as source, serving(dst, theirs) as target:
        for size in (0, 1, 4999, 5001, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 7):
            (src / f"{size}").write_bytes(os.urandom(size))
        trees.sparse(src / "disk", 8 << 20, data=1 << 20)
        (dst / "1").write_text("older, and longer")
        seen: list[CopyProgress] = []
        done = await relay(source, target, "/", "/", tell=seen.append)
        assert done.missing == () and done.files == 9
        again = await relay(source, target, "/", "/")
        assert again.missing == ()
    assert trees.listing(dst, seconds=True) == trees.listing(src, seconds=True)
    assert trees.allocated(dst / "disk") <= trees.allocated(src / "disk") + 2 * BLOCK
    assert (dst / "disk").stat().st_size == 8 << 20, "a hole at the end is part of the size"
    assert list(dict.fromkeys(each.phase for each in seen)) == ["scan", "copy", "verify"]


class Poor(asyncssh.SFTPServer):
    """A file system that knows no symbolic links and no modes."""

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPFailure("no links here")

    def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        if attrs.permissions is not None:
            raise asyncssh.SFTPPermissionDenied("no modes here")
        super().setstat(path, attrs)


async def test_what_a_person_left_behind_is_not_tried(tmp_path: Path) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    async with serving(src) as source, serving(dst, Poor) as target:
        (src / "sub").mkdir()
        (src / "sub/f").write_text("words")
        (src / "sub/link").symlink_to("f")
        (src / "sub").chmod(0o555)
        with pytest.raises(FleetError):
            await relay(source, target, "/", "/")
        done = await relay(source, target, "/", "/", without={"symlinks", "modes"})
        assert (done.missing, done.files) == ((), 1)
        alone = await relay(source, target, "/sub/link", "/here", without={"symlinks"})
        assert (alone.missing, alone.files) == ((), 0)
    assert (dst / "sub/f").read_text() == "words" and not os.path.lexists(dst / "sub/link")
    assert not os.path.lexists(dst / "here")


def unkept(times: int) -> type[asyncssh.SFTPServer]:
    """A server whose disk did not take what was written; so often it is told."""
    left = [times]

    class Unkept(asyncssh.SFTPServer):
        def fsync(self, file_obj: object) -> None:
            if left[0]:
                left[0] -= 1
                raise asyncssh.SFTPFailure("Failure")

    return Unkept


async def test_a_part_that_the_disk_did_not_take_is_begun_anew(tmp_path: Path) -> None:
    """The next fsync ends well, and what it is hashed from is memory."""
    src, dst = tmp_path / "src", tmp_path / "dst"
    async with serving(src) as source, serving(dst, unkept(1)) as target:
        (src / "f").write_bytes(os.urandom(2 * WINDOW * BLOCK))
        with pytest.raises(OSError, match="/f could not be written to the target's disk: Failure"):
            await relay(source, target, "/", "/")
        assert list(dst.iterdir()) == []
        assert (await relay(source, target, "/", "/")).missing == ()
    assert (dst / "f").read_bytes() == (src / "f").read_bytes()


def meddling(what: Callable[[Path], None], root: Path, times: int) -> type[asyncssh.SFTPServer]:
    left = [times]

    class Meddled(asyncssh.SFTPServer):
        def read(self, file_obj: Any, offset: int, size: int) -> bytes:
            if left[0]:
                left[0] -= 1
                what(root / "f")
            return bytes(super().read(file_obj, offset, size))  # type: ignore[arg-type]

    return Meddled


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def shrink(path: Path) -> None:
    os.truncate(path, 10)


def vanish(path: Path) -> None:
    path.unlink(missing_ok=True)


@pytest.mark.parametrize("what", [grow, shrink, vanish])
async def test_a_file_that_changes_while_it_is_read(what: Callable[[Path], None], tmp_path: Path) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    async with serving(src, meddling(what, src, 1)) as source, serving(dst) as target:
        (src / "f").write_bytes(os.urandom(3 * BLOCK))
        (src / "g").write_text("still")
        done = await relay(source, target, "/", "/")
    if what is vanish:
        assert done.changed == (b"f",) and not (dst / "f").exists(), "what vanished is named"
    else:
        assert done.changed == done.missing == (), "it was read once more"
        assert (dst / "f").read_bytes() == (src / "f").read_bytes()
    assert (dst / "g").read_text() == "still"
    assert not list(dst.glob(".cockpit-*.part"))


async def test_what_came_before_is_said_to_be_read_again(tmp_path: Path) -> None:
    """For minutes nothing moved on the screen, and nothing said why."""
    src, dst, said = tmp_path / "src", tmp_path / "dst", list[str]()
    async with serving(src) as source, serving(dst) as target:
        image = src / "image"
        image.write_bytes(os.urandom(8 << 20))
        seen = image.stat()
        part = dst / os.fsdecode(part_of(b"/image", seen.st_size, int(seen.st_mtime)).lstrip(b"/"))
        part.write_bytes(image.read_bytes()[: 6 << 20])
        assert (await relay(source, target, "/image", "/image", say=said.append)).missing == ()
    assert (dst / "image").read_bytes() == image.read_bytes()
    assert "image: 4.19 MB came before and are read again, to prove the whole" in " ".join(said)


async def test_a_file_that_never_holds_still_is_named(tmp_path: Path) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    async with serving(src, meddling(grow, src, 10_000)) as source, serving(dst) as target:
        (src / "f").write_bytes(b"log")
        (dst / "f").write_bytes(b"older")
        done = await relay(source, target, "/", "/")
    assert done.changed == (b"f",)
    assert (dst / "f").read_bytes() == b"older", "what was there stays until a whole file takes its place"


async def test_a_refusal_has_the_servers_words(tmp_path: Path) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    async with serving(src) as source, serving(dst) as target:
        with pytest.raises(FleetError, match="No such file"):
            await relay(source, target, "/none/", "/x")
        (src / "f").write_text("f")
        (dst / "in").write_text("a file")
        with pytest.raises((FleetError, OSError)):
            await relay(source, target, "/", "/in/")


async def test_a_rate_is_kept_and_may_change(tmp_path: Path) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    rate = [1_000_000.0]
    async with serving(src) as source, serving(dst) as target:
        (src / "f").write_bytes(os.urandom(24 << 20))
        loop = asyncio.get_running_loop()
        began = loop.time()

        def tell(now: CopyProgress) -> None:
            if now.bytes_done > 1_000_000:
                rate[0] = 1e9

        await relay(source, target, "/", "/", rate=lambda: rate[0], tell=tell)
        assert 0.5 < loop.time() - began < 20.0, "slow for its first part only: all of it would take 24 s"


@pytest.mark.parametrize("gone", ["files", "vault"])
async def test_the_side_that_was_lost_is_named(hosts: Hosts, tmp_path: Path, gone: str) -> None:
    made = {name: hosts(name) for name in ("files", "vault")}
    made["files"].path("/srv/data").mkdir()
    made["files"].path("/srv/data/f").write_bytes(os.urandom(16 << 20))
    made["vault"].path("/srv/in").mkdir()
    made["vault"].own("/srv/in")
    async with ground(made.values(), tmp_path) as here:
        for name in made:
            await here.up(name)
        moving = asyncio.Event()

        def tell(now: CopyProgress) -> None:
            if now.bytes_done > 1_000_000:
                moving.set()

        source, target = here.fleet.remote("files"), here.fleet.remote("vault")
        copying = asyncio.create_task(relay(source, target, "/srv/data/", "/srv/in/", rate=lambda: 4e6, tell=tell))
        await asyncio.wait_for(moving.wait(), 20)
        await asyncio.to_thread(made[gone].drop_connections)
        with pytest.raises(Lost, match=gone) as lost:
            await asyncio.wait_for(copying, 20)
        assert lost.value.server == gone


async def test_a_paused_one_stands_still_and_goes_on_at_the_new_rate(tmp_path: Path) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    rate, told, stands = [4_000_000.0], [0], asyncio.Event()

    def tell(now: CopyProgress) -> None:
        told[0] = now.bytes_done
        if now.bytes_done > 1_500_000 and not stands.is_set():
            rate[0] = 0.0
            stands.set()

    async with serving(src) as source, serving(dst) as target:
        (src / "f").write_bytes(os.urandom(16 << 20))
        copying = asyncio.create_task(relay(source, target, "/", "/", rate=lambda: rate[0], tell=tell))
        await asyncio.wait_for(stands.wait(), 20)
        at = told[0]
        done, _ = await asyncio.wait({copying}, timeout=1.5)
        assert not done and told[0] - at <= WINDOW * BLOCK, "what was under way arrives, and no more"
        rate[0] = 1e9
        await asyncio.wait_for(copying, 20)
    assert (dst / "f").read_bytes() == (src / "f").read_bytes()
