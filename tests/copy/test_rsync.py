"""rsync's words and numbers, against the rsync that is installed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cockpit.fleet.counting import Counter, parse_survey, survey_command
from cockpit.fleet.rsync import (
    COARSE,
    MEANINGS,
    OLDEST,
    PASS_MARK,
    TRANSIENT,
    Options,
    Rsync,
    choose,
    command,
    ended,
    job,
    parse_version,
    server_line,
    show_command,
    words,
)
from tests.hosts.tools import require

NEW = parse_version("rsync  version 3.2.7  protocol version 31\n    ACLs, xattrs, x\n")
OLD = parse_version("rsync  version 3.1.2  protocol\n no ACLs, xattrs")


def sh(text: str, code: int = 0) -> str:
    require("rsync")
    done = subprocess.run(["/bin/sh", "-c", text], capture_output=True, text=True, errors="surrogateescape", check=False)
    assert done.returncode == code, done.stderr
    return done.stdout


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three files of 100, 200 and 300 kB, the first with a second name, a link, an empty directory."""
    root = tmp_path / "data"
    (root / "a").mkdir(parents=True)
    (root / "empty").mkdir()
    for n in (1, 2, 3):
        (root / f"a/f{n}").write_bytes(bytes([n]) * n * 100_000)
    (root / "a/h1").hardlink_to(root / "a/f1")
    (root / "a/link").symlink_to("f1")
    return root


def test_the_version_says_what_an_rsync_can_carry() -> None:
    assert OLD is not None and (OLD.version, OLD.acls, OLD.xattrs) == ((3, 1, 2), False, True)
    assert NEW is not None and NEW.acls
    openrsync = parse_version("openrsync: protocol version 29\nrsync version 2.6.9 compatible\n")
    assert openrsync is not None and openrsync.version < OLDEST
    assert parse_version("sh: rsync: not found") is None


def test_in_place_and_sparse_only_where_it_is_right() -> None:
    assert NEW and OLD
    how = {"linked": False, "final": False, "delete": False, "exclude": ()}
    first = choose(NEW, NEW, empty=True, retry=False, **how)
    assert (first.sparse, first.inplace) == (True, True)
    again = choose(NEW, NEW, empty=False, retry=True, **how)
    assert (again.sparse, again.itemize) == (True, True)
    delta = choose(NEW, NEW, empty=False, retry=False, **how)
    assert not delta.sparse, "every unchanged block would be written again"
    assert not choose(OLD, NEW, empty=True, retry=False, **how).sparse, "it refuses -S with --inplace"
    linked = choose(NEW, NEW, empty=False, retry=False, **{**how, "linked": True})
    assert (linked.inplace, linked.sparse) == (False, True), "what is written anew keeps its holes"
    assert not choose(OLD, NEW, empty=True, retry=False, **how).acls


def test_the_survey_counts_what_a_copy_moves(data: Path) -> None:
    survey = parse_survey(sh(survey_command(f"{data}/")))
    assert survey is not None
    assert (survey.files, survey.size) == (3, 600_000), "a hard-link group once"
    assert survey.kinds == {"reg": 4, "dir": 3, "link": 1}
    some = parse_survey(sh(survey_command(f"{data}/", ["f3", "/empty/"])))
    assert some is not None and (some.files, some.size, some.kinds["dir"]) == (2, 300_000, 2)
    assert parse_survey("nothing") is None


def test_the_counter_ends_at_what_the_survey_said(data: Path, tmp_path: Path) -> None:
    target = tmp_path / "there"
    counter = Counter()
    counter.feed(sh(command(Options(itemize=True), f"{data}/", f"{target}/")).encode())
    assert (counter.bytes_done, counter.files_done) == (600_000, 3)
    assert (target / "a/h1").stat().st_ino == (target / "a/f1").stat().st_ino


def test_a_resumed_run_counts_what_is_there(data: Path, tmp_path: Path) -> None:
    target = tmp_path / "there"
    sh(command(Options(), f"{data}/", f"{target}/"))
    (target / "a/f3").write_bytes(b"half")
    out = sh(command(Options(itemize=True), f"{data}/", f"{target}/")).encode()
    counter, grown = Counter(), [0]
    for i in range(len(out)):  # however the output is cut
        counter.feed(out[i : i + 1])
        grown.append(counter.bytes_done)
    assert grown == sorted(grown) and grown[-1] == 600_000
    assert counter.files_done == 3 and counter.changed > 0
    assert (counter.moved, Path(target / "a/f3").read_bytes()) == (300_000, (data / "a/f3").read_bytes())


