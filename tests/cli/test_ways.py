"""Which of the ways of a copy is said to be clearly faster: never one that stands beside a rate that nobody knows."""

from __future__ import annotations

from math import inf

import pytest

from cockpit.fleet.measure import Measured
from cockpit.fleet.routes import Route
from cockpit.fleet.trial import Tried
from cockpit.preflight.ways import faster

MB = 1e6
SLOW = Measured(3 * MB, "zeros", 2.9 * MB, 3.1 * MB)
FAST = Measured(90 * MB, "zeros", 80 * MB, 100 * MB)
UNKNOWN = Measured(None, "not measured: nothing came")


@pytest.mark.parametrize(("own", "other", "limit", "said"), [
    (SLOW, FAST, inf, True), (FAST, SLOW, inf, False), (FAST, FAST, inf, False), (SLOW, FAST, 2 * MB, False),
    (UNKNOWN, FAST, inf, False), (SLOW, UNKNOWN, inf, False),
])  # fmt: skip
def test_a_way_is_faster_where_both_are_known(own: Measured, other: Measured, limit: float, said: bool) -> None:
    ways = [Tried("pull", Route("pull", "", "a", "b"), own, True), Tried("push", Route("push", "", "a", "b"), other)]
    found = list(faster(ways, limit))
    assert [f.instead for f in found] == ['write route = "push" in the copy to have it go that way'] * said
