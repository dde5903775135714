"""`cockpit doctor` and `cockpit completion`: in a real tmux, a real shell, and in places where it cannot work."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cockpit import logout
from tests.engine.systemd import Stubs
from tests.hosts import require
from tests.night.sessions import Cockpit


def test_a_good_place_is_good(apart: Cockpit) -> None:
    said = apart("doctor", TERM="xterm-256color", LANG="C.UTF-8").stdout
    assert "0 will not work" in said
    for what in ("python", "state write", "socket", "state space", "TERM", "locale"):
        assert what in said
    assert not list(Path(os.environ["XDG_STATE_HOME"], "cockpit", "sessions").iterdir()), "nothing of its trials stays"


def test_no_screen_can_be_drawn_in_a_dumb_terminal(apart: Cockpit) -> None:
    said = apart("doctor", code=1, TERM="dumb", LANG="C", LC_ALL="C").stdout
    assert "x FAIL TERM" in said and "1 will not work" in said
    assert "! WARN locale" in said


def test_a_state_directory_that_cannot_be_used(cockpit: Cockpit, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = cockpit("doctor", code=1, XDG_STATE_HOME=str(tmp_path / "file")).stdout
    assert "x FAIL state" in said and "XDG_STATE_HOME" in said


def mounts(place: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """The machine's table of mounts as psutil reads it, in the kernel's own form: no kernel of the tests has NFS."""
    table = place / "proc/self/mounts"
    table.parent.mkdir(parents=True)
    table.write_text("".join(f"{line} 0 0\n" for line in ("/dev/vda1 / ext4 rw,relatime", *lines)))
    (place / "proc/filesystems").write_text("nodev\tnfs4\n\text4\n")
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(place / "proc"))


NFS = "nas:/homes {home} nfs4 rw,relatime,vers=4.2,proto=tcp,clientaddr=10.0.4.2,local_lock=none,addr=10.0.4.9"


AUTO = "/etc/auto.home {home} autofs rw,relatime,fd=7,pgrp=812,timeout=300,minproto=5,maxproto=5,direct"


@pytest.mark.parametrize(("kind", "lines"), [
    ("nfs4", [NFS]),
    ("nfs4", [AUTO, NFS]),  # the automounter's own mount stays below what it mounts
    ("nfs", [NFS.replace("nfs4", "nfs"), "tmpfs {home}/elsewhere tmpfs rw,nosuid"]),
    ("fuse.sshfs", ["maria@nas:/home {home} fuse.sshfs rw,nosuid,nodev,relatime,user_id=1000,group_id=1000"]),
])  # fmt: skip
def test_a_state_directory_on_nfs_will_not_work_tonight(
    cockpit: Cockpit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, lines: list[str]
) -> None:
    mounts(tmp_path, monkeypatch, *(line.format(home=tmp_path) for line in lines))
    said = " ".join(cockpit("doctor", code=1, TERM="xterm-256color", COLUMNS="300").stdout.split())
    assert f"x FAIL state {tmp_path}" in said and f"is on {kind}: a journal there can be lost or locked" in said
    assert "export XDG_STATE_HOME=" in said and "1 will not work" in said


def test_a_local_disk_beside_nfs_is_good(cockpit: Cockpit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = NFS.format(home=tmp_path)
    near = here.replace(str(tmp_path), f"{tmp_path}/sta")  # a name that only begins alike
    mounts(tmp_path, monkeypatch, here, near, f"/dev/vdb1 {tmp_path}/state xfs rw,relatime")
    said = " ".join(cockpit("doctor", TERM="xterm-256color", COLUMNS="300").stdout.split())
    assert f"= ok state {tmp_path}" in said and "on xfs" in said


def test_a_long_state_path_has_its_socket_elsewhere(apart: Cockpit, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    assert "in /tmp since" in apart("doctor", XDG_STATE_HOME=str(deep), TERM="xterm").stdout


@pytest.mark.parametrize(("linger", "works", "says"), [
    ("yes", True, "= ok   logout  the engine runs under your systemd user manager, which lingers"),
    ("no", True, "! WARN logout  without linger"),
    ("yes", False, "! WARN logout  no systemd user manager answers"),
])  # fmt: skip
def test_whether_a_logout_ends_the_engine(
    cockpit: Cockpit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linger: str, works: bool, says: str
) -> None:
    monkeypatch.setattr(logout, "SYSTEMD", tmp_path)
    Stubs(tmp_path, monkeypatch, linger=linger, works=works)
    said = " ".join(cockpit("doctor", code=None, TERM="xterm", COLUMNS="200").stdout.split())
    assert " ".join(says.split()) in said
    assert ("plain process" in said) == ("WARN logout" in said)
    assert ("loginctl enable-linger" in said) == (linger == "no")


@pytest.fixture
def in_tmux() -> Iterator[Callable[..., str]]:
    """in_tmux(columns, rows, *options): what `cockpit doctor` says in a pane of this size, after these tmux commands."""
    require("tmux")
    tmux = ["tmux", "-L", f"test-{uuid.uuid4().hex[:8]}", "-f", "/dev/null"]

    def run(*words: str) -> str:
        return subprocess.run([*tmux, *words], check=True, timeout=30, capture_output=True, text=True).stdout

    def doctor(columns: int, rows: int, *options: str) -> str:
        size = ["-x", str(columns), "-y", str(rows)]
        run("new-session", "-d", *size, "cat")
        for option in options:
            run(*option.split())
        run("respawn-pane", "-k", f"{sys.executable} -m cockpit doctor; tmux wait-for -S done; cat")
        run("wait-for", "done")
        return run("capture-pane", "-p", "-J", "-S", "-")

    yield doctor
    subprocess.run([*tmux, "kill-server"], check=False, capture_output=True)


def test_what_tmux_should_be_told(in_tmux: Callable[..., str]) -> None:
    worst = ("set -s set-clipboard external", "set -g window-size latest", "set -s escape-time 500", "set -g bell-action none")
    said = in_tmux(100, 30, *worst)
    for option in ("set-clipboard on", "window-size smallest", "escape-time 20", "bell-action any"):
        assert option in said
    assert "= ok   size" in said and "100x" in said


def test_a_tmux_that_is_as_it_should_be(in_tmux: Callable[..., str]) -> None:
    said = in_tmux(120, 40, "set -s set-clipboard on", "set -g window-size smallest", "set -s escape-time 20")
    assert "! WARN tmux" not in said and "= ok   tmux copy" in said


def test_a_terminal_too_small_for_any_layout(in_tmux: Callable[..., str]) -> None:
    assert "x FAIL size" in in_tmux(60, 15)


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_the_shell_completes_commands(cockpit: Cockpit, shell: str, tmp_path: Path) -> None:
    require(shell)
    script = cockpit("completion", shell).stdout
    assert script.startswith("# ")
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "cockpit").write_text(f'#!/bin/sh\nexec {sys.executable} -m cockpit "$@"\n')
    (commands / "cockpit").chmod(0o755)
    (tmp_path / "script").write_text(script)
    ask = {
        "bash": "COMP_WORDS=(cockpit pre); COMP_CWORD=1; _cockpit_completion cockpit; echo ${COMPREPLY[@]}",
        "fish": "complete -C 'cockpit pre'",
    }[shell]
    env = {**os.environ, "PATH": f"{commands}:{os.environ['PATH']}"}
    line = [shell, "-c", f"source {tmp_path}/script; {ask}"]
    done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=30, check=True)
    assert "preflight" in done.stdout, done.stderr


def test_an_unknown_shell(cockpit: Cockpit) -> None:
    assert "bash, zsh, fish" in cockpit("completion", code=2, SHELL="/bin/csh").stderr
