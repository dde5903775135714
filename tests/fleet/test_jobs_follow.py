"""What a follower makes of looks and notices, in whatever order they arrive."""

from __future__ import annotations

from cockpit.fleet.api import JobOutput, JobReport
from cockpit.fleet.jobs_follow import Follower
from cockpit.fleet.shell import Notice, Section


def test_a_notice_that_overtakes_a_look_costs_no_output() -> None:
    """The look was made while the job had not yet said its last words; the notice of its end comes in before the reply."""
    follower = Follower("a", 0, 0, 0.0)
    follower.notice = Notice("a", "0", "-", (10, 0), None)
    follower.take([Section(["job", "0", "running", "-", "-"], b""), Section(["data", "0", "out"], b"first")], 1 << 20)
    assert not follower.over, "there may be more"
    follower.take([Section(["job", "0", "ended", "0", "-"], b""), Section(["data", "0", "out"], b"firstlast\n")], 1 << 20)
    *seen, last = follower.items
    assert b"".join(item.data for item in seen if isinstance(item, JobOutput)) == b"firstlast\n"
    assert last == JobReport("ended", 0, "", 10, 0)


def test_a_look_that_has_it_all_ends_with_the_notice() -> None:
    follower = Follower("a", 0, 0, 0.0)
    follower.notice = Notice("a", "3", "-", (5, 0), None)
    follower.take([Section(["job", "0", "running", "-", "-"], b""), Section(["data", "0", "out"], b"whole")], 1 << 20)
    assert follower.over and follower.items[-1] == JobReport("ended", 3, "", 5, 0)