def test_what_a_file_had_already_was_not_sent(data: Path, tmp_path: Path) -> None:
    """Of a copy that was broken off; the rest of the file is all that moves, and its holes stay (-S on a delta in place)."""
    target = tmp_path / "there"
    with (data / "a/f4").open("wb") as file:
        file.write(os.urandom(8 << 20))
        file.truncate(24 << 20)
    sh(command(Options(), f"{data}/", f"{target}/"))
    os.truncate(target / "a/f4", 6 << 20)
    out = sh(command(Options(itemize=True), f"{data}/", f"{target}/")).encode()
    counter = Counter()
    counter.feed(out)
    assert counter.bytes_done == 600_000 + (24 << 20)
    assert (2 << 20) <= counter.moved <= (19 << 20), "two megabytes and the hole"
    assert (target / "a/f4").read_bytes() == (data / "a/f4").read_bytes()
    assert (target / "a/f4").stat().st_blocks * 512 <= 9 << 20


def test_a_final_job_passes_twice_and_the_second_changes_nothing(data: Path, tmp_path: Path) -> None:
    text = job(command(Options(itemize=True), f"{data}/", f"{tmp_path}/there/"), final=True)
    out = sh(text)
    assert out.count(PASS_MARK) == 1
    counter = Counter()
    counter.feed(out.encode())
    assert (counter.passes, counter.changed, counter.bytes_done) == (2, 0, 600_000)


def test_a_change_in_the_second_pass_is_seen() -> None:
    counter = Counter()
    counter.feed(f"{PASS_MARK}\n>f.st...... 12\n.d          4096\n*deleting   0\n".encode())
    assert counter.changed == 2


def test_a_job_runs_rsync_once_more_when_files_vanished(tmp_path: Path) -> None:
    codes = tmp_path / "codes"
    for first, second, end in ((24, 0, 0), (24, 24, 24), (23, 0, 23)):
        codes.write_text(f"{first}\n{second}\n")
        fake = f"read n < {codes}; sed -i 1d {codes}; (exit $n)"
        sh(job(fake, final=False), end)


@pytest.mark.parametrize("path", ["/srv/plain-1.x", "/srv/with space", "/srv/o'brien", "/srv/new\nline", "/srv/$x*?[a]"])
def test_the_other_half_is_exact_whatever_the_path(path: str, tmp_path: Path) -> None:
    show = tmp_path / "show"
    show.write_text('shift; printf %s "$*" > "${0%/*}/line"')
    sh(show_command(Options(exclude=("x y",)), str(show), pull=True) + " 2>/dev/null || :")
    line = server_line((tmp_path / "line").read_text(), path)
    assert line.startswith("rsync --server --sender -")
    words = sh(f"set -- {line}; printf '%s\\0' \"$@\"").split("\0")
    assert words[-3:] == [".", path, ""]


def test_what_rsync_does_not_say_is_refused() -> None:
    for said in ("", "rsync --server --sender -a . /y", "sh -c x . /x"):
        with pytest.raises(ValueError, match="unexpected"):
            server_line(said, "/srv")


def test_exit_codes() -> None:
    assert ended(0, "").done and not ended(23, "").done and not ended(24, "").done
    assert ended(24, "", initial=True).done
    assert all(ended(code, "").transient for code in TRANSIENT)
    assert not ended(11, "").transient and not ended(12, "write failed: No space left on device (28)").transient
    assert "target is full" in ended(11, "rsync: write failed on x: No space left on device (28)").text
    assert all(MEANINGS[code] in ended(code, "").text for code in MEANINGS if code)


def test_files_written_to_while_they_are_copied_are_no_failure_of_an_initial_pass() -> None:
    shrunk = 'rsync: [sender] read errors mapping "/srv/d/f": No data available (61)\n'
    torn = "WARNING: f failed verification -- update retained (will try again).\n"
    last = "rsync error: some files/attrs were not transferred (code 23) at main.c(1956) [generator=3.5.0]\n"
    live, final = ended(23, shrunk + torn + last, initial=True), ended(23, shrunk + torn + last)
    assert live.done and not final.done and final.transient
    assert "written to while they were copied" in final.text
    paced = "rsync error: received SIGINT, SIGTERM, or SIGHUP (code 20) at x.c\ncockpit: rsync was ended for a new limit\n"
    assert ended(23, paced + torn + last, initial=True).done, "a new limit before it was no failure"
    other = 'rsync: [sender] send_files failed to open "/srv/d/g": Permission denied (13)\n'
    for errors in (torn + other + last, "… " + torn + last, last):
        assert not ended(23, errors, initial=True).done, "something else went wrong, or may have"


def test_times_are_compared_as_exactly_as_both_can() -> None:
    new, old = Rsync((3, 2, 7), True, True), Rsync((3, 1, 2), True, True)
    for theirs, without, exact in ((new, frozenset(), True), (old, frozenset(), False), (new, {COARSE}, False)):
        options = choose(new, theirs, empty=False, retry=False, linked=False, final=True, delete=False, exclude=(),
                               without=frozenset(without))  # fmt: skip
        assert ("--modify-window=-1" in words(options)) is exact
