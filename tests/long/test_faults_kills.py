"""What is killed in the middle of two copies, an image's and a tree's, through the whole engine.

What stands where, of the faults that a copy must survive ("parts": without the engine):
| fault | image | tree |
|---|---|---|
| SIGKILL of an end | here; pull and push: test_images_faults (parts) | here; test_copy_trees, test_copy_resume (parts) |
| either sshd | here; test_images_faults (parts) | here; test_copy_trees, test_copy_resume (parts) |
| the engine | here | here; test_copy_resume, test_copy_trees (parts); tests/night/test_crash |
| a stale second engine | here | here; of a run: test_night_faults |
| a server reboots | - | test_night_faults |
| the network cut | test_faults_network, tests/long/test_copy_faults | the same |
| disk full, read-only | test_faults_disks; test_images_faults (parts) | test_faults_disks |
| the source written to, passes | test_faults_sources; test_images_faults (parts) | test_faults_sources; test_copy_trees (parts) |
| a flipped byte at the target | test_faults_sources; before the proof: test_images_faults (parts) | test_faults_sources |
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.hosts import Hosts
from tests.long.faulty import BOTH, Pair
from tests.long.test_night_faults import wait_gone
from tests.night.conftest import cockpit, place
from tests.night.sessions import Cockpit

__all__ = ["cockpit", "place"]


SAID = {  # what a person reads of it: of the image, of the tree
    "sender": ("the stream (ended|broke.*); trying again", "connection unexpectedly closed"),
    "receiver": ("the images' job was killed", "connection unexpectedly closed|[Kk]illed"),
}


@pytest.mark.parametrize("end", ["sender", "receiver"])
def test_sigkill_of_an_end(end: str, cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    pair = Pair.make(cockpit, hosts)
    follower = pair.start(place)
    pair.to_the_middle()
    since = time.monotonic()
    pair.kill(pair.src if end == "sender" else pair.dst, signal.SIGKILL)
    pair.mark()
    image, tree = SAID[end]
    pair.noticed(image, tree, since=since)
    pair.faster()
    assert follower.wait(60) == 0
    pair.check()


def test_both_sshds_and_the_engine_die(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    pair = Pair.make(cockpit, hosts)
    follower = pair.start(place)
    pair.to_the_middle()
    since = time.monotonic()
    pair.src.kill_sshd()
    pair.dst.kill_sshd()
    cockpit.until(lambda s: all(server["contact"] == "lost" for server in s["servers"]))
    pair.mark()
    print(f"noticed after {time.monotonic() - since:.1f} s: no contact")
    assert {cockpit.states()[task] for task in BOTH} == {"unknown"}
    cockpit.kill_engine()
    assert follower.wait(20) == 3
    pair.src.start_sshd()
    pair.dst.start_sshd()
    cockpit("resume", "--headless", "--wait")
    pair.check()


def test_an_engine_that_wakes_up_after_a_take_over_does_nothing(cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    pair = Pair.make(cockpit, hosts)
    follower = pair.start(place)
    pair.to_the_middle()
    old = cockpit.status()["engine"]["pid"]
    os.kill(old, signal.SIGSTOP)
    try:
        cockpit("resume", "--headless", "--take-over", "--wait")
        before = cockpit.facts()
    finally:
        os.kill(old, signal.SIGCONT)
    assert wait_gone(old), "it ends by itself"
    assert cockpit.facts() == before, "it wrote nothing"
    ended = [f["data"] for f in before if f["kind"] == "AttemptEnded"]
    assert [(d["task"], d["result"]) for d in sorted(ended, key=lambda d: d["task"])] == [(task, "done") for task in BOTH]
    pair.check()
    follower.wait(20)
