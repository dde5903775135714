"""Images whose move is broken, or whose ends are not what they seem: resumed by receipts, noticed, named, never done falsely."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from cockpit.fleet.image.blocks import CHUNK
from cockpit.fleet.image.source import Source
from tests.copy.images import MIB, Way, change, dense, mover, receipts, same, sparse, writing
from tests.hosts.factory import Hosts
from tests.hosts.host import Host

PART = 32 * MIB  # of an image: some chunks
STREAMS = 2
SIZE = 8 * PART
SLOW = b"60000000"  # bytes per second


def running(host: Host, word: bytes) -> Callable[[int], bool]:
    """Processes of the images' program there: the job has a shell's path in its words, the half has none."""

    def chosen(pid: int) -> bool:
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False
        return line.startswith(word)

    return chosen


@pytest.mark.parametrize("way", ["pull", "push"])
@pytest.mark.parametrize("killed", ["source", "target"])
async def test_sigkill_of_either_end_moves_a_chunk_per_stream_again(way: Way, killed: str, hosts: Hosts, tmp_path: Path) -> None:
    """The job's own side ends the job, which another attempt goes on with; the other side is called again by the job itself."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    here, there = dense(src.path("/srv/big"), SIZE), dst.path("/srv/big")
    async with mover(src, dst, way, tmp_path) as moving:
        run = await moving.start([("/srv/big", "/srv/big")], told=SLOW)
        following = asyncio.create_task(run.follow())
        await run.until("copy", SIZE // 2)
        victim = {"source": src, "target": dst}[killed]
        assert victim.space.signal(signal.SIGKILL, running(victim, b"python3"))
        moving.tell(None)
        moved = 0
        if victim is moving.job:
            outcome = await asyncio.wait_for(following, 30)
            assert outcome is not None and outcome.transient and "killed" in (outcome.error or ""), outcome
            moved = run.part.moved
            run = await moving.move(("/srv/big", "/srv/big"))
            assert run.seen[0][1] > 0 or run.seen[-1][2] < SIZE, "what was receipted counts as done"
        else:
            assert await asyncio.wait_for(following, 60) is None
            assert b"trying again" in run.errors
        again = moved + run.part.moved - SIZE
        assert again <= STREAMS * CHUNK, again
        assert moved < SIZE
    assert same(here, there)


async def test_killed_sshd_on_either_side_is_gone_on_with(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    here = dense(src.path("/srv/big"), SIZE)
    async with mover(src, dst, "pull", tmp_path) as moving:
        run = await moving.start([("/srv/big", "/srv/big")], told=SLOW)
        following = asyncio.create_task(run.follow())
        await run.until("copy", SIZE // 3)
        await asyncio.to_thread(src.drop_connections)
        moving.tell(None)
        assert await asyncio.wait_for(following, 60) is None, bytes(run.errors)
        assert run.part.moved - SIZE <= STREAMS * CHUNK
    assert same(here, dst.path("/srv/big"))


@pytest.mark.parametrize("way", ["pull", "push"])
async def test_a_second_pass_moves_only_what_changed(way: Way, hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    here, there = sparse(src.path("/srv/disk"), 600 * MIB, 10, 8 * MIB), dst.path("/srv/disk")
    async with mover(src, dst, way, tmp_path) as moving:
        pair = ("/srv/disk", "/srv/disk")
        await moving.move(pair)
        same_again = await moving.move(pair)
        assert (same_again.part.moved, same_again.part.detail()["unchanged"]) == (0, 1), "nothing changed: nothing is moved"
        change(here, 10, 40_000)
        with here.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, 4096)
        punch(here, 100 * MIB, 60 * MIB)
        os.truncate(here, 590 * MIB + 17)
        run = await moving.move(pair)
        assert 0 < run.part.moved <= 12 * 2 * MIB, "the blocks that changed, not their chunks"
        assert same(here, there)
        assert there.stat().st_blocks <= here.stat().st_blocks + 64, "what became a hole is a hole"
        assert len(receipts(dst)) == 1


def punch(path: Path, offset: int, length: int) -> None:
    import subprocess

    subprocess.run(["fallocate", "-p", "-o", str(offset), "-l", str(length), str(path)], check=True)


async def test_a_target_that_was_there_is_compared(hosts: Hosts, tmp_path: Path) -> None:
    """Copied by something else, or changed since: no receipts, larger than the source, data where the source has holes."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    here = sparse(src.path("/srv/disk"), 200 * MIB, 4, 3 * MIB)
    there = dst.path("/srv/disk")
    there.write_bytes(here.read_bytes() + b"more")
    change(there, 7, 5000)
    async with mover(src, dst, "pull", tmp_path) as moving:
        run = await moving.move(("/srv/disk", "/srv/disk"))
        assert run.part.moved < 8 * MIB
        assert same(here, there)
        change(there, 3, 100)
        run = await moving.move(("/srv/disk", "/srv/disk"))
        assert 0 <= run.part.moved <= 3 * MIB and run.part.detail()["unchanged"] == 0
    assert same(here, there)


async def test_a_flipped_byte_before_the_proof_is_found_and_mended(hosts: Hosts, tmp_path: Path) -> None:
    """The copy is stopped when all of it is receipted; then the disk lies."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    here, there = dense(src.path("/srv/big"), SIZE), dst.path("/srv/big")
    async with mover(src, dst, "pull", tmp_path) as moving:
        run = await moving.start([("/srv/big", "/srv/big")], told=SLOW)
        following = asyncio.create_task(run.follow())
        await run.until("copy", SIZE * 3 // 4)
        assert dst.space.signal(signal.SIGKILL, running(dst, b"python3"))
        await following
        seen = there.stat()
        with there.open("r+b") as file:
            file.seek(12_345)
            file.write(bytes([here.read_bytes()[12_345] ^ 1]))
        os.utime(there, ns=(seen.st_atime_ns, seen.st_mtime_ns))
        assert not same(here, there)
        run = await moving.move(("/srv/big", "/srv/big"))
        assert run.part.detail()["again"] == 1
        assert b"not on the disk as it was written" in run.errors
    assert same(here, there)


async def test_holes_that_a_guest_writes_to_in_an_initial_pass_cost_nothing(hosts: Hosts, tmp_path: Path) -> None:
    """Its files grow in blocks that hold something already, after it was asked where there is data, as long as the pass takes.
    A push reads at the pace that was told."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    here = partly_filled(src.path("/srv/disk"), 2 * CHUNK)
    free = [at + place for place in range(FILLED, MIB, 4096) for at in range(CHUNK // 2, 2 * CHUNK, MIB)]
    async with mover(src, dst, "push", tmp_path) as moving:
        with writing(here, free):
            run = await moving.move(("/srv/disk", "/srv/disk"), live=True, told=b"10000000")
        assert run.part.detail()["again"] == 0, bytes(run.errors)
        assert FILLED * 32 <= run.part.moved < CHUNK * 2, "what holds nothing is not sent"
        await moving.move(("/srv/disk", "/srv/disk"))
    assert same(here, dst.path("/srv/disk"))


def test_what_was_read_beside_the_data_that_was_told_of_is_sent(tmp_path: Path) -> None:
    """Nothing that a digest stands for is left out; a block that is as it was told goes without its holes."""
    path = partly_filled(tmp_path / "disk", 5 * MIB)
    end = Source([os.fsencode(path)])
    found = end.read(0, 0, 5 * MIB, "sha256")
    assert next(found)[:2] == (0, [(0, FILLED), (MIB, FILLED)])
    with path.open("r+b") as file:
        file.seek(4 * MIB - 1)
        file.write(b"x")
    assert next(found)[:2] == (2, [(0, FILLED), (MIB, MIB)])
    assert next(found)[:2] == (4, [(0, FILLED)])
    assert next(found)[2] == end.digest(0, 0, 5 * MIB, "sha256")
    end.close()


FILLED = 256 << 10  # bytes


def partly_filled(path: Path, size: int) -> Path:
    """Data at the beginning of each block, and a hole after it."""
    with path.open("wb") as file:
        for at in range(0, size, MIB):
            file.seek(at)
            file.write(os.urandom(FILLED))
        file.truncate(size)
    return path


async def test_a_hole_that_is_written_to_in_a_final_pass_is_named(hosts: Hosts, tmp_path: Path) -> None:
    """Before it is read, and after."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    here = partly_filled(src.path("/srv/disk"), 2 * CHUNK)
    async with mover(src, dst, "push", tmp_path) as moving:
        run = await moving.start([("/srv/disk", "/srv/disk")], told=b"1000000")
        following = asyncio.create_task(run.follow())
        await run.until("copy", 2 * FILLED)
        with writing(here, [at + FILLED for at in range(0, 2 * CHUNK, MIB)], wait=0):
            moving.tell(None)
            outcome = await asyncio.wait_for(following, 30)
        assert outcome is not None and outcome.transient, (outcome, bytes(run.errors))
        assert outcome.error == "the source /srv/disk was rewritten while it was copied"
        await moving.move(("/srv/disk", "/srv/disk"))
    assert same(here, dst.path("/srv/disk"))


@pytest.mark.parametrize("how", ["rewritten", "grows", "shrinks", "vanishes", "replaced"])
async def test_a_source_that_changes_is_named(how: str, hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    here = dense(src.path("/srv/big"), 4 * PART)
    async with mover(src, dst, "pull", tmp_path) as moving:
        run = await moving.start([("/srv/big", "/srv/big")], told=SLOW)
        following = asyncio.create_task(run.follow())
        await run.until("copy", PART)
        moving.tell(0)
        if how == "rewritten":
            change(here, 3, 1000)
        elif how == "grows":
            with here.open("ab") as file:
                file.write(b"x" * 5000)
        elif how == "shrinks":
            os.truncate(here, 2 * PART)
        elif how == "replaced":
            dense(src.path("/srv/new"), 4 * PART).rename(here)
        else:
            here.unlink()
        moving.tell(None)
        outcome = await asyncio.wait_for(following, 30)
        words = {
            "rewritten": "was rewritten while", "grows": "grew from", "shrinks": "became shorter|shrank from",
            "vanishes": "is not there", "replaced": "was replaced",
        }  # fmt: skip
        assert outcome is not None and outcome.result == "failed"
        assert any(word in (outcome.error or "") for word in words[how].split("|")), outcome
        assert "/srv/big" in (outcome.error or "")
        if how != "vanishes":
            assert outcome.transient
            await moving.move(("/srv/big", "/srv/big"))
            assert same(here, dst.path("/srv/big"))


@pytest.mark.parametrize("way", ["pull", "push"])
async def test_a_full_target_says_so(way: Way, hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root", small={"/mnt": "40m"})
    dense(src.path("/srv/big"), 3 * PART)
    async with mover(src, dst, way, tmp_path) as moving:
        run = await moving.start([("/srv/big", "/mnt/big")])
        outcome = await asyncio.wait_for(run.follow(), 30)
    assert outcome is not None and (outcome.result, outcome.transient) == ("failed", False)
    assert outcome.error == "the target /mnt/big is full", outcome


async def test_the_told_pace_is_kept_and_a_pause_holds(hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    dense(src.path("/srv/big"), 3 * PART)
    loop = asyncio.get_running_loop()
    async with mover(src, dst, "pull", tmp_path) as moving:
        began = loop.time()
        run = await moving.start([("/srv/big", "/srv/big")], told=b"20000000")
        following = asyncio.create_task(run.follow())
        await run.until("copy", PART)
        assert loop.time() - began > PART / 20e6 * 0.8
        moving.tell(0)
        await asyncio.sleep(1.5)  # as long as it may take to be heard
        held = run.part.moved
        await asyncio.sleep(1.5)  # nothing is awaited: that nothing comes is what is tested
        assert run.part.moved - held <= 2 * MIB
        moving.tell(None)
        assert await asyncio.wait_for(following, 30) is None


@pytest.mark.parametrize("how", ["emptied", "zeroed", "overwritten"])
async def test_receipts_of_a_target_that_is_no_more_are_not_believed(how: str, hosts: Hosts, tmp_path: Path) -> None:
    """The job ended between the proof and the word that it was done; then somebody took the target's data away."""
    src, dst = hosts("src", user="root"), hosts("dst", user="root")
    here, there = dense(src.path("/srv/big"), 2 * PART), dst.path("/srv/big")
    os.truncate(here, 3 * PART)
    async with mover(src, dst, "pull", tmp_path) as moving:
        await moving.move(("/srv/big", "/srv/big"))
        (place,) = receipts(dst)
        place.write_bytes(b"".join(line for line in place.read_bytes().splitlines(True) if b'"done"' not in line))
        os.truncate(there, 0)
        if how == "zeroed":
            os.truncate(there, 3 * PART)
        elif how == "overwritten":
            there.write_bytes(os.urandom(5000))
        await moving.move(("/srv/big", "/srv/big"))
    assert same(here, there)
    assert there.stat().st_blocks <= here.stat().st_blocks + 64
