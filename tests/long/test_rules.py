"""Order, limits and the end of a night, as tests/decide/test_rules.py has them, over many more random plans."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.plan.model import Plan
from tests.decide.test_rules import calm, goes_badly, goes_well
from tests.plan.test_needs import plans

many = settings(calm, max_examples=500)


@many
@given(plans(), st.randoms(use_true_random=False))
def test_nothing_starts_early_and_the_night_ends(plan: Plan, chance: random.Random) -> None:
    goes_well(plan, chance)


@many
@given(plans(), st.randoms(use_true_random=False))
def test_with_failures_and_decisions_it_still_ends_and_in_order(plan: Plan, chance: random.Random) -> None:
    goes_badly(plan, chance)
