"""Images where a side has no Python: which sum both ends take, and what it says. The halves run here, each with its own tools."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from cockpit.fleet.image import bundle, posix
from cockpit.steps.copy.images import Images, Large
from tests.copy.images import MIB, change, dense, same
from tests.hosts.tools import find, require

TOOLS = [
    "awk", "blockdev", "cat", "chgrp", "chmod", "chown", "cut", "date", "dd", "fallocate", "grep", "head", "id", "ls", "mkdir",
    "rm", "sed", "sleep", "sort", "stat", "sync", "tail", "tee", "touch", "tr", "wc",
]  # fmt: skip
SUMS = (files(bundle.PACKAGE) / "sums.sh").read_text()
SIZE = 20 * MIB + 99


class Ends:
    """A source and a target, by directories of tools. `tools`: name -> script; without a script, the one that is here."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.here, self.there = place / "here", place / "there"

    def equip(self, end: str, shell: str = "dash", **tools: str) -> Path:
        bin = self.place / end
        shutil.rmtree(bin, ignore_errors=True)
        bin.mkdir()
        (bin / "sh").symlink_to(find(shell) or shell)
        for tool in TOOLS:
            (bin / tool).symlink_to(str(shutil.which(tool)))
        for tool, script in tools.items():
            (bin / tool).write_text(f'#!/bin/sh\n{script or f"exec {shutil.which(tool)}"} "$@"\n')
            (bin / tool).chmod(0o755)
        return bin

    def part(self) -> Images:
        return Images([Large(str(self.here), str(self.there), SIZE)], "pull", streams=1, python=False)

    def job(self) -> tuple[Images, subprocess.CompletedProcess[bytes]]:
        """One job at the target; its way to the source is a shell with the source's tools."""
        part, shell, path = self.part(), self.place / "ssh", self.place / "target"
        text = f'shift\nexport SSH_ORIGINAL_COMMAND="$*" PATH={self.place}/source\n{part.forced()}\n'
        shell.write_bytes(os.fsencode(text))
        env = {"PATH": str(path), "HOME": str(self.place), "TMPDIR": str(self.place)}
        done = subprocess.run([path / "sh", "-c", part.command(str(shell)).command], env=env, capture_output=True, check=False)
        part.feed(done.stdout)
        return part, done

    def move(self) -> tuple[list[str], int]:
        """The hashes of a copy that is done and the same, and how much came."""
        part, done = self.job()
        assert part.judge(done.returncode, done.stderr.decode()) is None, done
        assert same(self.here, self.there)
        return part.detail()["hashes"], part.moved


@pytest.fixture
def ends(tmp_path: Path) -> Ends:
    made = Ends(tmp_path)
    dense(made.here, SIZE)
    return made


SLOW = f"sleep 0.4; exec {shutil.which('md5sum')}"
OTHER = f"read -r _; echo x; exec {shutil.which('md5sum')}"  # of another version: it makes something else of the same


@pytest.mark.parametrize(("source", "target", "taken"), [
    ({"md5sum": "", "b2sum": ""}, {"md5sum": "", "b2sum": SLOW}, "md5"),
    ({"md5sum": SLOW, "b2sum": ""}, {"md5sum": "", "b2sum": ""}, "b2"),
    ({"md5sum": SLOW, "b2sum": ""}, {"md5sum": "", "sha1sum": ""}, "md5"),
    ({"openssl": "", "md5sum": SLOW}, {"sha256sum": "", "md5sum": ""}, "sha256"),
    ({"openssl": "exit 1 #", "sha256sum": "", "md5sum": SLOW}, {"sha256sum": "", "md5sum": ""}, "sha256"),
    ({"xxhsum": f"exec {shutil.which('md5sum')} #", "md5sum": SLOW}, {"xxhsum": OTHER, "md5sum": ""}, "md5"),
    ({"b3sum": "echo forbidden >&2; exit 1 #", "md5sum": SLOW, "cksum": ""}, {"b3sum": "", "md5sum": SLOW, "cksum": ""}, "md5"),
    ({"md5sum": "", "cksum": ""}, {"sha1sum": "", "cksum": ""}, "ck"),
], ids=[
    "target-slow", "source-slow", "one-has", "two-tools", "broken-openssl", "versions", "strong-first", "last-resort",
])  # fmt: skip
def test_what_both_have_and_is_fastest_where_it_is_slowest(
    source: dict[str, str], target: dict[str, str], taken: str, ends: Ends
) -> None:
    ends.equip("source", **source)
    ends.equip("target", **target)
    assert ends.move() == ([taken], SIZE)


