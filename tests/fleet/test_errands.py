"""Short questions to a server over shells that are kept: answers byte for byte, and never another question's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from cockpit.fleet import errands
from cockpit.fleet.api import Completed, Lost
from cockpit.fleet.errands import LIMIT, Errands
from cockpit.fleet.local import LocalChannel
from cockpit.fleet.process import Process
from cockpit.fleet.remote import ServerRemote
from tests.fleet.ssh_link import link_to
from tests.hosts import Host, Hosts, require

PATIENCE = 30.0


class Shells:
    """Opens them on this machine, and keeps what it opened."""

    def __init__(self, shell: str) -> None:
        self.shell = shell.split()
        self.opened: list[asyncio.subprocess.Process] = []

    async def open(self, command: str, become: bool) -> Process:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *self.shell, "-c", command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
        )
        self.opened.append(process)
        return Process("here", LocalChannel(process))


@pytest.fixture(params=["dash", "busybox sh", "bash --posix"])
async def shells(request: pytest.FixtureRequest) -> Shells:
    require(request.param.split()[0])
    return Shells(request.param)


@pytest.fixture
async def asked(shells: Shells) -> AsyncIterator[Errands]:
    made = Errands(shells.open)
    yield made
    made.close()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(process.wait() for process in shells.opened))


@pytest.mark.parametrize(
    ("command", "stdin", "out", "err", "code"),
    [
        ("true", b"", b"", b"", 0),
        ("echo out; echo err >&2; exit 3", b"", b"out\n", b"err\n", 3),
        ("printf 'no newline'", b"", b"no newline", b"", 0),
        (r"printf '\000\001\377a\000\n\n'", b"", b"\0\1\xffa\0\n\n", b"", 0),
        ("cat; echo stdin is empty", b"", b"stdin is empty\n", b"", 0),
        ("cat", bytes(range(256)) + b"it's 100% \\n\n\n", bytes(range(256)) + b"it's 100% \\n\n\n", b"", 0),
        ("head -c 2; exit 5", b"more than is read", b"mo", b"", 5),
        ("echo \"it's\"\n# a comment\necho 'two\nlines'", b"", b"it's\ntwo\nlines\n", b"", 0),
        ("cat <<E\nhere\nE", b"", b"here\n", b"", 0),
        ("set -e; false; echo never", b"", b"", b"", 1),
    ],
    ids=lambda value: repr(value)[:30],
)
async def test_answers_are_exact(asked: Errands, command: str, stdin: bytes, out: bytes, err: bytes, code: int) -> None:
    for _ in range(2):  # of a shell that was kept as of a fresh one
        assert await asked.run(command, become=False, stdin=stdin) == Completed(code, out, err)


async def test_one_shell_answers_all_and_what_one_changes_is_not_the_next_ones(shells: Shells, asked: Errands) -> None:
    before = await asked.run("pwd; umask; echo ${mine-unset}; set -o | grep -c on", become=False)
    await asked.run("cd /usr; umask 000; mine=1; set -f; exec 2>&1; trap '' TERM", become=False)
    assert await asked.run("pwd; umask; echo ${mine-unset}; set -o | grep -c on", become=False) == before
    assert len(shells.opened) == 1


async def test_those_at_once_have_shells_of_their_own_and_only_a_few_are_kept(shells: Shells, asked: Errands) -> None:
    answers = await asyncio.gather(*(asked.run(f"sleep 0.1; echo {n}", become=False) for n in range(errands.KEPT + 2)))
    assert [int(one.stdout) for one in answers] == list(range(errands.KEPT + 2))
    await left(shells, errands.KEPT)
    assert len(shells.opened) == errands.KEPT + 2


async def test_what_is_given_up_says_nothing_into_the_next_answer(shells: Shells, asked: Errands) -> None:
    with pytest.raises(TimeoutError):
        await asked.run("trap 'echo late; exit' TERM; sleep 5 & wait; echo late", become=False, timeout=0.3)
    assert (await asked.run("echo next", become=False)).stdout == b"next\n"
    await left(shells, 1)


async def test_an_answer_that_is_too_long_is_cut_and_the_next_one_is_whole(asked: Errands) -> None:
    long = await asked.run(f"head -c {5 * LIMIT} /dev/zero; echo err >&2; exit 4", become=False)
    assert (long.exit, long.stdout, long.stderr, long.truncated) == (4, bytes(LIMIT), b"err\n", True)
    assert await asked.run("echo next", become=False) == Completed(0, b"next\n", b"")


async def test_one_that_died_while_it_was_idle_is_nobodys_loss(shells: Shells, asked: Errands) -> None:
    await asked.run("true", become=False)
    shells.opened[0].kill()
    await shells.opened[0].wait()
    assert (await asked.run("echo next", become=False)).stdout == b"next\n"
    with pytest.raises(Lost):
        await Errands(shells.open).run("kill -9 $$; sleep 5", become=False)


async def test_where_sessions_are_scarce_one_shell_is_kept(shells: Shells) -> None:
    asked = Errands(shells.open, lambda: True)
    await asyncio.gather(*(asked.run("sleep 0.1", become=False) for _ in range(3)))
    await left(shells, 1)
    asked.close()
    await left(shells, 0)


async def test_nobody_keeps_a_shell_for_long(shells: Shells, asked: Errands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errands, "IDLE", 0.2)
    await asked.run("true", become=False)
    await left(shells, 0)
    assert (await asked.run("echo next", become=False)).stdout == b"next\n"


async def left(shells: Shells, count: int) -> None:
    """Until so many of them are running."""
    async with asyncio.timeout(PATIENCE):
        while len(running := [process for process in shells.opened if process.returncode is None]) > count:
            waits = [asyncio.create_task(process.wait()) for process in running]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
    assert len(running) == count


@pytest.fixture
def host(hosts: Hosts) -> Host:
    return hosts("fs01", shell="csh", noisy_rc=True, sudo="nopasswd")


async def test_over_ssh_as_either_user_with_one_session_each(host: Host) -> None:
    link = link_to(host)
    opened, open_process = list[bool](), link.open_process

    async def counted(command: str, *, become: bool = False) -> Process:
        opened.append(become)
        return await open_process(command, become=become)

    link.open_process = counted  # type: ignore[method-assign]
    remote = ServerRemote(link)
    for _ in range(5):
        assert (await remote.errand("id -u; cat", become=True, stdin=b"a\0b")).stdout == b"0\na\0b"
        assert (await remote.errand("id -un", become=False)).stdout == f"{host.user}\n".encode()
    assert sorted(opened) == [False, True]
    host.run("pkill -KILL -f '[I]FS= read -r c'")  # their sessions end, and contact does not
    assert (await remote.errand("id -un", become=False)).stdout == f"{host.user}\n".encode()
    assert (await remote.errand("id -u", become=True)).stdout == b"0\n"
    await remote.close()
    await link.close()


async def test_a_connection_that_breaks_is_lost_for_who_waits_and_not_for_who_comes_next(host: Host) -> None:
    link = link_to(host)
    remote = ServerRemote(link)
    await remote.errand("true", become=False)
    host.drop_connections()
    await link.lost()
    assert (await remote.errand("echo next", become=False)).stdout == b"next\n"
    asking = asyncio.create_task(remote.errand("echo begun > begun; sleep 60", become=False))
    await asyncio.to_thread(host.run, f"until [ -e /home/{host.user}/begun ]; do sleep 0.01; done")
    host.drop_connections()
    with pytest.raises(Lost):
        await asking
    await remote.close()
    await link.close()
