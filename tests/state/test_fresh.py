"""A proof is fresh until the data that it speaks of is worked on again."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from cockpit.journal import events as e
from cockpit.journal.events import Event, Fact
from cockpit.plan.model import Plan
from cockpit.plan.reader import loads
from cockpit.state.fold import fold
from cockpit.state.fresh import Freshness
from cockpit.state.model import State
from cockpit.state.standing import stale_since

HEAD = """
[plan]
version = 1
name = "n"
[window]
opens = "+0s"
closes = "+10h"
"""
TWO = "".join(f'[servers.{s}]\nhost = "{s}"\nvars = {{ data = "/srv/{s}" }}\n' for s in ("a", "b", "nas"))
STEPS = """
[[steps]]
id = "freeze"
on = ["a", "b"]
run = "true"
[[steps]]
id = "copy"
on = ["a", "b"]
copy = { from = "{{ server.data }}/", to = "nas:/vault/{{ server.name }}/" }
[[steps]]
id = "prove"
on = ["a", "b"]
verify = [ { name = "same", compare = ["{{ server.data }}", "nas:/vault/{{ server.name }}"] } ]
[[steps]]
id = "go"
gate = { requires = ["prove"] }
[[steps]]
id = "restore"
on = ["a", "b"]
copy = { from = "nas:/vault/{{ server.name }}/", to = "{{ server.data }}/" }
[[steps]]
id = "tidy"
on = ["a", "b"]
run = "true"
"""
PLAN = loads(HEAD + TWO + STEPS, "night.toml", base=None)
PATHS = [["a", "/srv/a"], ["nas", "/vault/a"]]


def state_of(*events: tuple[float, Event], plan: Plan = PLAN) -> State:
    rows = [
        {"id": t, "step": s.id, "server": t.partition("@")[2] or None, "kind": s.kind, "title": s.title, "phase": "night"}
        for s in plan.steps for t in s.task_ids()
    ]  # fmt: skip
    first = [(0.0, e.SessionStarted("s", "n", "live", 0.0, 36000.0)), (0.0, e.PlanAdopted("", rows))]
    return fold([Fact(i, at, event, None, None) for i, (at, event) in enumerate([*first, *events], 1)])


def ran(task: str, started: float, ended: float | None, n: int = 1, purpose: str = "do") -> list[tuple[float, Event]]:
    found: list[tuple[float, Event]] = [(started, e.AttemptStarted(task, n, f"{task}-{n}", purpose))]
    return found if ended is None else [*found, (ended, e.AttemptEnded(task, n, "done", 0))]


def again(task: str, at: float) -> list[tuple[float, Event]]:
    return [(at, e.RetryAsked(task, by_plan=False))]


def proven(task: str = "prove@a", started: float = 20.0, at: float = 30.0) -> list[tuple[float, Event]]:
    found = e.CheckFinished(task, 1, "same", "compare", "pass", "40 agree", started, PATHS)
    return [(started, e.AttemptStarted(task, 1, task)), (at, found), (at, e.AttemptEnded(task, 1, "done"))]


BEFORE = [*ran("freeze@a", 1, 2), *ran("copy@a", 3, 10)]


def since(*events: tuple[float, Event]) -> float | None:
    return stale_since(PLAN, state_of(*events), "prove@a/same")


def test_fresh_while_nothing_works_on_it() -> None:
    assert since(*BEFORE, *proven()) is None
    assert since(*BEFORE, *proven(), *ran("tidy@b", 40, 50), *ran("restore@b", 40, 50)) is None


@pytest.mark.parametrize("task", ["freeze@a", "copy@a"])
def test_what_it_waits_for_runs_again(task: str) -> None:
    events = [*BEFORE, *proven(), *again(task, 40), *ran(task, 41, None, n=2)]
    assert since(*events) == 41, "from the start on, not from its end"
    assert since(*events, (50, e.AttemptEnded(task, 2, "failed", 1))) == 41, "a failure may have changed it too"
    assert since(*events, (50, e.AttemptEnded(task, 2, "done")), *again(task, 60), *ran(task, 61, 70, n=3)) == 41


def test_the_same_step_of_another_server_changes_nothing() -> None:
    assert since(*BEFORE, *proven(), *ran("copy@b", 40, 50)) is None


def test_a_later_copy_into_one_of_its_paths() -> None:
    assert since(*BEFORE, *proven(), *ran("restore@a", 40, None)) == 40, "it is no need of the proof, and writes to its source"


def test_a_rollback_counts_and_a_probe_does_not() -> None:
    assert since(*BEFORE, *proven(), (40, e.UndoAsked("copy@a")), *ran("copy@a", 41, 42, n=2, purpose="undo")) == 41
    assert since(*BEFORE, *proven(), *ran("copy@a", 41, 42, n=2, purpose="probe")) is None


def test_what_was_still_at_work_while_it_was_read() -> None:
    assert since(*ran("restore@a", 15, None), *proven()) == 20
    assert since(*ran("restore@a", 15, 25), *proven()) == 20
    assert since(*ran("restore@a", 15, 20), *proven()) is None


def test_a_new_proof_is_fresh_again() -> None:
    events = [*BEFORE, *proven(), *again("copy@a", 40), *ran("copy@a", 41, 50, n=2)]
    anew = e.CheckFinished("prove@a", 2, "same", "compare", "pass", "", 60.0, PATHS)
    assert since(*events, *again("prove@a", 55), (60, e.AttemptStarted("prove@a", 2, "x")), (70, anew)) is None


def test_an_attempt_without_an_end_that_a_person_settled() -> None:
    lost = [*ran("freeze@a", 1, None), (5, e.AttemptUnknown("freeze@a", 1, "gone")), (6, e.TaskMarkedDone("freeze@a"))]
    assert since(*lost, *ran("copy@a", 7, 10), *proven()) is None


def test_a_dropped_server_leaves_no_proof_stale_for_ever() -> None:
    """A gate waits for all servers, and what follows it for the gate."""
    tidy, up = 'on = ["a", "b"]\nrun = "true"\n', 'on = ["b"]\nverify = [ { name = "up", run = "true" } ]\n'
    late = STEPS.removesuffix(tidy) + up
    plan = loads(HEAD + TWO + late, "night.toml", base=None)
    told = e.CheckFinished("tidy@b", 1, "up", "run", "pass", "", 20.0)
    events = [*ran("freeze@a", 1, None), (5, e.AttemptUnknown("freeze@a", 1, "lost")), (20, told)]
    assert stale_since(plan, state_of(*events, plan=plan), "tidy@b/up") == 20, "it may be at work"
    gone = [*events, (30, e.ServerDropped("a"))]
    assert stale_since(plan, state_of(*gone, plan=plan), "tidy@b/up") is None


@pytest.mark.parametrize(("written", "stale"), [
    ("nas:/vault/a/", True), ("nas:/vault//a/sub", True), ("nas:/vault", True), ("nas:/vault/ab", False), ("b:/vault/a", False),
])  # fmt: skip
def test_at_above_or_below_its_paths(written: str, stale: bool) -> None:
    written_back = 'from = "nas:/vault/{{ server.name }}/", to = "{{ server.data }}/"'
    restore = STEPS.replace(written_back, f'from = "/new/", to = "{written}"')
    plan = loads(HEAD + TWO + restore, "night.toml", base=None)
    state = state_of(*BEFORE, *proven(), *ran("restore@a", 40, 50), plan=plan)
    assert (stale_since(plan, state, "prove@a/same") is not None) == stale


def big(servers: int) -> tuple[Plan, State]:
    names = [f"s{i:03}" for i in range(servers)]
    text = HEAD + "".join(f'[servers.{s}]\nhost = "{s}"\n' for s in names)
    for i in range(17):
        what = f'verify = [ {{ name = "c", compare = ["/srv", "{names[0]}:/v"] }} ]' if i in (5, 9, 13) else 'run = "true"'
        what = 'copy = { from = "/srv/", to = "' + names[0] + ':/v/{{ server.name }}/" }' if i in (3, 14) else what
        what = "gate = { approvers = 1 }" if i in (4, 8) else 'on = "all"\n' + what
        text += f'[[steps]]\nid = "step{i}"\n{what}\n'
    plan = loads(text, "night.toml", base=None)
    events: list[tuple[float, Event]] = []
    for at, step in enumerate(plan.steps):
        for task in step.task_ids():
            events += ran(task, 10.0 * at, 10.0 * at + 5)
            if step.kind == "verify":
                told = e.CheckFinished(task, 1, "c", "compare", "pass", "", 10.0 * at, [[task.partition("@")[2], "/srv"]])
                events.append((10.0 * at + 5, told))
    return plan, state_of(*events, plan=plan)


def test_asked_for_every_proof_at_once_it_is_quick() -> None:
    plan, state = big(7)
    assert len(state.proofs) == 21
    began = time.process_time()
    found = [stale_since(plan, state, key) for key in state.proofs]
    assert found == [None] * 21
    assert time.process_time() - began < 0.1, "it is asked once a second"


def test_of_hundreds_of_servers_it_is_no_minute() -> None:
    """Asked of every task for every proof it took half a minute."""
    plan, state = big(338)
    fresh = Freshness(plan, state)
    assert [key for key in state.proofs if fresh.since(key) is not None] == []
    began = time.process_time()
    again = Freshness(plan, state)
    assert len([again.since(key) for key in state.proofs]) == 3 * 338
    assert time.process_time() - began < 1.0
    late = state_of(*BEFORE, *proven(), *ran("restore@a", 40, 50))
    fresh = Freshness(PLAN, late)
    assert fresh.since("prove@a/same") == 40
    assert fresh.stale() == {key: at for key in late.proofs if (at := fresh.since(key)) is not None} and fresh.stale()
    assert again.stale() == {}


def test_of_many_servers_the_chart_stays_small() -> None:
    plan, state = big(100)
    tracemalloc.start()
    stale_since(plan, state, "step13@s099/c")
    assert tracemalloc.get_traced_memory()[1] < 10e6, "1,700 tasks that wait for nearly all before them"
    tracemalloc.stop()
