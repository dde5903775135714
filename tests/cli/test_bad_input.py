"""Bad input, each tried for real: one clear paragraph with what to do next, the right exit code, never a traceback."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from cockpit.cli import COMMANDS, main
from tests.cli.conftest import WAITS, refused
from tests.hosts import Hosts
from tests.night.sessions import Cockpit, session_of, write_plan

SESSIONS = Path("cockpit/sessions")  # below XDG_STATE_HOME


def shown(*args: str, **env: str) -> tuple[str, int]:
    """What a command shows on a terminal of its own before it ends, and its exit code."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-m", "cockpit", *args], {**os.environ, "TERM": "xterm-256color", **env})
    said = b""
    try:
        while data := os.read(fd, 4096):
            said += data
    except OSError:  # EIO: it has ended
        pass
    os.close(fd)
    return said.decode(errors="replace"), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


# --- words on the command line


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    said = CliRunner().invoke(main, [command, "--help"], prog_name="cockpit").stdout
    assert "Usage: cockpit " in said and "Example: " in said


def test_a_slip_of_the_finger(cockpit: Cockpit, place: Path) -> None:
    assert "did you mean 'status'" in refused(cockpit, "statsu")
    assert "No such option" in refused(cockpit, "status --jsno")
    assert "Missing argument" in refused(cockpit, "run")
    assert "cockpit new" in refused(cockpit, f"run {place}/none.toml --headless")
    assert "is not one of" in refused(cockpit, "do x dance")
    for speed in ("0", "nan", "-1"):
        assert "not in the range" in refused(cockpit, f"replay x --speed {speed}")


def test_there_is_no_session(apart: Cockpit) -> None:
    for line in ("status", "log", "resume --headless", "report x", "stop x", "do x go", "amend x y"):
        assert "cockpit run PLAN" in refused(apart, line)
    assert "no sessions yet" in apart("sessions").stdout
    assert json.loads(apart("sessions", "--json").stdout) == []


def test_inputs_that_the_plan_does_not_have(cockpit: Cockpit, plan: Path) -> None:
    run = f"run {plan} --headless"
    assert "ticket, word" in refused(cockpit, f"{run} --input tiket=1")
    assert "write NAME=VALUE" in refused(cockpit, f"{run} --input ticket")
    assert "must not stand on a command line" in refused(cockpit, f"{run} --input word=hush")
    assert "3< secrets.json" in refused(cockpit, f"{run} --secret-fd 77")
    assert cockpit("sessions").stdout.startswith("no sessions"), "a refused run leaves no session behind"


