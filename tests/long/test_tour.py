"""The demo's tour in a real terminal: it is the night that says how it ended."""

from __future__ import annotations

from cockpit.journal.lease import SessionDir
from tests.cli.test_two import shown
from tests.night.sessions import Cockpit
from tests.ui.terminal import terminal


def test_a_tour_whose_night_is_backed_out_ends_with_1_and_leaves_nothing_running() -> None:
    cockpit = Cockpit()
    with terminal() as screen:
        shown(screen, "demo", "--scale", "0.02")
        screen.sees("LIVE", "servers, critical")
        night = SessionDir.find()
        cockpit("do", night.id, "backout", "--why", "enough seen")
        while cockpit.status()["outcome"] is None:
            for need in cockpit.status()["needs_you"]:
                value = "done" if "done" in need["choices"] else "skip"
                cockpit("do", night.id, "answer", need["id"], "--value", value, "--why", "the tour is over", code=None)
        assert cockpit.status()["outcome"] == "backed-out"
        screen.sees("The night has ended: backed-out")
        screen.keys("q")
        assert "Traceback" not in screen.sees("The demo is over", "ENDED 1")
        assert not night.running()
