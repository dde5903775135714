"""Images where a side has no Python: the same promises by dd and a sum, over real servers that have nothing else."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet.image import posix
from tests.copy.images import MIB, Way, allocated, change, dense, mover, same, sparse, writing
from tests.hosts.factory import Hosts
from tests.hosts.host import Host
from tests.hosts.own import OWN_TOOLS

NOTHING = {"without": ("python3",)}
BUSYBOX = {"without": ("python3",), "sh": "busybox", "shell": "busybox", "userland": "busybox"}
SIZE = 72 * MIB + 4321


@pytest.mark.parametrize(("way", "source", "target"), [
    ("push", {}, NOTHING), ("pull", BUSYBOX, BUSYBOX),
    ("pull", {"sudo": "nopasswd"} | NOTHING, {"sudo": "nopasswd"}),
])  # fmt: skip
async def test_first_and_second_pass(
    way: Way, source: dict[str, Any], target: dict[str, Any], hosts: Hosts, tmp_path: Path
) -> None:
    src = hosts("src", **({"user": "root"} | source if "sudo" not in source else source))
    dst = hosts("dst", **({"user": "root"} | target if "sudo" not in target else target))
    place = src.path("/srv/d")
    place.mkdir()
    name = "o'dd $x `y` é"
    sparse(place / name, SIZE, 2, 2 * MIB)
    dense(place / "dense", 20 * MIB)
    (place / "empty").touch()
    for path in place.iterdir():
        path.chmod(0o640)
        os.utime(path, (10**9, 10**9))
    pairs = [(f"/srv/d/{each}", f"/srv/{each}") for each in (name, "dense", "empty")]
    async with mover(src, dst, way, tmp_path) as moving:
        run = await moving.move(*pairs, python=False)
        assert run.part.bytes_done == run.part.size and run.part.files_done == 3
        for each in (name, "dense", "empty"):
            there = dst.path(f"/srv/{each}")
            assert same(place / each, there), each
            assert (there.stat().st_mode & 0o7777, there.stat().st_mtime) == (0o640, 10**9)
        assert allocated(dst.path(f"/srv/{name}")) < 64 * MIB, "chunks of zeros are holes"
        run = await moving.move(*pairs, python=False)
        assert (run.part.moved, run.part.detail()["unchanged"]) == (0, 3)
        change(place / "dense", 1, 100)
        run = await moving.move(*pairs, python=False)
        assert 0 < run.part.moved <= 16 * MIB, "one chunk"
        assert same(place / "dense", dst.path("/srv/dense"))


async def test_killed_and_resumed_by_receipts(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root", **NOTHING), hosts("dst", user="root", **NOTHING)
    here = dense(src.path("/srv/big"), SIZE)
    async with mover(src, dst, "pull", tmp_path) as moving:
        run = await moving.start([("/srv/big", "/srv/big")], python=False, told=b"40000000")
        following = asyncio.create_task(run.follow())
        await run.until("copy", SIZE // 2)
        init = dst.space.init
        assert dst.space.signal(signal.SIGKILL, lambda pid: pid != init and b"cockpit-image" in command_line(pid))
        moving.tell(None)
        outcome = await asyncio.wait_for(following, 30)
        assert outcome is not None and outcome.transient, outcome
        first = run.part.moved
        run = await moving.move(("/srv/big", "/srv/big"), python=False)
        assert first + run.part.moved - SIZE <= 3 * 16 * MIB
    assert same(here, dst.path("/srv/big"))


@pytest.mark.parametrize(("way", "server"), [("pull", NOTHING), ("push", BUSYBOX)])
async def test_one_place_that_is_written_to_all_the_time_in_an_initial_pass(
    way: Way, server: dict[str, Any], hosts: Hosts, tmp_path: Path
) -> None:
    """A log's head, a superblock: what is read is never what was summed before."""
    src, dst = hosts("src", user="root", **server), hosts("dst", user="root", **server)
    here = dense(src.path("/srv/big"), 20 * MIB)
    async with mover(src, dst, way, tmp_path) as moving:
        with writing(here, itertools.repeat(4096)):
            run = await moving.move(("/srv/big", "/srv/big"), python=False, live=True)
            assert run.part.detail()["again"] == 0, bytes(run.errors)
            assert run.part.moved == 20 * MIB
        run = await moving.move(("/srv/big", "/srv/big"), python=False)
        assert run.part.moved <= 16 * MIB, "what came of a source in use was receipted for what it is"
    assert same(here, dst.path("/srv/big"))


