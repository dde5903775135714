"""Transfers and their slots, over random plans and a person who pauses, unpauses and fronts: limits, turns, and no starvation."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockpit.journal.events import AttemptUnknown, LimitChanged, RetryAsked, TransferFronted, TransferPaused, TransferResumed
from cockpit.plan.model import Copy, Estimate, Limits, Place, Plan, Run, Step
from cockpit.plan.needs import effective_needs
from cockpit.plan.turns import tails
from cockpit.state.model import FAILED, PENDING, RUNNING
from cockpit.state.pace import paces, shares
from cockpit.state.standing import queue
from tests.decide.simulated import World
from tests.plan.test_needs import plan_of, plans, step

calm = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
COPY = Copy(Place(None, "/a"), Place(None, "/b"))


@st.composite
def moving(draw: st.DrawFn) -> Plan:
    """A random plan in which most of the work is copying."""
    plan = draw(plans())

    def moves(each: Step) -> Step:
        seconds = Estimate(float(draw(st.integers(1, 1000))))
        action = COPY if isinstance(each.action, Run) and draw(st.integers(0, 3)) else each.action
        return replace(each, action=action, estimate=seconds)

    limits = Limits(draw(st.integers(2, 6)), draw(st.integers(1, 2)), 1e6)
    return replace(plan, steps=tuple(map(moves, plan.steps)), limits=limits)


def is_copy(world: World, task: str) -> bool:
    return world.state.tasks[task].kind == "copy"


def moves_now(world: World) -> list[str]:
    return [t for t in world.running() if is_copy(world, t) and t not in world.state.paused]


def meddle(world: World, chance: random.Random) -> None:
    """What a person may ask of transfers."""
    open_ = [t.id for t in world.state.tasks.values() if t.kind == "copy" and t.state in (PENDING, RUNNING)]
    if not open_:
        return
    task, what = chance.choice(open_), chance.random()
    if task in world.state.paused:
        world.say(TransferResumed(task), who="maria")
    elif what < 0.4:
        world.say(TransferPaused(task), who="maria")
    else:
        world.say(TransferFronted(task), who="otto")


@calm
@given(moving(), st.randoms(use_true_random=True))
def test_limits_hold_turns_are_kept_and_nothing_starves(plan: Plan, chance: random.Random) -> None:
    world = World(plan)
    fresh: list[str] = []

    def room(task: str) -> None:
        if is_copy(world, task):
            assert task not in world.state.paused
            assert len(moves_now(world)) < plan.limits.transfers, "only a word of a person goes beyond the limit"
        jobs = [t for t in world.running() if not world.is_a_persons(t) and t not in world.state.paused]
        assert world.is_a_persons(task) or len(jobs) < plan.limits.jobs
        fresh.append(task)

    world.at_start = room
    for _ in range(60 * len(world.state.tasks) + 200):
        if world.state.outcome:
            break
        fresh.clear()
        before = queue(plan, world.state, world.standings())
        moved = world.step()
        begun = [t for t in fresh if t in before]
        assert begun == before[: len(begun)], "who is first in the queue starts first"
        share = paces(plan, world.state, [t for t in world.running() if is_copy(world, t)])
        assert sum(rate or 0.0 for rate in share.values()) <= 1e6 * 1.000001
        assert not moves_now(world) or sum(rate or 0.0 for rate in share.values()) > 1e6 * 0.999999
        if chance.random() < 0.3:
            meddle(world, chance)
        elif running := [t for t in world.running() if t not in world.state.paused]:
            task = chance.choice(running)
            failed = chance.random() < 0.1 and not world.is_a_persons(task)
            world.end(task, "failed" if failed else "done")
            if failed:
                world.say(RetryAsked(task), who="maria")
        elif world.state.paused:
            world.say(TransferResumed(next(iter(world.state.paused))), who="maria")
        else:
            assert moved, f"nothing goes on: {[(t, s) for t, s in world.standings().items() if s.word != 'done']}"
    assert world.state.outcome == "done", "every queued transfer got its turn"
    assert not world.state.paused and not world.state.fronted


@calm
@given(moving())
def test_the_length_of_what_hangs_on_a_task_is_that_of_its_longest_chain(plan: Plan) -> None:
    needs = effective_needs(plan)
    estimates = {t: s.estimate.seconds for s in plan.steps for t in s.task_ids() if s.estimate}
    waits_for: dict[str, list[str]] = {t: [] for t in estimates}
    for task in estimates:
        for need in needs[task]:
            waits_for[need].append(task)
    found = tails(plan.steps, needs)
    for task in estimates:
        assert found[task] == estimates[task] + max((found[t] for t in waits_for[task]), default=0.0)


def copying(name: str, on: str, needs: list[str] | None = None, minutes: float = 1) -> Step:
    return replace(step(name, on, needs), action=COPY, estimate=Estimate(60 * minutes))


def waiting_for(name: str, need: str, minutes: float) -> Step:
    return replace(step(name, "d", [need]), estimate=Estimate(60 * minutes))


PLAN = replace(
    plan_of(copying("short", "a", []), copying("long", "b", []), copying("next", "c", []),
            waiting_for("rebuild", "long", 300), waiting_for("test", "next", 100)),
    limits=Limits(transfers=1, bandwidth=900.0),
)  # fmt: skip


def test_the_transfer_on_the_critical_path_goes_first() -> None:
    world = World(PLAN)
    assert queue(PLAN, world.state, world.standings()) == ["next@c", "short@a"]
    world.step()
    assert world.running() == ["long@b"]
    world.end("long@b")
    world.step()
    assert "next@c" in world.running() and "short@a" not in world.running()


def test_fronted_ones_go_before_it_the_last_one_first() -> None:
    world = World(PLAN)
    world.step()
    world.say(TransferFronted("next@c"), TransferFronted("short@a"), who="maria")
    assert queue(PLAN, world.state, world.standings()) == ["short@a", "next@c"]
    world.end("long@b")
    world.step()
    assert "short@a" in world.running()
    world.end("short@a")
    assert world.state.fronted == ["next@c"]


def test_a_paused_transfer_gives_its_turn_away_and_takes_it_up_again_at_once() -> None:
    """Who unpauses wants to see it move. Nothing new starts until as few run as the plan says."""
    world = World(PLAN)
    world.step()
    world.say(TransferPaused("long@b"), who="maria")
    assert world.standings()["long@b"].why == "paused by maria"
    world.step()
    assert moves_now(world) == ["next@c"]
    assert paces(PLAN, world.state, world.running()) == {"long@b": 0.0, "next@c": 900.0}
    world.say(TransferResumed("long@b"), who="otto")
    assert paces(PLAN, world.state, world.running()) == {"long@b": 450.0, "next@c": 450.0}
    world.end("next@c")
    world.step()
    assert moves_now(world) == ["long@b"], "still one"


def test_one_that_is_paused_before_it_begins_does_not_begin() -> None:
    world = World(PLAN)
    world.say(TransferPaused("long@b"), who="maria")
    world.step()
    assert moves_now(world) == ["next@c"]
    standing = world.standings()["long@b"]
    assert (standing.word, standing.why) == ("ready", "paused by maria")
    world.end("next@c")
    world.step()
    world.end("short@a")
    assert not [t for t in world.running() if t == "long@b"]
    world.say(TransferResumed("long@b"), who="maria")
    world.step()
    assert "long@b" in world.running()


def test_a_try_that_broke_off_stays_paused_and_a_persons_retry_does_not() -> None:
    world = World(PLAN)
    world.step()
    world.say(TransferPaused("long@b"), who="maria")
    world.end("long@b", "failed")
    assert world.state.tasks["long@b"].state == FAILED and "long@b" in world.state.paused
    world.say(RetryAsked("long@b", by_plan=True))
    assert "long@b" in world.state.paused
    world.step()
    assert "long@b" not in world.running()
    world.say(RetryAsked("long@b"), who="maria")
    assert not world.state.paused


def test_shares_leave_to_others_what_a_limit_of_their_own_forbids() -> None:
    assert shares(None, {"a": None, "b": 5.0}) == {"a": None, "b": 5.0}
    assert shares(900.0, {"a": None, "b": 100.0, "c": None}) == {"a": 400.0, "b": 100.0, "c": 400.0}
    assert shares(100.0, {"a": 300.0, "b": 200.0}) == {"a": 50.0, "b": 50.0}
    assert shares(100.0, {}) == {}


def test_one_that_runs_and_is_put_first_has_the_larger_part() -> None:
    assert shares(800.0, {"a": None, "b": None, "c": None}, "b") == {"b": 600.0, "a": 100.0, "c": 100.0}
    assert shares(800.0, {"a": None, "b": 200.0}, "b") == {"b": 200.0, "a": 600.0}, "what it may not use is the others'"
    assert shares(800.0, {"a": 50.0, "b": None}, "b") == {"b": 750.0, "a": 50.0}, "and what they may not is its own"
    assert shares(800.0, {"b": None}, "b") == {"b": 800.0}
    world = World(replace(PLAN, limits=replace(PLAN.limits, transfers=2)))
    world.step()
    one, other = moves_now(world)
    world.say(TransferFronted(one), who="maria")
    assert paces(world.plan, world.state, [one, other]) == {one: 675.0, other: 225.0}
    world.say(TransferFronted(other), who="otto")
    assert paces(world.plan, world.state, [one, other]) == {one: 225.0, other: 675.0}
    world.say(TransferPaused(other), who="otto")
    assert paces(world.plan, world.state, [one, other]) == {one: 900.0, other: 0.0}


def test_a_limit_that_a_person_set_holds_until_the_plans_is_asked_for_again() -> None:
    world = World(PLAN)
    world.step()
    world.say(LimitChanged(10.0), who="maria")
    assert paces(PLAN, world.state, world.running()) == {"long@b": 10.0}
    assert world.state.limit_by == "maria"
    world.say(LimitChanged(None), who="otto")
    assert paces(PLAN, world.state, world.running()) == {"long@b": 900.0}


def test_what_only_a_person_can_tell_takes_no_slot() -> None:
    world = World(PLAN)
    world.step()
    world.say(AttemptUnknown("long@b", 1, "lost"))
    world.step()
    assert not moves_now(world), "it may still run: its slot is its own"
    world.say(AttemptUnknown("long@b", 1, "ask: it left no result"))
    world.step()
    assert moves_now(world) == ["next@c"]
