"""What the demo lays out, and that nothing of it stays."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from cockpit.journal.lease import sessions_root
from cockpit.lab.data import IMAGES, real_bytes
from cockpit.lab.ground import lay_out, moved_bytes
from cockpit.lab.machine import MARK, Machine
from cockpit.lab.process import LabFailed, laboratory
from cockpit.lab.servers import SERVERS
from cockpit.plan.reader import load
from cockpit.plan.unproven import unproven


def test_at_scale_one_more_than_200_mb_of_real_data_is_moved(tmp_path: Path) -> None:
    lay_out(tmp_path, 1.0)
    assert moved_bytes(tmp_path) > 200e6


def test_two_demos_have_the_same_data(tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        lay_out(tmp_path / name, 0.02)
        root = Machine(tmp_path / name, SERVERS["sql01"]).root
        found.append([(p.name, p.read_bytes()) for p in sorted((root / "srv").rglob("*")) if p.is_file()])
    assert found[0] == found[1]


def test_the_images_are_sparse_and_one_ends_in_a_hole(tmp_path: Path) -> None:
    lay_out(tmp_path, 0.25)
    folder = Machine(tmp_path, SERVERS["vmh01"]).root / "srv/images"
    for image in IMAGES:
        path = folder / image.name
        assert real_bytes(path) < path.stat().st_size
    assert (folder / "mail-gw.img").read_bytes()[-4096:] == bytes(4096)


def test_the_plan_is_one_that_reads_without_a_problem() -> None:
    with laboratory(0.02) as lab:
        plan = load(lab.plan)
        assert len(plan.steps) == 17 and len(plan.servers) == 7 and plan.backout and not list(unproven(plan))
        assert "@" not in "".join(line for line in plan.text.splitlines() if line.startswith(("host", "port", "key", "user")))


def test_nothing_stays_when_it_is_over() -> None:
    with laboratory(0.02) as lab:
        folder = lab.folder
        assert _running(folder), "the business is at work on the servers"
        lab.stop()
        assert not _running(folder)
    assert not folder.exists()


def test_what_a_killed_demo_left_is_swept_away_by_the_next() -> None:
    old = sessions_root().parent / "demo" / "20200101-000000-1"
    old.mkdir(parents=True)
    (old / "lock").touch()
    (old / "servers").mkdir()
    with laboratory(0.02):
        assert not old.exists()


def test_servers_whose_demo_vanished_end_by_themselves(tmp_path: Path) -> None:
    folder = tmp_path / "left"
    folder.mkdir()
    lay_out(folder, 0.02)
    process = subprocess.Popen([sys.executable, "-m", "cockpit.lab", str(folder)], stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(20) == 0
    assert not folder.exists() and not _running(folder)


def test_servers_that_cannot_start_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cockpit.lab.process.lay_out", lambda folder, scale: None)
    with pytest.raises(LabFailed, match=r"did not start: .*ssh_host_ed25519_key"), laboratory(0.02):
        pass


def _running(folder: Path) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == str(folder):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found
