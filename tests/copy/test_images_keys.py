"""What the other server may ask with the key that images move by: its role's questions, in bounds, about these files alone."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from shlex import quote
from typing import Any

import pytest

from cockpit.fleet.image import bundle, posix
from cockpit.fleet.image.ends import serve
from cockpit.fleet.image.faults import Broken, Fault
from cockpit.fleet.image.source import Source
from cockpit.fleet.image.target import Target
from cockpit.fleet.image.wire import HEAD, Wire
from tests.copy.images import HALVES, MIB, dense, mover
from tests.hosts.factory import Hosts
from tests.hosts.tools import find, require

Question = list[Any]
FACTS = {"size": 0, "device": False, "inode": 1, "written": 1, "mode": 0o777, "uid": 0, "gid": 0, "read": 1}
PLACED = {"source": "sum", "target": "prove"}
OTHERS = {
    "source": [
        "take 0 0 512 whole", "begin 0 0 x sha256", "end 0 10 777 0 0 1", "zero 0 0 512", "have 0 0 x", "prove 0 0 512 md5",
    ],
    "target": ["look 0", "read 0 0 512", "begin 0 512 1", "begin 0 512 1 sha256 sha512", "begin 0 512 1 md5sum"],
}  # fmt: skip
ODD = [
    "", " 0 0 512", " 0 0", " 1 0 512 md5", " name 0 512 md5", " -1 0 512 md5", " 0 x 512 md5", " 0 08 512 md5", " 0 1 512 md5",
    " 0 0 0 md5", " 0 16 512 md5", " 0 0 99999999 md5", " 0 99999999999999999999 1 md5", " 0 0 512 md5; id", " 0 0 512 $(id)",
    " 0 0 512 sha512", " 0 0 512 sh", " 0 0 512 sha256sum", " 0 0 512 xxhsum", " 0 0 512",
]  # fmt: skip
OTHER_VERBS: dict[str, list[Question]] = {
    "source": [
        ["prepare", [0, FACTS, ["sha256"]]], ["finish", [0, FACTS]], ["settle", [0, 0]], ["receipt", [0, 0, 512, "hex:00"]],
        ["take", [0, 0, 512, "sha256", True, None, "hex:"]],
    ],
    "target": [["look", [0]], ["holes", [0, 0, 512]], ["read", [0, 0, 512, "sha256"]]],
}  # fmt: skip
PLACES = [
    (1, 0, 512), (-1, 0, 512), ("0", 0, 512), (0, 1, 512), (0, -(1 << 25), 512), (0, 0, 0), (0, 0, 1 << 26), (0, "0", 1),
    (0, 0.0, 1),
]  # fmt: skip
ALIKE: list[Question] = [
    ["digest", [0, 0, 512, "md5", True]], ["__init__", [0]], ["_at", [0]], ["close", []], ["map", [0, 1 << 62]], ["map", [0, -1]],
    *(["digest", [*place, "sha256", True]] for place in PLACES), [],
]  # fmt: skip


@HALVES
async def test_a_key_to_a_source_writes_nothing(python: bool, server: dict[str, Any], hosts: Hosts, tmp_path: Path) -> None:
    src, dst = hosts("src", user="root", **server), hosts("dst", user="root", **server)
    held = dense(src.path("/srv/held"), 3 * MIB)
    before = state(held)
    async with mover(src, dst, "pull", tmp_path) as moving:
        forced, route = moving.part([("/srv/held", "/srv/new")], python=python).forced(), moving.route
        assert forced is not None and route is not None
        await route.permit(forced)
        asked = [("x", frame(each)) for each in OTHER_VERBS["source"]] if python else [(each, b"x") for each in OTHERS["source"]]
        for question, stdin in asked:
            line = f"sh {quote(route.shell)} cockpit {quote(question)}"
            done = await route.job.remote.run(line, become=route.job.become, stdin=stdin, timeout=60)
            assert (b"asked for what it may not" in done.stdout) if python else done.exit == 64, (question, stdin, done)
    assert state(held) == before


@pytest.mark.parametrize("shell", ["dash", "busybox"])
@pytest.mark.parametrize("role", ["source", "target"])
def test_a_shell_answers_its_roles_questions_within_bounds(role: bundle.Role, shell: str, tmp_path: Path) -> None:
    require(shell)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sh").symlink_to(find(shell))
    held = dense(tmp_path / "held", 3 * MIB)
    line, before = posix.half(role, [str(held)], become=False), state(held)
    env = os.environ | {"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    for question in ["tools", f"{PLACED[role]} 0 0 512 md5", *OTHERS[role], *(PLACED[role] + odd for odd in ODD)]:
        asked = env | {"SSH_ORIGINAL_COMMAND": question}
        done = subprocess.run(["sh", "-c", line], env=asked, input=b"overwritten", capture_output=True, check=False)
        answered = question in ("tools", f"{PLACED[role]} 0 0 512 md5")
        assert (done.returncode == 0, bool(done.stdout)) == (answered, answered), (question, done)
        assert done.returncode in (0, 64, 65), (question, done)
    assert state(held) == before


@pytest.mark.parametrize("role", ["source", "target"])
def test_python_answers_its_roles_questions_within_bounds(role: bundle.Role, tmp_path: Path) -> None:
    held = dense(tmp_path / "held", 3 * MIB)
    before = state(held)
    for question in [["hello", []], *OTHER_VERBS[role], *ALIKE]:
        said = answer(role, held, question)
        assert (b"asked for what it may not" in said) == (question != ["hello", []]), (question, said)
    assert state(held) == before


def answer(role: bundle.Role, path: Path, question: Question) -> bytes:
    """What is said to one who asks this and goes away."""
    (heard, asking), (hearing, said) = os.pipe(), os.pipe()
    os.write(asking, frame(question))
    os.close(asking)
    end, wire = (Source if role == "source" else Target)([os.fsencode(path)]), Wire(heard, said)
    with pytest.raises((Fault, Broken)):
        serve(wire, end, role, 1)
    wire.close()
    end.close()
    with os.fdopen(hearing, "rb") as file:
        return file.read()


def frame(question: Question) -> bytes:
    text = json.dumps(question).encode()
    return HEAD.pack(b"Q", len(text)) + text


def state(path: Path) -> tuple[bytes, int, int]:
    seen = path.stat()
    return path.read_bytes(), seen.st_mode, seen.st_mtime_ns
