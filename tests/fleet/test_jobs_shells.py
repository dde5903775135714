"""A job under each sort of /bin/sh, on this machine: what it is given and what comes back, byte for byte."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cockpit.fleet.api import JobReport
from cockpit.fleet.jobs import Jobs
from tests.fleet.local_link import LocalLink
from tests.fleet.ssh_link import spec, whole
from tests.hosts import require


@pytest.fixture(params=["dash", "busybox sh", "bash --posix"])
async def jobs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Jobs]:
    require(request.param.split()[0], "setsid")
    link = LocalLink(str(tmp_path), request.param)
    made = Jobs(link)
    yield made
    await made.close()
    await link.wait()


@pytest.mark.parametrize(
    ("command", "out", "err", "code"),
    [
        ("true", b"", b"", 0),
        ("echo out; echo err >&2; exit 3", b"out\n", b"err\n", 3),
        ("printf 'no newline'", b"no newline", b"", 0),
        (r"printf '\000\001\377a\000\n\n'", b"\0\1\xffa\0\n\n", b"", 0),
        (r"printf '\303\251\303'", b"\xc3\xa9\xc3", b"", 0),
        ("kill -9 $$", b"", b"", 137),
        ("kill -TERM $$", b"", b"", 143),
        ("cat; echo stdin is empty", b"stdin is empty\n", b"", 0),
        ("echo 1; echo 2 >/dev/stdout; echo 3 >/dev/stderr; echo 4 >&2", b"1\n2\n", b"3\n4\n", 0),
        ("echo \"it's\"\n# a comment\necho 'two\nlines'", b"it's\ntwo\nlines\n", b"", 0),
        ("# " + "x" * 300_000 + "\necho long; exit 4", b"long\n", b"", 4),
    ],
    ids=lambda value: repr(value)[:30],
)
async def test_output_and_exit_are_exact(jobs: Jobs, command: str, out: bytes, err: bytes, code: int) -> None:
    assert (await jobs.start_job(spec("j", command))).phase == "running"
    got_out, got_err, last = await whole(jobs, "j")
    assert (got_out, got_err) == (out, err)
    assert (last.phase, last.exit, last.how, last.out, last.err) == ("ended", code, "", len(out), len(err))
    assert await jobs.inspect_job("j", become=False) == last
    assert await whole(jobs, "j", out=min(1, len(out))) == (out[1:], err, last), "read again, from the middle"


async def test_a_job_sees_its_own_variables_directory_and_umask_and_none_of_ours(jobs: Jobs) -> None:
    command = "echo \"$A|$IFS|$PWD\"; umask; env | grep -i '^ck_'; set | grep -c '^ck_'; ls -l /proc/self/fd | grep -c jobs"
    await jobs.start_job(spec("j", command, env={"A": "it's\n$x", "IFS": "-", "ck_d": "mine"}, cwd="/usr"))
    out, err, _ = await whole(jobs, "j")
    assert out.startswith(b"it's\n$x|") and b"|/usr\n0022\nck_d=mine\n1\n1\n" in out
    assert err == b""


async def test_a_directory_that_is_not_there(jobs: Jobs) -> None:
    await jobs.start_job(spec("j", "echo never", cwd="/not/there"))
    out, _, last = await whole(jobs, "j")
    assert (out, last.exit, last.error) == (b"", 126, "cannot enter /not/there")


@pytest.mark.parametrize(
    ("program", "out"),
    [
        (b"#!/bin/sh\nprintf '%s|' \"$@\"\n", b"a b|'c|"),
        (b"#! /usr/bin/env python3\nimport sys; print(*sys.argv[1:], sep='|')\n", b"a b|'c\n"),
        (b"#!/bin/sh -eu\necho \"$nope\"\n", b""),
        (b'printf %s "plain-$1"\n', b"plain-a b"),
        (b"#!/bin/sh\n# \\ \\n ' \xff\xfe\necho '\\n\x80'\n" + b"# filler\n" * 20_000, None),
    ],
    ids=["shebang", "env", "option", "none", "bytes"],
)
async def test_a_program_runs_by_its_own_first_line(jobs: Jobs, program: bytes, out: bytes | None) -> None:
    await jobs.start_job(spec("j", "", program=program, args=("a b", "'c")))
    got, _, last = await whole(jobs, "j")
    if out is not None:
        assert got == out
    assert (last.exit != 0) == (b"-eu" in program)


async def test_a_binary_is_run_as_it_is(jobs: Jobs) -> None:
    await jobs.start_job(spec("j", "", program=Path("/bin/echo").read_bytes(), args=("from", "elf")))
    assert (await whole(jobs, "j"))[0] == b"from elf\n"


async def test_what_no_shell_can_hold_is_refused(jobs: Jobs) -> None:
    with pytest.raises(ValueError, match="NUL"):
        await jobs.start_job(spec("j", "echo \0"))
    with pytest.raises(ValueError, match="name of a variable"):
        await jobs.start_job(spec("j", "true", env={"A;B": ""}))


async def test_ids_of_any_letters_keep_apart(jobs: Jobs) -> None:
    names = ["a/b", "a%2Fb", "../a", ".a", "-a", "a b*", "ä", "x" * 400, "x" * 401, "a.out", "a"]
    for name in names:
        await jobs.start_job(spec(name, f"printf %s {len(name)}-{names.index(name)}"))
    for name in names:
        assert (await whole(jobs, name))[0] == f"{len(name)}-{names.index(name)}".encode()


async def test_a_trivial_job_takes_one_round_trip(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one with more output than a notice carries takes two."""
    asked: list[str] = []
    await jobs.boot_id()
    desk = jobs._desks[False]
    real = desk.shell.request

    async def counted(command: str, *, before: bytes = b"") -> object:
        asked.append(command.split()[0])
        return await real(command, before=before)

    monkeypatch.setattr(desk.shell, "request", counted)
    await jobs.start_job(spec("small", "echo hello; echo there >&2"))
    assert (await whole(jobs, "small"))[:2] == (b"hello\n", b"there\n")
    assert asked == ["ck_start"]
    await jobs.start_job(spec("large", "head -c 5000 /dev/zero"))
    assert (await whole(jobs, "large"))[0] == bytes(5000)
    assert asked == ["ck_start", "ck_start", "ck_poll"]


