"""Seven servers, no two alike, in one night, as technicians run it by the command line."""

from __future__ import annotations

from pathlib import Path

from tests.hosts import Host
from tests.night.crashes import PASSWORD
from tests.night.sessions import Cockpit
from tests.night.seven import judge, planned

ON_HOST = "/srv/night"


def test_a_night_of_seven(cockpit: Cockpit, seven: dict[str, Host], place: Path) -> None:
    plan = planned(place, seven, ON_HOST)
    cockpit.env |= {"COCKPIT_SECRET_SUDO_PASSWORD": "opensesame"}
    said = cockpit("run", str(plan), "--headless", "--input", "ticket=CHG-77", code=4).stderr
    assert "[manual-papers]" in said and "CHG-77" in said
    assert "[input-db_password]" in said
    cockpit("do", "seven", "done", "papers", "--as", "maria")
    assert "command line" in cockpit("do", "seven", "answer", "input-db_password", "--value", PASSWORD, code=2).stderr
    cockpit("do", "seven", "answer", "input-db_password", input=f"{PASSWORD}\n")

    cockpit.until(lambda s: any(n["id"] == "gate-tear-down" for n in s["needs_you"]), seconds=60)
    cockpit("do", "seven", "go", "tear-down", "--as", "maria")
    refused = cockpit("do", "seven", "go", "tear-down", "--as", "somebody", code=2).stderr
    assert "maria, otto" in refused
    assert cockpit.states()["wipe@fs01"] == "blocked"
    cockpit("do", "seven", "go", "tear-down", "--as", "otto")

    cockpit.until(lambda s: any(n["id"] == "gate-finalize" for n in s["needs_you"]), seconds=60)
    cockpit("do", "seven", "go", "finalize", "--as", "maria")
    status = cockpit.until(lambda s: s["outcome"] is not None)

    assert status["outcome"] == "done"
    assert {t["state"] for t in status["tasks"]} == {"done"}
    assert len({t["step"] for t in status["tasks"]}) >= 12
    assert all(p["result"] == "pass" and p["fresh"] for p in status["proofs"] if p["step"] == "triple")
    judge(seven, ON_HOST, lambda task, stream: cockpit.output(task, stream=stream))
    left = [lock for host in seven.values() for lock in host.root.glob("**/.cockpit/claim")]
    assert not left, "the lock is gone with the night"
