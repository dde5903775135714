"""Words that nobody means, on every command: a paragraph and an exit code come back, never a fault of our own."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from cockpit.cli import COMMANDS, main
from cockpit.cli.command import VERBS
from tests.night.sessions import Cockpit

WORDS = (
    "", " ", "-", "--", "@", "x@y", "look", "look@", "@all", "..", "../..", "/", "~", "*", "%s", "{0}", "{{ x }}", "nan", "-1",
    "99:99", "-00:00", "0", "1e999", "\n", "a\nb", "\x1b[2J", "\udcff\udcfe", "é", "👍", "A" * 5000, "night", "junk",
    "night.toml",
)  # fmt: skip
SKIPPED = {("demo", "--headless"), ("resume", "--headless"), ("stop", "")}  # they start, follow or end what takes a night


def options_of(name: str) -> list[str]:
    command = main.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    found = [o for p in command.params for o in p.opts if o.startswith("-")]
    return [option for option in found if (name, option) not in SKIPPED]


def words_for(name: str, night: str, rng: random.Random) -> Iterator[list[str]]:
    for turn in range(12):
        words = [rng.choice([*WORDS, *options_of(name), night]) for _ in range(rng.randint(0, 4))]
        if name == "do" and turn % 2:
            words = [night, rng.choice(VERBS), *words[:2]]
        if not (name == "log" and {"-f", "--follow"} & {*words}):  # of a night that waits it waits too
            yield [name, *words]


def test_no_words_bring_a_fault_to_light(night: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    (place / "junk").write_bytes(os.urandom(3000))
    rng = random.Random(night)
    for name in (c for c in COMMANDS if (c, "") not in SKIPPED):
        for words in words_for(name, night, rng):
            done = CliRunner().invoke(main, words, input="")
            told = f"{words}: {done.output}"
            assert done.exception is None or isinstance(done.exception, SystemExit), told
            assert done.exit_code in (0, 1, 2, 3), told
            assert "Traceback" not in done.output and "mistake of its own" not in done.output, told
            assert "fault of cockpit's own" not in done.output, told
            said = done.stderr or ("--json" in words and done.stdout)
            assert done.exit_code == 0 or said, f"refused without a word: {told}"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
def test_names_that_the_terminal_cannot_show(apart: Cockpit, place: Path, encoding: str) -> None:
    path = place / "\udcff ….toml"
    assert "written with" in apart("new", os.fspath(path), PYTHONIOENCODING=encoding).stdout
    assert "critical path" in apart("check", os.fspath(path), PYTHONIOENCODING=encoding).stdout
