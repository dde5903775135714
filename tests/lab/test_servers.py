"""The embedded servers behave as servers do: seen through asyncssh and through OpenSSH's own client."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import asyncssh
import pytest

from tests.hosts.tools import require
from tests.lab.conftest import Seven

WITH_SHELL = ("fs01", "sql01", "web01", "mail01", "vmh01", "bkp01")


@pytest.mark.parametrize("name", WITH_SHELL)
async def test_a_command_has_its_streams_apart_and_its_own_home(seven_lab: Seven, name: str) -> None:
    script = "echo $HOME; pwd; echo trouble >&2; exit 7"
    async with seven_lab.connect(name) as conn:
        done = await conn.run(f"exec /bin/sh -c '{script}'", encoding=None)
    home = str(seven_lab.machine(name).home)
    assert done.exit_status == 7
    assert done.stdout.decode().splitlines()[-2:] == [home, home]
    assert done.stderr == b"trouble\n"


async def test_bytes_go_both_ways_unchanged(seven_lab: Seven) -> None:
    data = bytes(range(256)) * 4096
    async with seven_lab.connect("bkp01") as conn:
        done = await conn.run("cat", input=data, encoding=None)
    assert done.stdout == data


async def test_each_lacks_what_it_lacks(seven_lab: Seven) -> None:
    lacking = {"web01": "rsync", "sql01": "python3", "vmh01": "flock"}
    for name, tool in lacking.items():
        async with seven_lab.connect(name) as conn:
            assert (await conn.run(f"/bin/sh -c 'command -v {tool}'")).exit_status != 0
            assert (await conn.run("/bin/sh -c 'command -v sha256sum'")).exit_status == 0


async def test_a_signal_is_told_as_a_signal(seven_lab: Seven) -> None:
    async with seven_lab.connect("vmh01") as conn:
        done = await conn.run("kill -KILL $$")
    assert done.exit_signal is not None and done.exit_signal[0] == "KILL"


async def test_a_login_that_talks(seven_lab: Seven) -> None:
    require("bash")
    async with seven_lab.connect("mail01") as conn:
        done = await conn.run("echo it")
    assert done.stdout == "mail01: authorised staff only. You have new mail.\nit\n"


async def test_one_session_a_connection(seven_lab: Seven) -> None:
    async with seven_lab.connect("mail01") as conn, conn.create_process("cat") as first:
        with pytest.raises(asyncssh.ChannelOpenError):
            await conn.run("true")
        async with seven_lab.connect("mail01") as other:
            assert (await other.run("true")).exit_status == 0
        first.stdin.write_eof()
        await first.wait_closed()
        for _ in range(10):
            assert (await conn.run("true")).exit_status == 0
            async with conn.start_sftp_client() as sftp:
                assert await sftp.exists(".")


async def test_the_appliance_runs_nothing_and_shows_its_folder_as_everything(seven_lab: Seven) -> None:
    async with seven_lab.connect("nas01") as conn:
        with pytest.raises(asyncssh.ChannelOpenError):
            await conn.run("true")
        async with conn.start_sftp_client() as sftp:
            await sftp.makedirs("/images/deep")
            async with sftp.open("/../../images/one", "wb") as file:
                await file.write(b"x")
            assert await sftp.realpath("/images/../..") == "/"
            assert not await sftp.exists(str(seven_lab.machine("fs01").root))
    assert (seven_lab.machine("nas01").root / "images/one").read_bytes() == b"x"


async def test_sftp_sees_what_the_shell_sees_and_no_other_server(seven_lab: Seven) -> None:
    mine, other = seven_lab.machine("web01").root, seven_lab.machine("fs01").root
    async with seven_lab.connect("web01") as conn, conn.start_sftp_client() as sftp:
        await sftp.makedirs(f"{mine}/new/place")  # asks about each directory on the way
        await sftp.symlink("../srv", f"{mine}/new/link")
        assert await sftp.readlink(f"{mine}/new/link") == "../srv"
        assert await sftp.exists(f"{mine}/srv/www/index.html")
        assert await sftp.realpath(".") == str(mine / "home")
        for place in (f"{other}/srv", "/etc/passwd", f"{mine}/../fs01/srv"):
            assert not await sftp.exists(place)
    assert (mine / "new/link").is_symlink()


async def test_a_way_through_one_server_to_another(seven_lab: Seven) -> None:
    async with seven_lab.connect("bkp01") as through:
        trusted = ([asyncssh.import_public_key(seven_lab.key_of("web01"))], [], [])
        async with asyncssh.connect(
            "127.0.0.1", seven_lab.port("web01"), tunnel=through, client_keys=[str(seven_lab.lab.folder / "key")],
            known_hosts=trusted, agent_path=None, config=[],
        ) as conn:
            assert (await conn.run("echo through")).stdout == "through\n"


async def test_what_was_started_outlives_the_connection(seven_lab: Seven) -> None:
    left = seven_lab.machine("vmh01").root / "run/left"
    os.mkfifo(left)
    async with seven_lab.connect("vmh01") as conn:
        await conn.run(f"setsid sh -c 'echo still here > {left}' < /dev/null > /dev/null 2>&1 &")
    reading = asyncio.to_thread(left.read_text)  # the writer waits in open() for this reader
    assert await asyncio.wait_for(reading, 10) == "still here\n"


def test_openssh_logs_in_with_strict_host_keys(seven_lab: Seven, tmp_path: Path) -> None:
    require("ssh")
    done = _ssh(seven_lab, "sql01", seven_lab.lab.folder / "key", tmp_path, "exec /bin/sh -c 'cat; exit 3'", b"\x00\xff")
    assert (done.returncode, done.stdout) == (3, b"\x00\xff"), done.stderr


def test_openssh_refuses_another_servers_key(seven_lab: Seven, tmp_path: Path) -> None:
    require("ssh")
    done = _ssh(seven_lab, "sql01", seven_lab.lab.folder / "key", tmp_path, "true", known="bkp01")
    assert done.returncode == 255 and b"Host key verification failed" in done.stderr


def test_rsync_between_two_folders_through_a_server(seven_lab: Seven, tmp_path: Path) -> None:
    require("ssh", "rsync")
    shell = " ".join(["ssh", *_options(seven_lab, "bkp01", seven_lab.lab.folder / "key", tmp_path, "bkp01")])
    source = seven_lab.machine("fs01").root / "srv/share/odd names"
    target = seven_lab.machine("bkp01").root / "try"
    subprocess.run(["rsync", "-aH", "-e", shell, f"{source}/", f"127.0.0.1:{target}/"], check=True)
    assert sorted(p.name for p in target.iterdir()) == sorted(p.name for p in source.iterdir())
    shutil.rmtree(target)


def _ssh(
    seven: Seven, name: str, key: Path, folder: Path, command: str, stdin: bytes = b"", *, known: str | None = None,
) -> subprocess.CompletedProcess[bytes]:  # fmt: skip
    argv = ["ssh", *_options(seven, name, key, folder, known or name), "127.0.0.1", command]
    return subprocess.run(argv, input=stdin, capture_output=True, timeout=30, check=False)


def _options(seven: Seven, name: str, key: Path, folder: Path, known: str) -> list[str]:
    hosts = folder / "known_hosts"
    hosts.write_text(f"lab {seven.key_of(known)}\n")
    settings = (
        "StrictHostKeyChecking=yes", f"UserKnownHostsFile={hosts}", "GlobalKnownHostsFile=/dev/null", "HostKeyAlias=lab",
        "BatchMode=yes", "IdentitiesOnly=yes", f"IdentityFile={key}",
    )  # fmt: skip
    return ["-F", "/dev/null", "-T", "-p", str(seven.port(name)), *(word for s in settings for word in ("-o", s))]