async def test_output_comes_while_the_job_runs(jobs: Jobs, tmp_path: Path) -> None:
    await jobs.start_job(spec("j", f"echo first; until test -e {tmp_path}/go; do sleep 0.05; done; echo last"))
    following = jobs.follow_job("j", become=False)
    assert (await anext(following)).data == b"first\n"  # type: ignore[union-attr]
    (tmp_path / "go").touch()
    assert (await anext(following)).data == b"last\n"  # type: ignore[union-attr]
    assert (await anext(following)).phase == "ended"  # type: ignore[union-attr]


async def test_a_service_left_behind_holds_nothing_up(jobs: Jobs) -> None:
    for name, secrets in (("plain", {}), ("masked", {"PW": "hunter22"})):
        await jobs.start_job(spec(name, "sleep 5 & echo started", secrets=secrets))
        out, _, last = await whole(jobs, name)
        assert (out, last.exit) == (b"started\n", 0)


async def test_running_jobs_much_output_comes_byte_for_byte(jobs: Jobs, tmp_path: Path) -> None:
    """Two in one reply, with bytes that no text has, more than a pipe holds: read while they run."""
    command = "head -c 150000 /dev/zero; printf '\\377\\000\\n'; { head -c 70000 /dev/zero; printf '\\376'; } >&2"
    command += f"; until [ -e {tmp_path}/go ]; do sleep 0.1; done"
    await asyncio.gather(*(jobs.start_job(spec(name, command)) for name in "ab"))
    wanted = {"out": bytes(150_000) + b"\xff\0\n", "err": bytes(70_000) + b"\xfe"}

    async def followed(name: str) -> JobReport:
        seen = {"out": b"", "err": b""}
        async for item in jobs.follow_job(name, become=False):
            if isinstance(item, JobReport):
                return item
            assert item.offset == len(seen[item.stream])
            seen[item.stream] += item.data
            if seen == wanted:
                here.release()
        raise AssertionError("no report")

    here = asyncio.Semaphore(0)
    both = [asyncio.create_task(followed(name)) for name in "ab"]
    async with asyncio.timeout(30):
        await here.acquire()
        await here.acquire()
        (tmp_path / "go").touch()
        assert [(last.exit, last.out, last.err) for last in await asyncio.gather(*both)] == [(0, 150_003, 70_001)] * 2


async def test_a_dd_that_can_do_little_is_enough(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    small = tmp_path / "bin/dd"
    small.write_text('#!/bin/sh\ncase "$*" in *ibs=* | *obs=*) exit 1 ;; esac\nexec /bin/dd "$@"\n')
    small.chmod(0o755)
    link = LocalLink(str(tmp_path), env={"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"})
    jobs = Jobs(link)
    await jobs.start_job(spec("j", f"echo it runs; until [ -e {tmp_path}/go ]; do sleep 0.1; done"))
    async with asyncio.timeout(30):
        async for item in jobs.follow_job("j", become=False):
            if isinstance(item, JobReport):
                assert item.exit == 0
                break
            assert item.data == b"it runs\n"
            (tmp_path / "go").touch()
    await jobs.close()
    await link.wait()
