"""Contact to real servers of every sort: one way of running a command, whatever answers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cockpit.fleet.api import FleetError
from tests.fleet.ground import ground
from tests.hosts import Host, Hosts

# Everything that quoting, a login shell or its rc file could spoil.
NASTY = r"""printf '%s\n' 'a!b' "it's \\ \x" '$HOME `x`' "$#" %s
cat <<'E'
two  spaces \n 100% "q" 'q' !$
E
echo told apart >&2
cat
printf '\377\376'
exit 3"""
OUT = b"a!b\nit's \\ \\x\n$HOME `x`\n0\n%s\ntwo  spaces \\n 100% \"q\" 'q' !$\nfrom stdin \xff\x00\n\xff\xfe"

SHELLS = {
    "bash": {}, "dash": {}, "csh": {}, "fish": {}, "ash": {"shell": "busybox", "sh": "busybox", "userland": "busybox"},
    "noisy-bash": {"noisy_rc": True}, "noisy-csh": {"shell": "csh", "noisy_rc": True},
    "noisy-fish": {"shell": "fish", "noisy_rc": True}, "dropbear": {"server": "dropbear", "user": "root"},
}  # fmt: skip


def _hosts(hosts: Hosts) -> list[Host]:
    sudo = {"sudo": "password", "password": "it's \\ a $ecret"}
    return [
        hosts(name, **({"shell": name.removeprefix("noisy-"), **sudo} | how if name != "dropbear" else how))
        for name, how in SHELLS.items()
    ]


async def test_a_command_is_the_same_whatever_the_login_shell_is(hosts: Hosts, tmp_path: Path) -> None:
    made = _hosts(hosts)
    async with ground(made, tmp_path, answers={"sudo": ["it's \\ a $ecret"]}) as here:
        for host in made:
            await here.up(host.name)
            for become in (False, True):
                remote = here.fleet.remote(host.name)
                done = await remote.run(NASTY, stdin=b"from stdin \xff\x00\n", become=become, timeout=30)
                assert (done.exit, done.stdout, done.stderr) == (3, OUT, b"told apart\n"), (host.name, become)
                who = await remote.run("id -u", become=become)
                assert (who.stdout == b"0\n") == (become or host.user == "root")
    assert [kind for kind, _, _ in here.people.asked] == ["sudo"]


async def test_facts_come_with_the_contact(seven: dict[str, Host], tmp_path: Path) -> None:
    async with ground(seven.values(), tmp_path, answers={"sudo": ["opensesame"]}) as here:
        facts = {name: (await here.up(name)) for name in seven}
        for name, host in seven.items():
            remote = here.fleet.remote(name)
            assert remote.host_key == host.host_key
            assert facts[name].facts["host_key"].startswith("SHA256:")
            assert await remote.boot_id() == (None if host.sftp_only else host.boot_id)
            assert here.fleet.heard(name)
        fs01, old01, app01 = facts["fs01"].facts, facts["old01"].facts, facts["app01"].facts
        assert facts["fs01"].boot_id == seven["fs01"].boot_id
        assert (fs01["user"], fs01["uid"], fs01["home"]) == ("ops", 1000, "/home/ops")
        assert "csh" in fs01["shell"] and "Linux" in fs01["uname"] and fs01["os"]
        assert fs01["tools"]["rsync"].startswith("/") and "rsync" in fs01["versions"]["rsync"]
        assert "Python 3" in fs01["versions"]["python3"] and "sudo" in fs01["tools"]
        assert "rsync" not in old01["tools"] and "python3" not in app01["tools"] and "flock" not in app01["tools"]
        assert abs(fs01["clock_skew"]) < 2
        assert facts["nas01"].facts["tools"] == {} if "tools" in facts["nas01"].facts else True
        latency = here.fleet.latency("fs01")
        assert latency is not None and 0 < latency < 1 and here.fleet.latency("app01") is None


async def test_invalid_utf8_ends_no_connection(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("one")
    async with ground([host], tmp_path) as here:
        await here.up("one")
        remote = here.fleet.remote("one")
        async with asyncio.timeout(30):
            waits = asyncio.create_task(remote.run("read line; echo $line; printf '\\377'", stdin=b"\xc3\x28\n"))
            bad = await remote.run("head -c 3000000 /dev/urandom", limit=1000)
            assert len(bad.stdout) == 1000 and bad.truncated
            assert (await waits).stdout == b"\xc3\x28\n\xff"
    assert [one.up for one in here.seen] == [True]


async def test_a_login_that_runs_nothing_says_so(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("closed", shell="/usr/sbin/nologin")
    async with ground([host], tmp_path) as here:
        told = await here.down("closed", "other")
        assert "login shell ran no command" in told.text


async def test_env_and_directory(hosts: Hosts, tmp_path: Path) -> None:
    async with ground([hosts("one", shell="fish")], tmp_path) as here:
        await here.up("one")
        remote = here.fleet.remote("one")
        done = await remote.run('printf %s "$A"; pwd', env={"A": "x'y\n$z"}, cwd="/srv")
        assert done.stdout == b"x'y\n$z/srv\n"
        assert (await remote.run("true", cwd="/no where")).exit == 126
        with pytest.raises(ValueError, match="no name"):
            await remote.run("true", env={"A;rm": "x"})
        with pytest.raises(TimeoutError):
            await remote.run("echo $$ > /tmp/pid; sleep 100", timeout=0.3)
        gone = 'for i in $(seq 100); do kill -0 "$(cat /tmp/pid)" || exit 7; sleep 0.1; done'
        assert (await remote.run(gone, timeout=15)).exit == 7


async def test_sudo_asks_again_after_a_wrong_password_and_gives_up_on_the_same(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("one", sudo="password")
    async with ground([host], tmp_path, answers={"sudo": ["wrong", "opensesame"]}) as here:
        await here.up("one")
        assert (await here.fleet.remote("one").run("id -u", become=True)).stdout == b"0\n"
        assert [name for _, name, _ in here.people.asked] == ["sudo_password"] * 2
        assert "refused" in here.people.asked[1][2] and "refused" not in here.people.asked[0][2]
    async with ground([host], tmp_path, answers={"sudo": ["wrong"]}) as here:
        await here.up("one")
        with pytest.raises(FleetError, match="same one") as caught:
            await here.fleet.remote("one").run("id -u", become=True)
        assert caught.value.problem == "become"


async def test_sudo_that_refuses(hosts: Hosts, tmp_path: Path) -> None:
    async with ground([hosts("never", noisy_rc=True), hosts("asks", sudo="password")], tmp_path,
                      more={"asks": {"become_password": None}}) as here:  # fmt: skip
        for name, why in (("never", "sudo"), ("asks", "a password is required")):
            await here.up(name)
            with pytest.raises(FleetError, match=why) as caught:
                await here.fleet.remote(name).run("true", become=True)
            assert caught.value.problem == "become"


async def test_files_as_the_login_user_as_root_and_where_nothing_else_is(hosts: Hosts, tmp_path: Path) -> None:
    root, plain, only = hosts("root", sudo="password", noisy_rc=True), hosts("plain"), hosts("only", sftp_only=True)
    noisy = hosts("noisy", shell="csh", noisy_rc=True)
    places = ((root, "/root/x", 0), (plain, "/tmp/x", 1000), (only, "/vault/x", 1000), (noisy, "/tmp/x", 1000))
    async with ground([root, plain, only, noisy], tmp_path, answers={"sudo": ["opensesame"]}) as here:
        for host, path, owner in places:
            await here.up(host.name)
            async with here.fleet.remote(host.name).sftp() as sftp:
                async with sftp.open(path, "wb") as file:
                    await file.write(b"\0\xff" * 100_000)
                assert (await sftp.stat(path)).size == 200_000
                async with sftp.open(path, "rb") as file:
                    assert await file.read(200_001) == b"\0\xff" * 100_000
            assert host.seen(path).stat().st_uid == owner
        with pytest.raises(FleetError, match="runs no commands"):
            await here.fleet.remote("only").run("true")


async def test_this_machine_is_a_server_too(tmp_path: Path) -> None:
    async with ground([], tmp_path) as here:
        remote = here.fleet.remote("local")
        done = await remote.run(NASTY, stdin=b"from stdin \xff\x00\n", timeout=30)
        assert (done.exit, done.stdout, done.stderr) == (3, OUT, b"told apart\n")
        assert (await remote.run("kill -9 $$")).exit == 137
        assert (await remote.run("yes | head -1")).stdout == b"y\n"
        assert await remote.boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        async with remote.sftp() as sftp, sftp.open(str(tmp_path / "x"), "wb") as file:
            await file.write(b"here")
        assert (tmp_path / "x").read_bytes() == b"here"
        assert remote.host_key is None
