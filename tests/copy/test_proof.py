"""The end of a copy over SFTP: what arrived is compared with what was read, over SFTP or by the target itself; a final pass finds
nothing to do."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from cockpit.fleet.api import CopyProgress
from cockpit.fleet.proof import SMALL, SPAN, Digests, Shell
from cockpit.fleet.relay import Relayed, relay
from cockpit.fleet.stream import BLOCK
from cockpit.steps import copy
from tests.copy import trees
from tests.copy.context import Context, copying, fleet_of, plan_of
from tests.copy.test_relay import serving
from tests.hosts.factory import Hosts
from tests.hosts.host import Host


def flipping(times: int) -> type[asyncssh.SFTPServer]:
    """A server that keeps another byte than it was given, so often."""
    left = [times]

    class Flipping(asyncssh.SFTPServer):
        def write(self, file_obj: Any, offset: int, data: bytes) -> int:
            if left[0] and offset == BLOCK:
                left[0] -= 1
                data = bytes([data[0] ^ 1]) + data[1:]
            return int(super().write(file_obj, offset, data))  # type: ignore[arg-type]

    return Flipping


@pytest.mark.parametrize("times", [1, 2])
async def test_a_flipped_byte_is_sent_once_more_and_then_fails(times: int, tmp_path: Path) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    said: list[str] = []
    async with serving(src) as source, serving(dst, flipping(times)) as target:
        (src / "disk").write_bytes(os.urandom(3 * BLOCK))
        if times == 1:
            assert (await relay(source, target, "/", "/", say=said.append)).missing == ()
            assert (dst / "disk").read_bytes() == (src / "disk").read_bytes()
        else:
            with pytest.raises(OSError, match="disk is not at the target what was read, though it was sent twice"):
                await relay(source, target, "/", "/", say=said.append)
            assert not (dst / "disk").exists(), "what is wrong never gets its name"
    assert [words for words in said if "disk" in words] == ["/disk is not at the target what was read: it is sent once more"]
    assert "read back from dst over SFTP and compared by SHA-256: at most 393" in said[0], said
    assert not list(dst.glob(".cockpit-*"))


async def test_verify_has_bytes_of_its_own(tmp_path: Path) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    seen: list[CopyProgress] = []
    async with serving(src) as source, serving(dst) as target:
        (src / "disk").write_bytes(os.urandom(8 << 20))
        await relay(source, target, "/", "/", rate=lambda: 8e6, tell=seen.append)
    proven = [now.proof[0] for now in seen if now.proof]
    assert len(proven) > 2 and proven == sorted(proven) and proven[0] < proven[-1] == 8 << 20


async def moved(hosts: list[Host], place: Path, to: str, **how: Any) -> tuple[Any, Context]:
    async with fleet_of(hosts, place) as fleet:
        step = copying("src:/srv/d/", to, method="sftp", **how)
        ctx = Context(fleet, plan_of(fleet, hosts, step), step, "src")
        return await copy.run(ctx), ctx


@pytest.mark.parametrize(("without", "tool"), [((), "sha256sum"), (("sha256sum",), "python3"), (("sha256sum", "python3"), "")])
async def test_the_target_hashes_for_itself_where_it_can(
    without: tuple[str, ...], tool: str, hosts: Hosts, tmp_path: Path
) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", sudo="nopasswd", without=without)
    source = src.path("/srv/d")
    source.mkdir()
    trees.sparse(source / "a disk\n'of' many spans", SPAN + 3 * BLOCK + 5, data=3 << 20)
    (source / "small").write_bytes(os.urandom(5000))
    outcome, ctx = await moved([src, dst], tmp_path, "dst:/srv/d/")
    assert outcome.result == "done", (outcome, ctx.said)
    assert trees.listing(dst.path("/srv/d"), seconds=True) == trees.listing(source, seconds=True)
    how = f"dst hashes files over 1.00 MB itself ({tool})" if tool else "each file is read back from dst over SFTP"
    assert any(how in words for words in ctx.said), ctx.said
    ctx.check_progress()


async def test_a_span_is_hashed_where_it_lies(hosts: Hosts, tmp_path: Path) -> None:
    dst = hosts("dst", sudo="nopasswd")
    data = os.urandom(5 * BLOCK + 9)
    place = dst.path("/srv/it's a\ndisk")
    place.write_bytes(data)
    place.chmod(0o600)
    async with fleet_of([dst], tmp_path) as fleet:
        shell = await Shell.of(fleet.remote("dst"))
        assert shell is not None
        for tool in ("sha256sum", "python3"):
            shell.tool = tool
            found = await shell.digest(b"/srv/it's a\ndisk", 2 * BLOCK, 2 * BLOCK, BLOCK)
            assert found == sha256(data[2 * BLOCK : 4 * BLOCK]).digest(), tool
            found = await shell.digest(b"/srv/it's a\ndisk", 4 * BLOCK, BLOCK + 9, BLOCK)
            assert found == sha256(data[4 * BLOCK :]).digest(), tool
            assert await shell.digest(b"/srv/none", 0, 9, BLOCK) is None


def test_digests_of_a_file_in_spans() -> None:
    one, other = Digests(1 << 20), Digests(1 << 20)
    for n in range(130):
        one.feed(bytes([n]) * (1 << 20))
        other.feed(bytes([n if n != 70 else 0]) * (1 << 20))
    one.close()
    other.close()
    assert len(one.done) == 3 and [a == b for a, b in zip(one.done, other.done, strict=True)] == [True, False, True]
    empty = Digests(BLOCK)
    empty.close()
    assert empty.done == [] and SMALL < SPAN


def late(what: Callable[[Path], None], root: Path) -> type[asyncssh.SFTPServer]:
    """Somebody writes into the source once the target was looked at for the last time of the first pass."""

    class Late(asyncssh.SFTPServer):
        done = False

        def scandir(self, path: bytes) -> Any:
            if list(root.glob("f")) and (root.parent / "dst" / "f").exists() and not Late.done:
                Late.done = True
                what(root / "f")
            return super().scandir(path)

    return Late


@pytest.mark.parametrize("restless", [False, True])
async def test_a_final_copy_ends_with_a_pass_that_changes_nothing(restless: bool, tmp_path: Path) -> None:
    def write(path: Path) -> None:
        path.write_bytes(b"a later order")

    src, dst = tmp_path / "src", tmp_path / "dst"
    kind = late(write, src) if restless else asyncssh.SFTPServer
    async with serving(src, kind) as source, serving(dst) as target:
        (src / "f").write_bytes(b"orders")
        (src / "sub").mkdir()
        (src / "sub/g").write_text("g")
        done: Relayed = await relay(source, target, "/", "/", final=True)
    assert done.missing == () and done.restless == (1 if restless else 0)
    assert (dst / "f").read_bytes() == (src / "f").read_bytes()


async def test_a_final_copy_between_servers(hosts: Hosts, tmp_path: Path) -> None:
    """Links, directories and times are nothing that a second pass has to do again."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    source = trees.make(src, "/srv/d", files=8, special=False)
    (dst.path("/srv/d")).mkdir()
    (dst.path("/srv/d/extra")).write_text("gone at the end")
    outcome, ctx = await moved([src, dst], tmp_path, "dst:/srv/d/", delete=True, pass_="final")
    assert outcome.result == "done", (outcome, ctx.said)
    assert trees.listing(dst.path("/srv/d"), seconds=True) == trees.listing(source, seconds=True)
    ctx.check_progress()
