"""Over random plans and server sets, with the real fold and the real decisions: order, limits, and that a night ends.

Fifty nights here, more in tests/long/test_plans.py.
"""

from __future__ import annotations

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockpit.journal.events import RetryAsked, ServerDropped, TaskSkipped
from cockpit.plan.model import Plan
from cockpit.plan.needs import effective_needs
from cockpit.state.model import DONE, FAILED, PENDING, SKIPPED
from tests.decide.simulated import World
from tests.plan.test_needs import plans

calm = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def night(plan: Plan, chance: random.Random, *, trouble: float) -> World:
    """Lets tasks end in any order; some fail, and a person then retries, skips, or drops the server."""
    world = World(plan)
    needs = effective_needs(plan)

    def met(task: str) -> None:
        for need in needs[task]:
            state = world.state.tasks[need]
            dropped = state.server and world.state.servers[state.server].contact == "dropped"
            assert state.state in (DONE, SKIPPED) or dropped, f"{task} started before {need} ({state.state})"

    world.at_start = met
    for _ in range(40 * len(world.state.tasks) + 100):
        if world.state.outcome:
            return world
        moved = world.step()
        assert_limits(world)
        failed = [t.id for t in world.state.tasks.values() if t.state == FAILED]
        if failed and chance.random() < 0.5:
            decide_about(world, chance.choice(failed), chance)
        elif running := world.running():
            task = chance.choice(running)
            bad = chance.random() < trouble and len(world.state.tasks[task].attempts) < 3 and not world.is_a_persons(task)
            world.end(task, "failed" if bad else "done")
        elif failed:
            decide_about(world, chance.choice(failed), chance)
        else:
            assert moved, f"nothing goes on: {[(t, s) for t, s in world.standings().items() if s.word not in (DONE, SKIPPED)]}"
    raise AssertionError("the night does not end")


def decide_about(world: World, task: str, chance: random.Random) -> None:
    server = world.state.tasks[task].server
    how = chance.choice(["retry", "skip", "drop" if server and len(world.plan.servers) > 1 else "skip"])
    if how == "retry":
        world.say(RetryAsked(task), who="x")
    elif how == "skip":
        world.say(TaskSkipped(task, False, "no need"), who="x")
    elif server and not any(world.state.tasks[t].server == server for t in world.running()):
        world.say(ServerDropped(server), who="x")


def assert_limits(world: World) -> None:
    jobs = [t for t in world.running() if not world.is_a_persons(t)]
    assert len(jobs) <= world.plan.limits.jobs
    for name, server in world.plan.servers.items():
        assert sum(world.state.tasks[t].server == name for t in jobs) <= server.max_jobs


@calm
@given(plans(), st.randoms(use_true_random=False))
def test_nothing_starts_early_and_the_night_ends(plan: Plan, chance: random.Random) -> None:
    world = night(plan, chance, trouble=0.0)
    assert world.state.outcome == "done"
    assert {t.state for t in world.state.tasks.values() if t.phase == "night"} <= {DONE}
    assert len(world.started) == len(set(world.started))


@calm
@given(plans(), st.randoms(use_true_random=False))
def test_with_failures_and_decisions_it_still_ends_and_in_order(plan: Plan, chance: random.Random) -> None:
    world = night(plan, chance, trouble=0.3)
    assert world.state.outcome in ("done", "failed", "abandoned")
    for task in world.state.tasks.values():
        if task.state == PENDING and task.phase == "night":
            assert task.server and world.state.servers[task.server].contact == "dropped"
