"""The network between two servers is cut for three minutes in the middle of two copies, an image's and a tree's.

Shorter cuts and all other faults of copies: test_faults_*.py here, whose first lines say what stands where."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.hosts import Hosts
from tests.long.faulty import Pair
from tests.night.sessions import Cockpit

CUT = 180.0


@pytest.mark.timeout(500)
@pytest.mark.parametrize("which", ["source", "target"])
def test_a_server_is_cut_off_for_three_minutes(which: str, cockpit: Cockpit, hosts: Hosts, place: Path) -> None:
    pair = Pair.make(cockpit, hosts, bastion=True)
    follower = pair.start(place)
    pair.to_the_middle()
    since = time.monotonic()
    host = pair.src if which == "source" else pair.dst
    host.wire.cut()
    pair.mark()
    pair.noticed_stalled(since=since)
    cockpit.until(lambda s: any(x["contact"] == "lost" for x in s["servers"]), seconds=60 - (time.monotonic() - since))
    time.sleep(max(0.0, since + CUT - time.monotonic()))  # how long it lasts is what is tested
    assert "done" not in cockpit.states().values()
    host.wire.mend()
    mended = time.monotonic()
    pair.faster()
    assert follower.wait(200) == 0
    print(f"done {time.monotonic() - mended:.0f} s after it was mended")
    print([(a["step"], a["n"], a["result"], a["error"]) for a in cockpit.status()["attempts"]])
    pair.check()
