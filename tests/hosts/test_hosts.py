"""The test hosts themselves: apart from each other, differently made, and gone when they are closed.

tests/long/test_hosts.py has their other login shells.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from pathlib import Path

import asyncssh
import pytest

from tests.hosts import Host, Hosts, known_hosts, section


def ssh(host: Host, command: str, tmp_path: Path, *, via: Host | None = None) -> subprocess.CompletedProcess[str]:
    trusted = known_hosts([host] if via is None else [host, via], tmp_path / "known_hosts")
    options = ["-F", "/dev/null", "-i", str(host.client_key)]
    options += ["-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={trusted}"]
    hop = [] if via is None else ["-o", "ProxyCommand=" + " ".join(
        ["ssh", *options, "-p", str(via.port), "-W", "%h:%p", f"{via.user}@{via.address}"])]
    line = ["ssh", *options, *hop, "-p", str(host.port), f"{host.user}@{host.address}", command]
    return subprocess.run(line, capture_output=True, text=True, timeout=30, check=False)


def test_a_path_of_one_is_absent_on_the_others(hosts: Hosts, tmp_path: Path) -> None:
    one, two = hosts("one"), hosts("two")
    for place in ("/srv", "/tmp", "/home/ops", "/root", "/var/tmp", "/etc", "/run", "/opt", "/dev/shm"):
        assert one.run(f"echo here > {place}/mark").returncode == 0
        assert two.run(f"test -e {place}/mark").returncode == 1
        assert not Path(place, "mark").exists()
    assert ssh(one, "cat /srv/mark", tmp_path).stdout == "here\n"
    assert ssh(two, "cat /srv/mark", tmp_path).returncode == 1
    assert one.path("/srv/mark").read_text() == "here\n"
    assert one.run("touch /usr/mark").returncode != 0
    assert one.boot_id != two.boot_id
    assert one.run("cat /proc/sys/kernel/random/boot_id; hostname").stdout.decode().split() == [one.boot_id, "one"]


def test_starting_one_takes_less_than_300_ms(hosts: Hosts) -> None:
    made = [hosts(f"h{n}", start=False) for n in range(5)]
    began = time.perf_counter()
    for host in made:
        host.start()
    assert (time.perf_counter() - began) / 5 < 0.3


def test_closing_leaves_no_process_no_mount_and_no_file() -> None:
    made = Hosts()
    host = made("brief")
    host.run("setsid sleep 1000 >/dev/null 2>&1 &")
    pids, place = host.pids(), host.root
    made.close()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert not place.exists()
    assert str(place) not in Path("/proc/self/mounts").read_text()


@pytest.mark.parametrize("shell", ["csh"])
def test_login_shells_and_their_noise(hosts: Hosts, tmp_path: Path, shell: str) -> None:
    quiet, noisy = hosts("quiet", shell=shell), hosts("noisy", shell=shell, noisy_rc=True)
    assert ssh(quiet, "exec /bin/sh -c 'echo hello'", tmp_path).stdout == "hello\n"
    said = ssh(noisy, "exec /bin/sh -c 'echo hello'", tmp_path).stdout
    assert "NOTICE" in said and said.endswith("hello\n")
    running = ssh(quiet, "sh -c 'readlink /proc/$PPID/exe'; true", tmp_path).stdout
    assert shell in running


def test_sudo_asks_or_not_or_refuses(hosts: Hosts, tmp_path: Path) -> None:
    free, asks, never = hosts("free", sudo="nopasswd"), hosts("asks", sudo="password"), hosts("never")
    assert ssh(free, "sudo -n id -u", tmp_path).stdout == "0\n"
    assert ssh(asks, "sudo -n id -u", tmp_path).returncode == 1
    assert ssh(asks, f"echo {asks.password} | sudo -S -p '' id -u", tmp_path).stdout == "0\n"
    assert ssh(never, "sudo -n id -u", tmp_path).returncode == 1


async def test_password_login(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("pw", password_login=True, password="correct horse")
    trusted = str(known_hosts([host], tmp_path / "kh"))
    async with asyncssh.connect(host.address, host.port, username="ops", password="correct horse", known_hosts=trusted,
                                client_keys=None, config=None) as conn:
        assert (await conn.run("id -un")).stdout == "ops\n"


async def test_max_sessions_and_sftp_only(hosts: Hosts, tmp_path: Path) -> None:
    single, jailed = hosts("single", max_sessions=1), hosts("nas", sftp_only=True)
    trusted = str(known_hosts([single, jailed], tmp_path / "kh"))
    how = {"known_hosts": trusted, "client_keys": [str(single.client_key)], "username": "ops", "config": None}
    async with asyncssh.connect(single.address, single.port, **how) as conn:
        first = await conn.create_process("cat")
        with pytest.raises(asyncssh.ChannelOpenError):
            await conn.create_process("true")
        first.close()
    async with asyncssh.connect(jailed.address, jailed.port, **how) as conn:
        async with conn.start_sftp_client() as sftp, sftp.open("/vault/x", "wb") as file:
            await file.write(b"\0data")
        assert jailed.seen("/vault/x").read_bytes() == b"\0data"
        assert "sftp" in str((await conn.run("id")).stdout)


def test_dropbear_with_a_busybox_userland_and_hidden_tools(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("old", shell="busybox", sh="busybox", userland="busybox", server="dropbear", user="root",
                 without=("rsync", "python3", "setsid"))
    assert ssh(host, "readlink -f /proc/self/exe", tmp_path).stdout.endswith("/busybox\n")
    assert ssh(host, "rsync --version || python3 -V || setsid true || echo none", tmp_path).stdout == "none\n"
    assert ssh(host, "ls -d /usr/bin/rsync", tmp_path).returncode != 0


def test_hidden_tools_and_small_or_read_only_places(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("poor", without=("rsync", "python3"), read_only_home=True, noexec_tmp=True, small={"/srv": "1m"})
    assert ssh(host, "rsync --version", tmp_path).returncode == 127
    assert "Read-only" in ssh(host, "touch ~/x", tmp_path).stderr
    assert "Permission" in ssh(host, "cp /bin/true /tmp/t && /tmp/t", tmp_path).stderr
    assert "No space" in ssh(host, "head -c 2000000 /dev/zero > /srv/x", tmp_path).stderr
    assert host.path("/srv/x").stat().st_size == 1 << 20


def test_reboot_ends_all_processes_and_keeps_the_disks(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("phoenix", user="root")
    ssh(host, "echo kept > /srv/x; setsid sleep 1000 >/dev/null 2>&1 </dev/null &", tmp_path)
    before, boot_id = host.pids(), host.boot_id
    host.reboot()
    assert not any(Path(f"/proc/{pid}").exists() for pid in before)
    assert host.boot_id != boot_id
    assert ssh(host, "cat /srv/x /proc/sys/kernel/random/boot_id", tmp_path).stdout == f"kept\n{host.boot_id}\n"


def test_it_can_reboot_itself(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("selfmade", sudo="nopasswd")
    boot_id = host.boot_id
    ssh(host, "sudo reboot", tmp_path)
    host.wait_boots(2)
    assert host.boot_id != boot_id
    assert ssh(host, "uname", tmp_path).stdout == "Linux\n"


def test_sshd_dies_and_comes_back_while_jobs_live_on(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("flaky")
    ssh(host, "setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo $! > /tmp/pid", tmp_path)
    assert host.kill_sshd() >= 1
    assert ssh(host, "true", tmp_path).returncode == 255
    host.start_sshd()
    assert ssh(host, "kill -0 $(cat /tmp/pid)", tmp_path).returncode == 0


def test_orphans_are_reaped_at_once(hosts: Hosts) -> None:
    host = hosts("parent")
    host.run("setsid sh -c 'echo $$ > /tmp/pid; exec sleep 1000' >/dev/null 2>&1 & sleep 0.05")
    pid = host.path("/tmp/pid").read_text().strip()
    gone = f"kill -9 {pid}; for i in 1 2 3 4 5 6 7 8 9; do test -d /proc/{pid} || exit 0; sleep 0.05; done; exit 1"
    assert host.run(gone).returncode == 0


def test_swapped_host_key_is_refused(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("impostor")
    trusted = known_hosts([host], tmp_path / "old")
    options = ["-F", "/dev/null", "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={trusted}"]
    options += ["-i", str(host.client_key)]
    line = ["ssh", *options, "-p", str(host.port), f"ops@{host.address}", "true"]
    assert subprocess.run(line, check=False, capture_output=True).returncode == 0
    old = host.host_key
    assert host.swap_host_key() == host.host_key != old
    assert b"IDENTIFICATION HAS CHANGED" in subprocess.run(line, check=False, capture_output=True).stderr


async def test_frozen_host_says_nothing_until_thawed(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts("ice")
    trusted = str(known_hosts([host], tmp_path / "kh"))
    async with asyncssh.connect(host.address, host.port, known_hosts=trusted, client_keys=[str(host.client_key)],
                                username="ops", config=None) as conn:
        process = await conn.create_process("cat", encoding=None)
        host.freeze()
        process.stdin.write(b"x")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(process.stdout.read(1), 0.2)
        host.thaw()
        assert await process.stdout.read(1) == b"x"


def test_frozen_too_is_what_is_born_meanwhile(hosts: Hosts) -> None:
    host = hosts("nursery")
    host.run("for n in $(seq 1500); do sleep 300 & done >/dev/null 2>&1 &")
    host.freeze()
    born = host.pids()
    assert len(born) < 1500, "all were born before it was frozen: nothing is shown"
    states = {Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] for pid in born}
    assert states <= {"T", "Z"}


def test_reached_only_through_its_jump_host(hosts: Hosts, tmp_path: Path) -> None:
    bastion = hosts("bastion", bastion=True)
    inner = hosts("inner", via=bastion)
    assert ssh(inner, "true", tmp_path).returncode == 255
    assert ssh(inner, "hostname", tmp_path, via=bastion).stdout == "inner\n"
    assert 'via = "bastion"' in section(inner)


def test_the_seven(seven: dict[str, Host], tmp_path: Path) -> None:
    assert len(seven) == 7
    text = "".join(section(host) for host in seven.values())
    assert text.count("[servers.") == 7
    for host in seven.values():
        if not host.sftp_only:
            said = ssh(host, "exec /bin/sh -c 'hostname'", tmp_path, via=host.via)
            assert said.stdout.endswith(f"{host.name}\n"), said


def test_nothing_of_the_machine_is_changed(hosts: Hosts) -> None:
    watched = ("/etc/passwd", "/etc/shadow", "/etc/group", "/srv", "/home", "/usr")
    before = {path: os.stat(path).st_mtime_ns for path in watched}
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text()
    hosts("guest").run("useradd -m guest; echo x >> /etc/passwd; mkdir /srv/d; rm -f /etc/group")
    assert before == {path: os.stat(path).st_mtime_ns for path in before}
    assert Path("/proc/sys/kernel/random/boot_id").read_text() == boot_id
