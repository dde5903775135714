"""What the survey leaves out is what rsync leaves out, whichever way it goes: rsync is the judge, over random
trees: three here, more in tests/long/test_survey_rules.py."""

from __future__ import annotations

import os
import random
import re
import subprocess
from pathlib import Path

import pytest

from cockpit.fleet.survey.command import listing_command, naming_command
from cockpit.fleet.survey.rules import plain
from tests.hosts.tools import require

PIECES = ["a", "b", "ab", "x.tmp", ".b", "*", "?", "**", "***", "[ab]", "[!a]", "[a-c]x", "b*",
          "*.tmp", "a**b", "é", "-a", "a b", "q'\"$"]
ONLY_RSYNC = ["a\\*", "[[:alpha:]]", "+ a", "- b", "!", "a//b", "\\[x"]


def tree(root: Path, rng: random.Random) -> None:
    names = ["a", "b", "ab", "bx", "ax", "x.tmp", ".b", "axb", "é", "-a", "a b", "q'\"$", "a\nb", "x.tmp\n"]
    for _ in range(60):
        path = root.joinpath(*rng.choices(names, k=rng.randrange(1, 5)))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
        except OSError:
            pass  # a file is where a directory would have to be


def pattern(rng: random.Random) -> str:
    words = ["".join(rng.choices(PIECES, k=rng.randrange(1, 3))) for _ in range(rng.randrange(1, 4))]
    return rng.choice(["", "", "/"]) + "/".join(words) + rng.choice(["", "", "/"])


def by_rsync(path: str, patterns: list[str], root: Path) -> set[bytes]:
    done = subprocess.run(naming_command(path, patterns), shell=True, capture_output=True, check=True)
    names = {re.sub(rb"\\#(\d{3})", lambda m: bytes([int(m[1], 8)]), line) for line in done.stdout.splitlines()}
    prefix = b"" if path.endswith("/") else os.fsencode(root.name) + b"/"
    files = {name.removeprefix(prefix) for name in names if not name.endswith(b"/")}
    return files


def by_us(path: str, patterns: list[str], env: dict[str, str]) -> set[bytes]:
    done = subprocess.run(listing_command(path, patterns), shell=True, capture_output=True, env=env, check=False)
    assert done.returncode == 0, (done, patterns)
    return {record.split(b" ", 4)[4] for record in done.stdout.split(b"\0")[:-1]}


@pytest.fixture
def without_python(tmp_path: Path) -> dict[str, str]:
    place = tmp_path / "bin"
    place.mkdir()
    for tool in ("find", "sh"):
        (place / tool).symlink_to(f"/usr/bin/{tool}")
    return {"PATH": str(place)}


@pytest.mark.parametrize("seed", range(3))
def test_as_rsync(seed: int, tmp_path: Path, without_python: dict[str, str]) -> None:
    require("rsync", "python3", "find")
    rng = random.Random(seed)
    root = tmp_path / "src"
    root.mkdir()
    tree(root, rng)
    tried = 0
    while tried < 8:
        patterns = [pattern(rng) for _ in range(rng.randrange(1, 3))]
        if not plain(patterns):
            continue
        tried += 1
        path = f"{root}{rng.choice(['/', ''])}"
        expected = by_rsync(path, patterns, root)
        assert by_us(path, patterns, dict(os.environ)) == expected, (patterns, path)
        assert by_us(path, patterns, without_python) == expected, (patterns, path, "find")


@pytest.mark.parametrize("pattern", ONLY_RSYNC)
@pytest.mark.parametrize("slash", ["/", ""])
def test_what_only_rsync_can_read_is_asked_of_it(
    pattern: str, slash: str, tmp_path: Path, without_python: dict[str, str],
) -> None:  # fmt: skip
    require("rsync", "python3")
    root = tmp_path / "src"
    root.mkdir()
    tree(root, random.Random(pattern))
    assert not plain([pattern])
    assert by_us(f"{root}{slash}", [pattern], dict(os.environ)) == by_rsync(f"{root}{slash}", [pattern], root)
    done = subprocess.run(listing_command(f"{root}{slash}", [pattern]), shell=True, env=without_python, check=False)
    assert done.returncode == 69