def test_secrets_that_are_no_json_are_not_repeated(plan: Path) -> None:
    line = [sys.executable, "-m", "cockpit", "run", str(plan), "--headless", "--secret-fd", "0"]
    done = subprocess.run(line, input="hush-hush", capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2 and "no JSON object" in done.stderr and "hush-hush" not in done.stderr


# --- terminals


def test_no_terminal_for_the_screen(cockpit: Cockpit, plan: Path) -> None:
    for line in (f"run {plan}", "resume", "attach", "watch", "replay x"):
        assert "needs a terminal" in refused(cockpit, line)
    assert not list(Path(os.environ["XDG_STATE_HOME"]).glob(f"{SESSIONS}/*")), "nothing was started"


def test_a_terminal_that_cannot_draw(plan: Path) -> None:
    said, code = shown("run", str(plan), TERM="dumb")
    assert code == 2 and "no full screen can be drawn" in said


# --- sessions


def test_which_session_is_meant(cockpit: Cockpit, plan: Path, night: str) -> None:
    again = cockpit("run", str(plan), "--headless", "--new", "--input", "ticket=2", code=4, COCKPIT_SECRET_WORD="x")
    other = session_of(again.stdout)
    said = refused(cockpit, "status night")
    assert night in said and other in said and "write more of one id" in said
    for line in ("status zzz", "log zzz", "report zzz", "stop zzz", "do zzz go", "resume zzz --headless"):
        assert "cockpit sessions" in refused(cockpit, line)
    assert cockpit.status(night)["session"] == night


def test_a_second_run_of_an_unfinished_night(cockpit: Cockpit, plan: Path, night: str) -> None:
    said = refused(cockpit, f"run {plan} --headless")
    assert f"cockpit attach {night}" in said and "--new" in said and "amend" not in said
    plan.write_text(WAITS.replace("echo", "printf"))
    assert f"cockpit amend {night} {plan}" in refused(cockpit, f"run {plan} --headless"), "the plan changed since it started"
    cockpit.kill_engine()
    assert f"cockpit resume {night}" in refused(cockpit, f"run {plan} --headless")


def test_a_killed_engine(cockpit: Cockpit, plan: Path, night: str) -> None:
    cockpit.kill_engine()
    assert f"ENGINE DEAD: cockpit resume {night}" in cockpit("status", night).stdout
    assert "no engine" in cockpit("sessions").stdout
    assert f"cockpit resume {night}" in refused(cockpit, f"do {night} done look", 3)
    assert "no engine running" in refused(cockpit, f"stop {night}")
    cockpit("resume", night, "--headless", code=4)
    cockpit("do", night, "done", "look")
    cockpit.needs("manual-bye")
    cockpit("do", night, "done", "bye")
    assert cockpit.ended() == "done"
    for line in (f"resume {night} --headless", f"do {night} done bye"):
        assert "has ended" in refused(cockpit, line)


def test_an_engine_that_no_longer_answers(cockpit: Cockpit, night: str) -> None:
    pid = cockpit.status(night)["engine"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    assert cockpit.status(night)["engine"]["problem"] == "the engine does not answer"
    assert "--take-over" in refused(cockpit, f"resume {night} --headless")
    os.kill(pid, signal.SIGCONT)


def test_questions_that_are_not_asked(cockpit: Cockpit, night: str) -> None:
    assert "no open question 'nothing'; known are manual-look" in refused(cockpit, f"do {night} answer nothing")
    assert "needs a reason" in refused(cockpit, f"do {night} skip last@local")
    assert "no task" in refused(cockpit, f"do {night} done lok")
    assert "not a gate" in refused(cockpit, f"do {night} go look")
    assert "has not started yet" in refused(cockpit, f"log {night} --output last@local")
    assert "did you mean last@local" in refused(cockpit, f"log {night} --output last")
    cockpit("do", night, "done", "look", "--as", "anna")
    assert "anna" in refused(cockpit, f"do {night} done look --as maria"), "the second is told who came first"


def test_amend_without_an_answer_changes_nothing(cockpit: Cockpit, plan: Path, night: str) -> None:
    plan.write_text(WAITS.replace("echo", "printf"))
    done = cockpit("amend", night, str(plan), code=2)
    assert "step last changed" in done.stdout and "nothing was done" in done.stderr
    plan.write_text(WAITS.replace("manual", "manaul"))
    assert "night.toml:" in refused(cockpit, f"amend {night} {plan}")


# --- journals


@pytest.fixture
def ended(cockpit: Cockpit, night: str) -> Path:
    """The directory of a session that was stopped, all of its journal in one file."""
    cockpit("stop", night)
    directory = Path(os.environ["XDG_STATE_HOME"], SESSIONS, night)
    with closing(sqlite3.connect(directory / "journal.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return directory


def broken(kind: str, directory: Path) -> None:
    journal = directory / "journal.db"
    match kind:
        case "garbage":
            journal.write_bytes(os.urandom(20_000))
        case "torn":
            with journal.open("r+b") as file:
                for page in range(4096, journal.stat().st_size, 4096):
                    file.seek(page)
                    file.write(b"\xff" * 3000)
        case "newer":
            with closing(sqlite3.connect(journal)) as db:
                db.execute("PRAGMA journal_mode = DELETE")  # all of it in this one file
                db.execute("PRAGMA user_version = 99")
        case "other":
            journal.unlink()
            with closing(sqlite3.connect(journal)) as db:
                db.execute("CREATE TABLE t(x)")


@pytest.mark.parametrize(("kind", "words"), [
    ("garbage", "not readable as a journal"), ("torn", "not readable as a journal"), ("newer", "newer cockpit"),
    ("other", "not a cockpit journal"),
])  # fmt: skip
def test_a_journal_that_cannot_be_read(cockpit: Cockpit, ended: Path, kind: str, words: str) -> None:
    broken(kind, ended)
    kept = (ended / "journal.db").read_bytes()
    for line in (f"status {ended.name}", f"resume {ended.name} --headless"):
        assert words in refused(cockpit, line)
    said, code = shown("replay", ended.name)
    assert code == 2 and words in said and "Traceback" not in said
    assert (ended / "journal.db").read_bytes() == kept, "what is left of it stays as it is"


def test_every_command_says_so_and_another_night_can_be_run(cockpit: Cockpit, ended: Path, plan: Path) -> None:
    broken("newer", ended)
    for line in (f"log {ended.name}", f"report {ended.name}", f"amend {ended.name} {plan}"):
        assert "newer cockpit" in refused(cockpit, line)
    assert "newer cockpit" in cockpit("sessions").stdout
    for command in ("attach", "watch"):
        said, code = shown(command, ended.name)
        assert code == 2 and "newer cockpit" in said and "Traceback" not in said
    run = cockpit("run", str(plan), "--headless", "--input", "ticket=1", code=4, COCKPIT_SECRET_WORD="x")
    assert f"(session {ended.name} cannot be read" in run.stderr


def test_a_session_on_which_no_engine_ever_came_up(cockpit: Cockpit, ended: Path) -> None:
    for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
        (ended / name).unlink(missing_ok=True)
    for _ in ("no journal", "an empty one"):
        assert "never came up" in cockpit("sessions").stdout
        assert json.loads(cockpit("sessions", "--json").stdout)[0]["started"] is None
        refused(cockpit, f"status {ended.name}")
        (ended / "journal.db").touch()
    cockpit("resume", ended.name, "--headless", code=4)
    assert cockpit.status(ended.name)["plan"] == "a night"


# --- places


@pytest.mark.parametrize("where", ["/sys/nowhere", "/proc/nowhere", "file"])
def test_a_state_directory_that_cannot_be_written(cockpit: Cockpit, plan: Path, tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("")
    state = where if where.startswith("/") else str(tmp_path / where)
    for line in (f"run {plan} --headless", "status", "sessions"):
        said = refused(cockpit, line, XDG_STATE_HOME=state)
        assert state in said and ("XDG_STATE_HOME" in said or "check the path" in said)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)], check=True)
    try:
        with (disk / "ballast").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError:
        pass
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk(cockpit: Cockpit, plan: Path, full_disk: Path) -> None:
    said = refused(cockpit, f"run {plan} --headless --input ticket=1", 3, XDG_STATE_HOME=str(full_disk), COCKPIT_SECRET_WORD="x")
    assert "No space left" in said and "free some space" in said
    (full_disk / "ballast").unlink()
    assert cockpit("sessions", XDG_STATE_HOME=str(full_disk)).stdout.startswith("no sessions"), "half a session is no session"


# --- pipes and signals


def test_a_reader_that_goes_away(night: str) -> None:
    cockpit = f"{sys.executable} -m cockpit"
    for command in (f"log {night} --json", f"status {night} --json", f"report {night}"):
        line = f"set -o pipefail; {cockpit} {command} | head -c 1 >/dev/null"
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=30, check=False)
        assert "Traceback" not in done.stderr and "Exception" not in done.stderr, done.stderr


def test_ctrl_c_leaves_the_follower_and_not_the_night(cockpit: Cockpit, night: str) -> None:
    cockpit("stop", night)
    line = [sys.executable, "-m", "cockpit", "resume", night, "--headless", "--wait"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None and follower.stderr is not None
        for said in follower.stdout:
            if "engine 2 started" in said:
                break
        follower.send_signal(signal.SIGINT)
        assert "goes on" in follower.stderr.read()
        assert follower.wait(30) == 130
    assert cockpit.status(night)["engine"]["running"]


# --- servers


def test_a_dead_host_a_wrong_key_and_a_missing_key_hold_only_themselves(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    dead, changed, keyless, good = (hosts(name, user="root") for name in ("dead01", "chg01", "key01", "ok01"))
    steps = '[[steps]]\nid = "look"\non = "all"\nrun = "echo seen"\n'
    plan = write_plan(place, [dead, changed, keyless, good], steps, key01={"key": "/nowhere/id"})
    dead.stop()
    changed.swap_host_key()
    line = [sys.executable, "-m", "cockpit", "run", str(plan), "--headless", "--wait"]
    follower = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    try:
        def told(status: dict) -> bool:  # type: ignore[type-arg]
            problems = {s["name"]: s["problem"] for s in status["servers"]}
            return all(problems[n] for n in ("dead01", "chg01", "key01")) and status["counts"]["done"] == 1

        assert follower.stdout is not None
        session = session_of(follower.stdout.readline())
        status = cockpit.until(told, session=session)
        problems = {s["name"]: s["problem"] for s in status["servers"]}
        assert "refused" in problems["dead01"] and "instead of" in problems["chg01"] and "/nowhere/id" in problems["key01"]
        for name in ("dead01", "chg01", "key01"):
            cockpit("do", session, "drop", name, "--why", "not tonight")
        assert follower.wait(20) == 0
    finally:
        follower.kill()
        follower.wait()
    assert cockpit.states(session)["look@ok01"] == "done"


def test_a_screen_too_small_says_what_it_needs(cockpit: Cockpit, night: str) -> None:
    require_tmux = shutil.which("tmux")
    assert require_tmux, "tmux is needed"
    tmux = [require_tmux, "-L", f"small-{os.getpid()}", "-f", "/dev/null"]
    try:
        watch = f"{sys.executable} -m cockpit watch {night}"
        subprocess.run([*tmux, "new-session", "-d", "-x", "60", "-y", "15", watch], check=True, timeout=30)
        shows = f"until {' '.join(tmux)} capture-pane -p | grep -q 'The panes need'; do :; done"
        subprocess.run(["sh", "-c", shows], check=True, timeout=30)
    finally:
        subprocess.run([*tmux, "kill-server"], check=False, capture_output=True)