BREAKS = """#!/bin/sh
# The second and third chunk asked for: half of it, and the connection is gone.
case $SSH_ORIGINAL_COMMAND in read* | take*) ;; *) exec {head} "$@" ;; esac
echo >> /srv/asked
case $(wc -l < /srv/asked) in 2 | 3) ;; *) exec {head} "$@" ;; esac
{head} -c 5000000
sleep 0.3
{meanwhile}
of=$$
while read -r pid name state parent rest < /proc/$of/stat; do
    case $name in "(sshd"*) kill -9 "$of"; exit ;; esac
    of=$parent
done
"""
ZEROED = "dd if=/dev/zero of=/srv/big bs=1048576 count=20 conv=notrunc"


def breaking(host: Host, meanwhile: str) -> None:
    tool = host.path("/srv/bin/head")
    tool.parent.mkdir()
    tool.write_text(BREAKS.format(head=shutil.which("head"), meanwhile=meanwhile))
    tool.chmod(0o755)


@pytest.mark.parametrize(
    ("way", "live", "meanwhile"), [("pull", False, ""), ("push", False, ""), ("pull", True, ZEROED)], ids=["pull", "push", "live"]
)
async def test_connections_that_break_one_after_another_are_no_faulty_disk(
    way: Way, live: bool, meanwhile: str, hosts: Hosts, tmp_path: Path
) -> None:
    """A server that has too many logins, a link that flaps. What had come by then is written over, by zeros too."""
    own = NOTHING | {"user": "root", "sshd_config": OWN_TOOLS}
    src, dst = hosts("src", **own), hosts("dst", **own)
    here = dense(src.path("/srv/big"), 36 * MIB)
    far = src if way == "pull" else dst
    breaking(far, meanwhile)
    async with mover(src, dst, way, tmp_path) as moving:
        run = await moving.move(("/srv/big", "/srv/big"), python=False, live=live, streams=1)
        assert (far.path("/srv/asked").read_text().count("\n"), run.part.moved) == (5, 68 * MIB), bytes(run.errors)
        if live:
            await moving.move(("/srv/big", "/srv/big"), python=False)
    assert same(here, dst.path("/srv/big"))


