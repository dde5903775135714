"""What a server has for a direct copy is asked once a minute where it has all, and each time where something is missing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cockpit.fleet import sides
from cockpit.fleet.remote import ServerRemote
from cockpit.fleet.sides import look
from tests.fleet.ssh_link import link_to
from tests.hosts import Host, Hosts


@asynccontextmanager
async def reached(host: Host) -> AsyncIterator[ServerRemote]:
    link = link_to(host)
    remote = ServerRemote(link)
    try:
        yield remote
    finally:
        await remote.close()
        await link.close()


@pytest.fixture
def host(hosts: Hosts) -> Host:
    host = hosts("one", user="root")
    host.path("/root/.bashrc").write_text("PATH=/root/bin:$PATH\n")
    host.path("/root/bin").mkdir()
    return host


def broken(host: Host) -> Path:
    """An rsync that says nothing, before the server's own."""
    rsync = host.path("/root/bin/rsync")
    rsync.write_text("#!/bin/sh\n")
    rsync.chmod(0o755)
    return rsync


async def test_what_has_all_is_asked_once_while_that_holds(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    async with reached(host) as remote:
        first = await look(remote, False)
        broken(host)
        again = await look(remote, False)
        assert again == first and not again.problem and again.rsync is not None
        assert first.now is not None and again.clock is not None and again.clock > first.now, "its clock goes on"
        monkeypatch.setattr(sides, "HOLDS", 0.0)
        assert "no rsync" in (await look(remote, False)).problem


async def test_what_a_person_mends_is_seen_at_the_next_try(host: Host) -> None:
    rsync = broken(host)
    async with reached(host) as remote:
        assert "no rsync" in (await look(remote, False)).problem
        rsync.unlink()
        assert not (await look(remote, False)).problem


LAME = """#!/bin/sh
[ "$1" = --version ] || exec /usr/bin/rsync "$@"
/usr/bin/rsync --version | sed 's/ACLs/no ACLs/; s/xattrs/no xattrs/'
"""


@pytest.mark.parametrize("words", ["#!/bin/sh\n", LAME], ids=["none", "one that lacks something"])
async def test_what_was_mended_is_seen_though_a_pipe_needed_no_rsync(host: Host, words: str) -> None:
    rsync = broken(host)
    rsync.write_text(words)
    async with reached(host) as remote:
        assert not (await look(remote, False, rsync=False)).problem
        before = await look(remote, False)
        assert before.rsync is None or not before.rsync.acls
        rsync.unlink()
        after = await look(remote, False)
        assert after.rsync is not None and after.rsync.acls and after.rsync.xattrs
