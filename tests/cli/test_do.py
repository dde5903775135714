"""`cockpit do` on a night that waits: what it says of an engine that is slow or gone, and of targets that there are not."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import threading
from pathlib import Path

import pytest

from cockpit.cli import command
from cockpit.journal.lease import SessionDir
from tests.cli.conftest import refused
from tests.night.sessions import Cockpit


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> Cockpit:
    """A command inside the test, which does not wait half a minute for an answer."""
    monkeypatch.setattr(command, "ANSWER_LIMIT", 0.5)
    return Cockpit()


def test_a_slow_engine_is_not_called_a_missing_one(cockpit: Cockpit, hurried: Cockpit, night: str) -> None:
    pid = cockpit.status(night)["engine"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        said = refused(hurried, f"do {night} done look", 3)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert "longer than 0.5 s" in said and "not known yet" in said and f"cockpit log {night}" in said
    assert "no engine" not in said and "resume" not in said, "a second engine is not what is needed"
    cockpit.needs("manual-bye")
    assert cockpit.states(night)["look"] == "done", "it did it, later"


@pytest.mark.parametrize("answer", [b"", b'{"ok": tr'])
def test_an_engine_that_goes_away_over_a_request_may_have_done_it(cockpit: Cockpit, night: str, answer: bytes) -> None:
    cockpit.kill_engine()
    path = SessionDir.find(night).socket_path
    path.unlink()

    def hang_up() -> None:
        peer, _ = listening.accept()
        peer.makefile("rb").readline()
        peer.sendall(answer)
        peer.close()

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.fspath(path))
        listening.listen()
        thread = threading.Thread(target=hang_up)
        thread.start()
        said = refused(cockpit, f"do {night} done look", 3)
        thread.join()
    assert "without an answer" in said and "not known yet" in said and f"cockpit log {night}" in said


def test_an_engine_that_takes_no_requests_was_not_asked(cockpit: Cockpit, night: str, tmp_path: Path) -> None:
    cockpit.kill_engine()
    path = SessionDir.find(night).socket_path
    path.unlink()
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as first:
        listening.bind(os.fspath(path))
        listening.listen(0)
        first.connect(os.fspath(path))
        assert "was not asked" in refused(cockpit, f"do {night} done look", 3)


def test_what_status_gives_to_paste_answers_what_waits(cockpit: Cockpit, night: str) -> None:
    (command,) = [line for line in cockpit("status", night).stdout.splitlines() if "cockpit do" in line]
    cockpit(*shlex.split(command)[1:])
    cockpit.needs("manual-bye")
    assert cockpit.states(night)["look"] == "done"


UNKNOWN = {
    "ack": "lost:SERVER", "ack nonsense": "lost:SERVER", "ack lost:fs99": "lost:SERVER", "ack stalled:last@fs01": "lost:SERVER",
    "note fs99 --value hi": "known are bye, last", "note lok --value hi": "'look'", "note look": "--value", "hold lok": "'look'",
    "release fs99": "known are", "drop fs99 --why x": "no server", "done lok": "'look'", "done": "name one", "start": "name one",
    "answer input-tiket --value 1": "no open question", "limit much": "a rate", "undo look@fs01": "no task",
}


def test_unknown_targets_are_refused_with_what_there_is(cockpit: Cockpit, night: str) -> None:
    before = cockpit.facts(night)
    for words, instead in UNKNOWN.items():
        assert instead in refused(cockpit, f"do {night} {words}"), words
    assert cockpit.facts(night) == before


def test_alarms_are_acknowledged_by_their_ids_whatever_tells_their_occurrences_apart(cockpit: Cockpit, night: str) -> None:
    keys = ["stalled:last@local", "stalled:last@local#1795752000", "late", "late#600"]
    for key in keys:
        assert "acknowledged" in cockpit("do", night, "ack", key).stdout
    assert [f["data"]["alarm"] for f in cockpit.facts(night) if f["kind"] == "AlarmAcknowledged"] == keys