def test_connections_that_go_on_breaking_are_told_as_that(tmp_path: Path) -> None:
    """Tried again, an hour later, it may go."""
    here, there, tools = dense(tmp_path / "here", 3 * MIB), tmp_path / "there", tmp_path / "bin"
    tools.mkdir()
    (tools / "sleep").symlink_to("/bin/true")
    shell = tmp_path / "ssh"
    words = "kex_exchange_identification: Connection closed by remote host"
    half = posix.half("source", [str(here)], become=False)
    shell.write_text(f'shift\ncase $* in read*) echo "{words}" >&2; exit 255 ;; esac\nSSH_ORIGINAL_COMMAND=$*\n{half}\n')
    job = posix.job("pull", [str(here)], [str(there)], [3 * MIB], shell=str(shell), streams=1, live=False)
    path = {"PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run(["sh", "-c", job], env=path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 75 and f'fault ["broken", "{words}"]' in done.stdout, (done.stdout, done.stderr)


def test_half_an_answer_does_not_stand_before_the_next_one(tmp_path: Path) -> None:
    here, there, shell = dense(tmp_path / "here", 3 * MIB), tmp_path / "there", tmp_path / "ssh"
    half = posix.half("source", [str(here)], become=False)
    broken = f"if [ ! -e {tmp_path}/broke ]; then : > {tmp_path}/broke; printf 9; exit 255; fi"
    shell.write_text(f"shift\ncase $* in look*) {broken} ;; esac\nSSH_ORIGINAL_COMMAND=$*\n{half}\n")
    job = posix.job("pull", [str(here)], [str(there)], [3 * MIB], shell=str(shell), streams=1, live=False)
    path = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run(["sh", "-c", job], env=path, capture_output=True, text=True, timeout=60, check=False)
    assert (tmp_path / "broke").exists() and done.returncode == 0, (done.stdout, done.stderr)
    assert same(here, there)


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("how", ["full", "rewritten", "grows", "shrinks", "vanishes"])
async def test_faults_are_named(how: str, hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root", **NOTHING), hosts("dst", user="root", small={"/mnt": "30m"})
    here = dense(src.path("/srv/big"), SIZE)
    target = "/mnt/big" if how == "full" else "/srv/big"
    async with mover(src, dst, "pull", tmp_path) as moving:
        run = await moving.start([("/srv/big", target)], python=False, told=b"40000000")
        following = asyncio.create_task(run.follow())
        if how != "full":
            await run.until("copy", SIZE // 2)
        if how == "rewritten":
            change(here, 2, 1000)
        elif how == "grows":
            with here.open("ab") as file:
                file.write(b"x" * 5000)
        elif how == "shrinks":
            os.truncate(here, 40 * MIB)
        elif how == "vanishes":
            here.unlink()
        moving.tell(None)
        outcome = await asyncio.wait_for(following, 60)
        words = {
            "full": "the target is full", "rewritten": "/srv/big was rewritten while", "grows": "/srv/big grew from",
            "shrinks": "/srv/big became shorter|/srv/big shrank from", "vanishes": "the source /srv/big is not there",
        }[how]  # fmt: skip
        assert outcome is not None and any(word in (outcome.error or "") for word in words.split("|")), (outcome, run.errors)
        assert outcome.transient == (how not in ("full", "vanishes"))
        if outcome.transient:
            await moving.move(("/srv/big", "/srv/big"), python=False)
            assert same(here, dst.path("/srv/big"))


@pytest.mark.parametrize(("words", "told"), [
    ("File too large", "came as something else than was sent, twice: dd: error writing '/srv/records/x': File too large"),
    ("No space left on device", "the target is full"),
])  # fmt: skip
def test_what_dd_says_is_passed_on(words: str, told: str, tmp_path: Path) -> None:
    """Also of a file whose name holds the words by which dd tells that all is well."""
    here, there = dense(tmp_path / "here", 3 * MIB), tmp_path / "there"
    broken = tmp_path / "bin/dd"
    broken.parent.mkdir()
    broken.write_text(f"""#!/bin/sh
case "$*" in *obs=*) cat >/dev/null; echo "dd: error writing '/srv/records/x': {words}" >&2; exit 1 ;; esac
exec {shutil.which("dd")} "$@"
""")
    broken.chmod(0o755)
    job = posix.job("local", [str(here)], [str(there)], [3 * MIB], shell=None, streams=1, live=False)
    path = {"PATH": f"{broken.parent}:{os.environ['PATH']}", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run(["sh", "-c", job], env=path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode and told in done.stderr, (done.stdout, done.stderr)


@pytest.mark.parametrize("how", ["flipped", "zeroed", "emptied", "recreated"])
async def test_a_target_that_is_not_what_was_receipted_is_mended(how: str, hosts: Hosts, tmp_path: Path) -> None:
    """As after a job that ended between the proof and the word that it was done."""
    src, dst = hosts("src", user="root", **NOTHING), hosts("dst", user="root", **BUSYBOX if how == "zeroed" else {})
    here, there = dense(src.path("/srv/big"), SIZE - 30 * MIB), dst.path("/srv/big")
    os.truncate(here, SIZE)
    async with mover(src, dst, "push" if how == "emptied" else "pull", tmp_path) as moving:
        await moving.move(("/srv/big", "/srv/big"), python=False)
        (place,) = dst.root.glob("**/.cockpit/images/*.sums")
        place.write_text("".join(line for line in place.read_text().splitlines(True) if not line.startswith("done")))
        if how == "flipped":
            with there.open("r+b") as file:
                byte = file.read(1)
                file.seek(0)
                file.write(bytes([byte[0] ^ 1]))
        elif how == "recreated":
            there.rename(there.with_name("away"))
            dense(there, 5000)
        else:
            os.truncate(there, 0)
            os.truncate(there, SIZE if how == "zeroed" else 0)
        run = await moving.move(("/srv/big", "/srv/big"), python=False)
        assert same(here, there)
        assert run.part.detail()["again"] == {"flipped": 1, "zeroed": 3}.get(how, 0), bytes(run.errors)
        assert (b"moved again" in run.errors) == (how in ("flipped", "zeroed"))
        run = await moving.move(("/srv/big", "/srv/big"), python=False)
        assert (run.part.moved, run.part.detail()["unchanged"]) == (0, 1)


def test_a_disk_that_never_keeps_what_is_written_is_named(tmp_path: Path) -> None:
    """The proof reads past the cache: a `dd` that lies there alone is a disk that lies."""
    here = dense(tmp_path / "here", 3 * MIB)
    liar = tmp_path / "bin/dd"
    liar.parent.mkdir()
    liar.write_text(f'#!/bin/sh\ncase "$*" in *iflag=direct*) echo lies ;; *) exec {shutil.which("dd")} "$@" ;; esac\n')
    liar.chmod(0o755)
    text = posix.job("local", [str(here)], [str(tmp_path / "there")], [3 * MIB], shell=None, streams=1, live=False)
    env = os.environ | {"HOME": str(tmp_path), "COCKPIT_JOB": str(tmp_path), "PATH": f"{liar.parent}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", text], check=False, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done
    assert 'fault ["infrastructure", "the target is not on the disk at 0 MiB as it was written, twice' in done.stdout, done
