"""A secret that a job uses and prints is in no file of its server and on no command line."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from cockpit.fleet.jobs import Jobs
from cockpit.fleet.jobs_words import masks
from tests.fleet.local_link import LocalLink
from tests.fleet.ssh_link import jobs_on, spec, whole
from tests.hosts import Host, Hosts, require

SECRET = "hunter2'\"$x `\\ü"
KEY = "-----BEGIN KEY-----\nQUJDREVGR0hJSktMTU5PUFFS\nU1RVVldYWVoxMjM0NTY3ODkw\n-----END KEY-----\n"


@pytest.fixture(scope="module")
def old() -> Iterator[Host]:
    """busybox for everything: the poorest od, dd, awk and sh that there are."""
    made = Hosts()
    try:
        yield made("old01", shell="busybox", sh="busybox", userland="busybox", user="root", without=("python3",))
    finally:
        made.close()


def hidden(data: bytes, words: list[bytes]) -> bytes:
    """What the filter promises: every byte of every occurrence is a star, and no other byte changes."""
    shown = bytearray(data)
    for word in words:
        at = data.find(word)
        while at >= 0:
            shown[at : at + len(word)] = b"*" * len(word)
            at = data.find(word, at + 1)
    return bytes(shown)


def files_with(host: Host, words: list[bytes]) -> list[str]:
    found = []
    for place in ("root", "home", "tmp", "var", "srv", "run", "etc"):
        for path in host.path(f"/{place}").rglob("*"):
            if path.is_file() and any(word in path.read_bytes() for word in words):
                found.append(str(path))
    return found


@pytest.mark.parametrize("value", [SECRET, KEY, "x"], ids=["quotes", "lines", "short"])
async def test_it_is_used_and_found_nowhere(old: Host, value: str) -> None:
    raw = value.encode()
    command = (
        'printf "%s" "$PW" | wc -c; printf "<%s>" "$PW"; set -x; : "$PW"; set +x; echo "$PW" >&2; echo "$PW" >/dev/stderr; '
        "cut=$(( $(printf %s \"$PW\" | wc -c) / 2 )); "
        'printf %s "$PW" | head -c $cut; sleep 0.2; printf %s "$PW" | tail -c +$((cut + 1)); '
        "echo; printf %s \"$PW\" | sed 's/^/> /'; cat /proc/*/cmdline | tr '\\000' ' ' > /srv/lines; sleep 0.3; echo end"
    )
    async with jobs_on(old) as jobs:
        name = f"use-{len(value)}"
        await jobs.start_job(spec(name, command, secrets={"PW": value}))
        out, err, last = await whole(jobs, name)
    lines = old.path("/srv/lines").read_bytes()
    assert f"{len(raw)}".encode() in hidden(out, [b"*"]) or value == "x"
    assert last.exit == 0 and out.endswith(b"end\n")
    words = [word for word in masks({"PW": value}) if len(word) > 1]
    for word in words:
        assert word not in out and word not in err and word not in lines
    assert b"<" + b"*" * len(raw) + b">" in out
    if value == "x":
        assert b"x" not in out + err
    else:
        assert files_with(old, words) == []
        assert all("".join(f"\\{byte:03o}" for byte in word).encode() not in lines for word in words)
    old.path("/srv/lines").unlink()


async def test_through_sudo_and_with_a_program(hosts: Hosts) -> None:
    host = hosts("web01", sudo="nopasswd", shell="csh")
    program = b'#!/bin/sh\nset -x\necho "$DB_PASSWORD" "$DB_PASSWORD"\n'
    async with jobs_on(host) as jobs:
        await jobs.start_job(spec("script", "", program=program, secrets={"DB_PASSWORD": "correct horse"}, become=True))
        out, err, last = await whole(jobs, "script", become=True)
    assert (out, last.exit) == (b"************* *************\n", 0)
    assert b"horse" not in err and b"*************" in err
    assert files_with(host, [b"correct horse"]) == []


@pytest.mark.parametrize("shell", ["dash", "busybox sh", "bash --posix"])
async def test_every_byte_around_it_is_exact(shell: str, tmp_path: Path) -> None:
    require(shell.split()[0])
    chance = random.Random(shell)
    link = LocalLink(str(tmp_path), shell)
    jobs = Jobs(link)
    for turn in range(6):
        letters = "".join(chance.sample("ab*\\\n%\x01é", 4))
        secrets = {f"S{n}": "".join(chance.choices(letters, k=chance.randint(1, 6))) for n in range(chance.randint(1, 3))}
        words = masks(secrets)
        data = "".join(chance.choices(letters + "\0", k=3000)).encode() + bytes(range(256)) + b"".join(words)
        (tmp_path / "data").write_bytes(data)
        parts = "".join(f"dd bs={chance.randint(1, 700)} count=1 2>/dev/null; sleep 0.01;" for _ in range(5))
        await jobs.start_job(spec(f"j{turn}", f"{{ {parts} cat; }} <{tmp_path}/data", secrets=secrets))
        out, err, last = await whole(jobs, f"j{turn}")
        assert (out, err, last.exit) == (hidden(data, words), b"", 0), secrets
    await jobs.close()
    await link.wait()


async def test_output_of_a_job_with_secrets_is_live(tmp_path: Path) -> None:
    link = LocalLink(str(tmp_path))
    jobs = Jobs(link)
    command = f"printf 'Password: '; until test -e {tmp_path}/go; do sleep 0.05; done"
    await jobs.start_job(spec("j", command, secrets={"PW": "Pass"}))
    item = await anext(jobs.follow_job("j", become=False))
    assert item.data == b"****word: "  # type: ignore[union-attr]
    (tmp_path / "go").touch()
    await whole(jobs, "j")
    await jobs.close()
    await link.wait()


def test_what_is_hidden_of_a_secret() -> None:
    assert masks({"A": "", "B": "one", "C": "two\n"}) == [b"one", b"two", b"two\n"]
    assert b"QUJDREVGR0hJSktMTU5PUFFS" in masks({"K": KEY}) and KEY.strip().encode() in masks({"K": KEY})
    assert masks({"S": "a\nlong enough\nb"}) == [b"a\nlong enough\nb", b"long enough"]
