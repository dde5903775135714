"""Random plans, texts and nights, as the short suite has them, and ten times as many."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.decide import test_rules as rules
from tests.plan import test_fuzz as fuzz
from tests.plan import test_templates as templates
from tests.plan.test_needs import plans

many = settings(rules.calm, max_examples=500)
nights = given(plans(), st.randoms(use_true_random=False))
tickets = st.sampled_from(["it's", 'a "b', "plain", "#", "<<EOF\n"])

test_nothing_starts_early_and_the_night_ends = many(nights(
    rules.test_nothing_starts_early_and_the_night_ends.hypothesis.inner_test))
test_with_failures_and_decisions_it_still_ends_and_in_order = many(nights(
    rules.test_with_failures_and_decisions_it_still_ends_and_in_order.hypothesis.inner_test))
test_random_bytes = many(given(data=st.binary(max_size=300))(fuzz.test_random_bytes.hypothesis.inner_test))
test_a_plan_with_characters_changed = many(given(st.data())(fuzz.test_a_plan_with_characters_changed.hypothesis.inner_test))
test_a_plan_with_lines_moved = many(given(st.data())(fuzz.test_a_plan_with_lines_moved.hypothesis.inner_test))
test_a_plan_with_values_of_any_other_sort = many(given(st.data())(
    fuzz.test_a_plan_with_values_of_any_other_sort.hypothesis.inner_test))
test_what_a_server_said_never_runs_in_a_text_that_is_accepted = many(given(
    templates.PIECES, templates.PIECES, templates.HOSTILE, tickets,
)(templates.test_what_a_server_said_never_runs_in_a_text_that_is_accepted.hypothesis.inner_test))
