"""Shards: how a listing is cut, and the pool of workers that copies them, under every sh, without servers.

tests/long/test_copy_shards.py has more names, and a change of pace without --inplace.
"""

from __future__ import annotations

import gzip
import os
import random
import signal
import subprocess
import time
import tracemalloc
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet.rsync import Options, pace_text
from cockpit.fleet.shards import Cut, Tally, cost, cut, folders, pool, unpacked
from cockpit.fleet.survey.command import listing_command
from tests.hosts.space import until
from tests.hosts.tools import require

SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"]}
PART = Options(part=True, acls=False, xattrs=False)
ODD = [b"#comment", b"; so", b"-dash", b" space ", b"new\nline", b"bad\xff", b"tab\t", b"x" * 255, b"q'\"$x`*?[a]\\"]


def record(path: bytes, size: int, inode: int, links: int = 1) -> bytes:
    return b"%d %d 5:%d 8 %s\0" % (size, links, inode, path)


def names(found: Cut) -> list[list[bytes]]:
    whole = gzip.decompress(found.names)
    return [whole[s.offset : s.offset + s.length].split(b"\0")[:-1] for s in found.shards]


def files_of(smallest: int, biggest: int, count: int = 20_000) -> list[bytes]:
    rng = random.Random(3)
    return [record(b"d%d/f%d" % (n // 20, n), rng.randrange(smallest, biggest), n) for n in range(count)]


def cut_whole(listing: list[bytes], streams: int = 2, **how: Any) -> Cut:
    """As a copy does."""
    found = folders(listing)
    return cut(listing, total=sum(folder.cost for folder in found.values()), streams=streams, whole=found, **how)


def costs(found: Cut) -> list[int]:
    return [cost(shard.size, shard.files) for shard in found.shards]


def test_shards_are_alike_and_get_smaller() -> None:
    listing = files_of(4096, 2 << 20)
    found = cut_whole(listing)
    assert found.files == 20_000 and found.size == sum(int(each.split(b" ")[0]) for each in listing)
    a_directory = 40 << 20
    *most, last, very_last = costs(found)
    assert most[0] > 1 << 30 and len(found.shards) < 40
    assert all(later < one + a_directory for one, later in pairwise(most)) and max(costs(found)) < (1 << 30) + a_directory
    assert min(costs(found)) > 200 << 20 and abs(last - very_last) < 2 * a_directory, "no worker begins anew for a small rest"
    assert cut_whole(listing).index == found.index, "the same tree is known again"
    slow = cut_whole(listing, rate=1_000_000)
    assert max(shard.size for shard in slow.shards) <= 17_000_000, "thirty seconds for each of two streams"


@pytest.mark.parametrize("streams", [2, 3, 4])
def test_what_is_soon_copied_is_one_shard_for_each_worker(streams: int) -> None:
    small = files_of(4096, 65536)
    found = cut_whole(small, streams)
    assert len(found.shards) == streams and min(costs(found)) > 0.9 * max(costs(found))
    beside = cut_whole([*small, record(b"vm.img", 50 << 30, 99_999)], streams)
    assert beside.index == found.index, "what goes by chunks is no work for them"


def test_a_total_that_was_too_low_makes_no_shard_for_each_file() -> None:
    listing = [record(b"big", 3 << 30, 1), *files_of(4096, 65536)]
    assert len(cut(listing, total=cost(2 << 30, 20_001), streams=2, large=None, whole=folders(listing, None)).shards) < 70


def test_hard_links_stay_together_and_count_once() -> None:
    files = [record(b"f%d" % n, 1 << 20, n) for n in range(100)]
    group = [record(b"a/one", 5 << 20, 777, 3), *files[:60], record(b"z/two", 5 << 20, 777, 3), *files[60:]]
    found = cut(group, total=cost(105 << 20, 101), streams=2)
    assert found.size == 105 << 20 and found.files == 101 and len(found.shards) > 1
    assert sum({b"./a/one", b"./z/two"} <= set(shard) for shard in names(found)) == 1, "though its third name lies elsewhere"


def test_large_files_are_left_to_others() -> None:
    listing = [record(b"vm/big", 300 << 20, 1), record(b"vm/linked", 300 << 20, 2, 2), record(b"small", 10, 3)]
    found = cut(listing, total=cost(600 << 20, 3), streams=2)
    assert found.large == [(b"vm/big", 300 << 20)] and found.files == 2
    assert cut(listing, total=cost(600 << 20, 3), streams=2, large=None).files == 3


def test_a_directory_stands_for_its_files_where_it_can() -> None:
    fine = [record(b"fine/deep/f%d" % n, 1000, n) for n in range(50)]
    others = [record(b"linked/a", 10, 900, 2), record(b"linked/b", 10, 901), record(b"big/a", 300 << 20, 902),
              record(b"big/b", 10, 903), record(b"odd[a]/c", 10, 904), record(b"top", 10, 905)]  # fmt: skip
    listing = [*fine[:20], *others, *fine[20:]]  # as find has it: a directory may be interrupted by another
    found = cut(listing, total=1, streams=2, whole=folders(listing))
    assert sorted(name for shard in names(found) for name in shard) == sorted(
        [b"./fine/deep/", b"./linked/a", b"./linked/b", b"./big/b", b"./odd[a]/c", b"./"]), names(found)  # fmt: skip
    plain = cut(listing, total=1, streams=2)
    assert (found.size, found.files, found.large) == (plain.size, plain.files, plain.large)
    changed = [*fine[:20], *others, *fine[21:], record(b"fine/deep/g20", 1000, 20)]
    assert cut(changed, total=1, streams=2, whole=folders(changed)).shards[0].id != found.shards[0].id


def test_a_directory_that_would_be_most_of_a_shard_is_named_file_by_file() -> None:
    listing = [record(b"d/f%d" % n, 1 << 20, n) for n in range(100)] + [record(b"e/f", 1, 101)]
    found = cut(listing, total=cost(100 << 20, 101), streams=2, whole=folders(listing))
    assert sum(map(len, names(found))) == 101 and len(found.shards) > 1


def test_few_names_in_a_shard() -> None:
    listing = [record(b"d/f%d" % n, 0, n) for n in range(20_000)]
    assert max(map(len, names(cut(listing, total=cost(0, 20_000), streams=1)))) <= 4000


@pytest.mark.parametrize(("count", "memory", "seconds"), [(20_000, 1 << 20, 4)])
def test_many_names_are_cheap(count: int, memory: int, seconds: float) -> None:
    pieces = (record(b"some/longer/directory/name-%d/file-%d.txt" % (n // 50, n), 9000, n) for n in range(count))
    tracemalloc.start()
    began = time.process_time()
    found = cut(pieces, total=cost(9000 * count, count), streams=2)
    took, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.files == count and peak < memory and took < seconds, (peak, took)
    assert len(found.names) < 15 * count


def test_what_came_compressed_or_not_or_cut_off() -> None:
    plain = record(b"a", 1, 1) * 1000
    assert b"".join(unpacked(gzip.compress(plain))) == plain == b"".join(unpacked(plain))
    with pytest.raises(ValueError, match="middle"):
        cut([plain[:-1]], total=1, streams=1)


# --- the pool


class Ground:
    """A tree, its shards kept as on a server, and jobs over them."""

    def __init__(self, place: Path, shell: str) -> None:
        require("rsync", *(SHELLS[shell][:1]))
        self.shell, self.place = SHELLS[shell], place
        self.source, self.target, self.kept, self.job = place / "src", place / "dst", place / "kept", place / "job"
        for each in (self.source / "sub/deep", self.target, self.kept, self.job):
            each.mkdir(parents=True)

    def fill(self, count: int, size: int) -> None:
        for n in range(count):
            (self.source / f"sub/f{n:03}").write_bytes(os.urandom(size))

    def cut(self, rate: float | None = None) -> Cut:
        listed = subprocess.run(["sh", "-c", listing_command(f"{self.source}/")], capture_output=True, check=True).stdout
        found = cut([listed], total=1, streams=2, rate=rate, large=None, whole=folders([listed], None))
        (self.kept / "all").write_bytes(gzip.decompress(found.names))
        (self.kept / "index").write_bytes(found.index)
        return found

    def start(self, told: str = "", streams: int = 2, options: Options = PART) -> subprocess.Popen[bytes]:
        (self.job / "told").write_text(told)
        text = pool(options, f"{self.source}/", f"{self.target}/", str(self.kept), streams, shell=None, pull=True)
        environment = {**os.environ, "COCKPIT_JOB": str(self.job)}
        return subprocess.Popen(
            [*self.shell, "-c", text], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def run(self, told: str = "") -> tuple[int, Tally, bytes]:
        process, tally = self.start(told), Tally()
        out, err = process.communicate(timeout=60)
        tally.feed(out)
        return process.returncode, tally, err


@pytest.fixture(params=SHELLS)
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Ground:
    return Ground(tmp_path, request.param)


def test_every_name_arrives_and_a_second_run_has_it_all(ground: Ground) -> None:
    for name in ODD:
        Path(os.fsdecode(os.fsencode(ground.source / "sub/deep") + b"/" + name)).write_bytes(name)
    ground.fill(30, 1 << 20)
    (ground.source / "twin").hardlink_to(ground.source / "sub/f001")
    (ground.source / "sub/deep").chmod(0o555)
    found = ground.cut(rate=2_000_000)
    code, tally, err = ground.run()
    assert (code, err) == (0, b"") and len(found.shards) > 1
    assert (tally.bytes_done, tally.files_done, tally.moved) == (found.size, found.files, found.size)
    assert sorted(os.listdir(os.fsencode(ground.target / "sub/deep"))) == sorted(ODD)
    assert (ground.target / "twin").stat().st_ino == (ground.target / "sub/f001").stat().st_ino
    code, tally, _ = ground.run()
    assert (code, tally.had, tally.moved_files, tally.bytes_done) == (0, len(found.shards), 0, found.size)


def test_killed_in_the_middle_it_redoes_at_most_a_shard_per_worker(ground: Ground) -> None:
    ground.fill(60, 1 << 20)
    found = ground.cut(rate=200_000)  # shards of 3 MB
    process = ground.start(told="12000000")
    until(lambda: len(list((ground.kept / "done").glob("*"))) >= 4, "four shards are through")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdout, process.stderr):
        assert pipe is not None
        pipe.close()
    had = len(list((ground.kept / "done").glob("*")))
    whole = sum(1 for path in ground.target.rglob("f*") if path.stat().st_size == 1 << 20)
    code, tally, _ = ground.run()
    assert code == 0 and tally.had == had and tally.bytes_done == found.size
    assert tally.moved_files <= 60 - whole + 2, "one file per stream at most is sent again"
    assert len(list(ground.target.rglob("f*"))) == 60


def test_a_list_that_finds_no_room_is_never_taken_for_a_shard(ground: Ground) -> None:
    """rsync was well content with none or half of the names."""
    ground.fill(20, 1 << 10)
    ground.cut()
    for worker in (1, 2):
        (ground.kept / f"list.{worker}").symlink_to("/dev/full")
    code, tally, _ = ground.run()
    assert (code, tally.files_done, list((ground.kept / "done").iterdir())) == (11, 0, [])


def test_a_killed_rsync_is_tried_again(ground: Ground) -> None:
    ground.fill(20, 1 << 20)
    ground.cut(rate=400_000)
    process = ground.start(told="4000000")
    until(lambda: any(ground.target.rglob("*f0*")), "something moves")
    mine = subprocess.run(["pgrep", "-s", str(process.pid), "rsync"], capture_output=True, text=True, check=False).stdout.split()
    for pid in mine:
        os.kill(int(pid), signal.SIGKILL)
    (ground.job / "told").write_text("")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and mine, err
    assert len(list(ground.target.rglob("f*"))) == 20


@pytest.mark.parametrize("ground", ["dash"], indirect=True)
def test_pause_and_pace_take_effect_within_a_long_shard(ground: Ground) -> None:
    """With --inplace, and where that may not be, with what --partial keeps."""
    ground.fill(1, 40 << 20)
    ground.cut()
    process = ground.start(told="2000000", streams=1, options=replace(PART, inplace=ground.shell == ["dash"]))
    until(lambda: any(ground.target.rglob("*f000*")), "it moves")
    began = time.monotonic()
    (ground.job / "told").write_text("")
    out, err = process.communicate(timeout=60)
    tally = Tally()
    tally.feed(out)
    assert err.index(b"received SIG") < err.index(b"cockpit: rsync was ended for a new limit"), "it looks like a failure"
    assert process.returncode == 0 and time.monotonic() - began < 19, "at the old pace it would have taken 20 s"
    assert (ground.target / "sub/f000").read_bytes() == (ground.source / "sub/f000").read_bytes()
    assert 36 << 20 < tally.moved < 44 << 20, "what has arrived is not sent again"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("old", "new", "fits"), [
    ("", "", True), ("100", "100", True), ("100", "119", True), ("100", "130", False), ("100", "99", False), ("100", "0", False),
    ("100", "", False), ("", "100", False), ("", "0", False),
])  # fmt: skip
def test_which_pace_is_worth_starting_again_for(shell: str, old: str, new: str, fits: bool) -> None:
    require(*SHELLS[shell][:1])
    text = f"{pace_text()}\nold={old} pace={new}\nfits"
    assert (subprocess.run([*SHELLS[shell], "-c", text], check=False).returncode == 0) is fits


def test_paused_from_the_start_it_waits(ground: Ground) -> None:
    ground.fill(2, 1000)
    ground.cut()
    process = ground.start(told="0")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.5)
    assert not list(ground.target.rglob("f*"))
    (ground.job / "told").write_text("")
    process.communicate(timeout=30)
    assert process.returncode == 0 and len(list(ground.target.rglob("f*"))) == 2


def test_what_vanished_is_left_to_the_last_pass_and_the_worst_code_is_told(ground: Ground) -> None:
    ground.fill(10, 1000)
    ground.cut()
    (ground.source / "sub/f003").unlink()
    assert ground.run()[0] == 0, "the pass that settles sees the source as it is then"
    (ground.kept / "index").write_text("")
    assert ground.run()[0] == 0, "nothing to do"
    ground.cut()
    (ground.target / "sub/f005").unlink()
    (ground.target / "sub/f005/in the way").mkdir(parents=True)
    code, _, err = ground.run()
    assert code == 23 and b"f005" in err, (code, err)
    assert not list((ground.kept / "done").glob(ground.cut().shards[0].id)), "it is not through"
    ground.source.rename(ground.place / "elsewhere")
    assert ground.run()[0] == 3


def test_what_was_sent_counts_each_run_and_not_what_lay_there() -> None:
    tally = Tally()
    tally.feed(b"at a  500  10%  1.00MB/s  0:00:09 (xfr#2, to-chk=3/9)\n")
    assert (tally.moved, tally.moved_files, tally.bytes_done, tally.files_done) == (500, 2, 500, 2)
    tally.feed(b"again a  600  12%  1.00MB/s  0:00:08\nat a  100  2%  1.00MB/s  0:00:09\n")
    assert (tally.moved, tally.moved_files, tally.bytes_done) == (700, 2, 600)
    tally.feed(b"done a 1000 3 580  900 100%  1.00MB/s  0:00:09 (xfr#1, to-chk=0/9)\nhad b 50 1\n")
    assert (tally.moved, tally.moved_files, tally.bytes_done, tally.files_done, tally.had) == (920, 3, 1050, 4, 1)


def test_lines_that_are_none_are_passed_over() -> None:
    """The job's disk was full for a moment and lines ran together; a server's older words."""
    tally = Tally()
    tally.feed(b"had\nhad a\nhad a 500had b 50 1\nhad a 500 x\ndone a 1000 3 58at a 700 70%  1.00MB/s  0:00:09\n")
    tally.feed(b"done a 1000 3\n\nwhat\n")
    assert (tally.had, tally.bytes_done, tally.files_done, tally.moved) == (0, 0, 0, 0)
    tally.feed(b"at a  500  10%  1.00MB/s  0:00at a  600  10%  1.00MB/s  0:00:09\nat \xff 5\nhad b 50 1\n")
    tally.feed(b"done a 1000 3 0 1000 100%  1.00MB/s  0:00:09 (xfr#3, to-chk=0/9)\n")
    assert (tally.had, tally.bytes_done, tally.files_done, tally.moved) == (1, 1050, 4, 1000)