def test_what_was_begun_by_the_last_resort_is_compared_by_a_better_one(ends: Ends) -> None:
    for end in ("source", "target"):
        ends.equip(end, cksum="")
    assert ends.move() == (["ck"], SIZE)
    (receipts,) = ends.place.glob(".cockpit/images/*.sums")
    receipts.write_text("".join(receipts.read_text().splitlines(True)[:2]))
    for end in ("source", "target"):
        ends.equip(end, cksum="", md5sum="")
    assert ends.move() == (["md5"], 0)


def test_no_hash_in_common(ends: Ends) -> None:
    ends.equip("source", md5sum="")
    ends.equip("target", sha1sum="")
    part, done = ends.job()
    outcome = part.judge(done.returncode, "")
    assert outcome is not None and outcome.error == "the two servers have no hash in common" and not outcome.transient


def test_what_was_begun_by_another_hash_goes_on_by_that_while_both_have_it(ends: Ends) -> None:
    """And a second pass compares by any, moving only what changed."""
    for end in ("source", "target"):
        ends.equip(end, md5sum="")
    assert ends.move() == (["md5"], SIZE)
    (receipts,) = ends.place.glob(".cockpit/images/*.sums")
    head, first, *_ = receipts.read_text().splitlines(True)
    receipts.write_text(head + first)  # as of a job that ended after its first chunk
    for end in ("source", "target"):
        ends.equip(end, md5sum=SLOW, sha1sum="")
    assert ends.move() == (["md5"], SIZE - 16 * MIB)
    assert first in receipts.read_text() and receipts.read_text().startswith(head)
    assert ends.move() == (["md5"], 0), "what is done stays so"
    change(ends.here, 1, 100)
    assert ends.move() == (["sha1"], 16 * MIB), "another image: nothing of the receipts holds"
    ends.equip("target", md5sum="")
    ends.equip("source", md5sum="")
    receipts.write_text("".join(receipts.read_text().splitlines(True)[:2]))
    assert ends.move() == (["md5"], 0), "who has lost the tool compares"


def test_a_tool_that_dies_says_nothing_of_two_chunks(ends: Ends) -> None:
    """Two empty words would be alike."""
    dies = f"[ ! -e {ends.place}/dies ] || exit 0; exec {shutil.which('md5sum')}"
    for end in ("source", "target"):
        ends.equip(end, md5sum=dies)
    assert ends.move() == (["md5"], SIZE)
    env = {"PATH": str(ends.place / "source"), "SSH_ORIGINAL_COMMAND": "sum 0 0 512 md5"}
    (ends.place / "dies").touch()
    asked = ["sh", "-c", posix.half("source", [str(ends.here)], become=False)]
    done = subprocess.run(asked, env=env, capture_output=True, check=False)
    assert done.returncode and not done.stdout, done


@pytest.mark.parametrize(("by", "tool", "hash"), [
    ("own", "md5sum", "md5"), ("own", "sha1sum", "sha1"), ("own", "sha256sum", "sha256"), ("own", "openssl", "sha256"),
    ("own", "b2sum", "b2"), ("own", "xxhsum", "xxh128"), ("own", "b3sum", "b3"),
    ("busybox", "md5sum", "md5"), ("busybox", "sha1sum", "sha1"), ("busybox", "sha256sum", "sha256"),
])  # fmt: skip
def test_every_tool_says_the_same_word(by: str, tool: str, hash: str, ends: Ends) -> None:
    require("busybox", tool)
    script, shell = (f"exec {find('busybox')} {tool}", "busybox") if by == "busybox" else ("", "dash")
    path = ends.equip("one", shell, **{tool: script})
    data = b"\0\n\\" * 5000
    asked = [path / "sh", "-c", f"{SUMS}\nsum {hash}"]
    said = subprocess.run(asked, input=data, env={"PATH": str(path)}, capture_output=True, check=True)
    named = {"b2": "blake2b"}.get(hash, hash)
    word = hashlib.new(named, data).hexdigest() if named in hashlib.algorithms_available else None
    assert said.stdout.decode().strip() == word if word else len(said.stdout) >= 33, said


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
@pytest.mark.parametrize("name", [b'o"dd\\n\\c \\ %s', b"\x01\t\x1b[1m\r!", b"\xff\xc3 \xe2\x82", "é €  *".encode(), b"a\nb"])
def test_a_fault_says_a_name_as_it_is(name: bytes, shell: str, ends: Ends) -> None:
    require(shell)
    for end in ("source", "target"):
        ends.equip(end, shell, md5sum="")
    shown = name.decode("utf-8", "surrogateescape")
    ends.here = ends.place / shown
    part, done = ends.job()
    outcome = part.judge(done.returncode, "")
    text = f"the source {ends.here} is not there".replace("\n", "?")
    assert outcome is not None and outcome.error == text, done
