"""Session directories: private, frozen, found by any unambiguous part, with a socket path that is short enough."""

import os
import socket

import pytest

from cockpit.journal.lease import SOCKET_LIMIT, SessionDir, SessionProblem, sessions_root


def test_a_session_is_private_and_keeps_the_plan_and_its_files(tmp_path):
    files = {"files/a.sh": b"#!/bin/sh\n", "../common/b.sh": b"b", "/opt/c.sh": b"c", "journal.db": b"not the journal"}
    session = SessionDir.create("Seven servers, one night", "name = 'x'\n", files, root=tmp_path)
    assert session.path.stat().st_mode & 0o777 == 0o700
    assert session.plan_path.read_text() == "name = 'x'\n"
    assert {name: session.read_file(name) for name in files} == files
    assert not session.journal_path.exists()
    assert "seven-servers-one-night" in session.id
    with pytest.raises(FileNotFoundError):
        session.read_file("files/none.sh")
    inside = {p for p in tmp_path.rglob("*") if p.is_file()}
    assert all(session.path in p.parents for p in inside) and all(p.stat().st_mode & 0o077 == 0 for p in inside)


def test_freezing_again_replaces_the_plan_whole(tmp_path):
    session = SessionDir.create("x", "one", {"a.sh": b"1"}, root=tmp_path)
    session.freeze("two", {"b.sh": b"2"})
    assert session.plan_path.read_text() == "two"
    assert (session.read_file("a.sh"), session.read_file("b.sh")) == (b"1", b"2")


def test_sessions_live_under_xdg_state_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert sessions_root() == tmp_path / "state" / "cockpit" / "sessions"
    assert sessions_root().stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("XDG_STATE_HOME", "relative")  # the base directory specification: to be ignored
    monkeypatch.setenv("HOME", str(tmp_path))
    assert sessions_root() == tmp_path / ".local" / "state" / "cockpit" / "sessions"


def made(root, *names):
    for name in names:
        SessionDir(root / name).freeze("plan", {})


def test_found_by_any_unambiguous_part(tmp_path):
    with pytest.raises(SessionProblem, match="no session yet"):
        SessionDir.find(root=tmp_path)
    made(tmp_path, "20260101-200000-files-aaaa", "20260102-200000-mail-bbbb", "20260103-200000-mail-cccc", ".20260104-half.new")
    (tmp_path / "20260105-not-a-session").mkdir()
    assert SessionDir.find("files", root=tmp_path).id.endswith("aaaa")
    assert SessionDir.find("bbbb", root=tmp_path).id.endswith("bbbb")
    with pytest.raises(SessionProblem, match=r"fits several.*cccc.*bbbb"):
        SessionDir.find("mail", root=tmp_path)
    with pytest.raises(SessionProblem, match="no session has nas"):
        SessionDir.find("nas", root=tmp_path)
    assert [s.id[-4:] for s in SessionDir.all(tmp_path)] == ["cccc", "bbbb", "aaaa"]


def test_left_out_it_is_the_newest_running_one_else_the_newest(tmp_path):
    made(tmp_path, "20260101-a", "20260102-b", "20260103-c")
    assert SessionDir.find(root=tmp_path).id == "20260103-c"
    lease = SessionDir(tmp_path / "20260101-a").acquire()
    assert SessionDir.find(root=tmp_path).id == "20260101-a"
    lease.release()


def test_the_socket_stands_in_the_session_or_where_its_path_is_short_enough(tmp_path):
    short = SessionDir(tmp_path / "s")
    assert short.socket_path == tmp_path / "s" / "control.sock" or len(os.fsencode(tmp_path)) > 80
    deep = SessionDir(tmp_path / ("d" * 60) / ("e" * 60))
    path = deep.socket_path
    assert len(os.fsencode(path)) <= SOCKET_LIMIT and path == deep.socket_path
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path != SessionDir(tmp_path / ("d" * 60) / ("f" * 60)).socket_path
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
    path.unlink()
