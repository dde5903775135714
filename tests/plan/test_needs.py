"""What waits for what: the rules one by one, and over random plans that the order they promise is kept."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.plan.model import Gate, Manual, Moment, Plan, Run, Server, Step, Window, split_task
from cockpit.plan.needs import Needs, Waiting, effective_needs

SERVERS = ("a", "b", "c", "d")
FEW = settings(max_examples=60, deadline=None)


def plan_of(*steps: Step, backout: Sequence[Step] = ()) -> Plan:
    names = dict.fromkeys(server for step in (*steps, *backout) for server in step.servers)
    window = Window(Moment(offset=0.0), Moment(offset=3600.0))
    return Plan("test", window, {name: Server(name, name) for name in names}, steps, tuple(backout))


def step(name: str, on: str = "", needs: Sequence[str] | None = None) -> Step:
    action = Run("true") if on else Manual("x")
    return Step(name, name, action, tuple(on.split()), None if needs is None else tuple(needs))


def needs_of(plan: Plan) -> dict[str, set[str]]:
    return {task: set(needs) for task, needs in effective_needs(plan).items()}


def test_each_server_walks_down_the_list_at_its_own_pace() -> None:
    needs = needs_of(plan_of(step("one", "a b"), step("two", "a b"), step("three", "a b")))
    assert needs["one@a"] == set()
    assert needs["three@a"] == {"two@a"}
    assert needs["three@b"] == {"two@b"}


def test_the_nearest_earlier_step_of_a_server_may_be_far_above() -> None:
    needs = needs_of(plan_of(step("one", "a b"), step("two", "a"), step("three", "a b")))
    assert needs["three@a"] == {"two@a"}
    assert needs["three@b"] == {"one@b"}


def test_a_step_waits_for_all_of_a_step_that_runs_on_none_of_its_servers() -> None:
    needs = needs_of(plan_of(step("one", "a b"), step("two", "c"), step("three", "a")))
    assert needs["two@c"] == {"one@a", "one@b"}
    assert needs["three@a"] == {"one@a", "two@c"}


def test_a_gate_waits_for_every_task_of_every_earlier_step_and_holds_everyone() -> None:
    needs = needs_of(plan_of(step("one", "a b"), step("two", "b c"), step("go"), step("wipe", "a b c")))
    assert needs["go"] == {"one@a", "one@b", "two@b", "two@c"}
    assert needs["wipe@a"] == {"one@a", "go"}
    assert needs["wipe@c"] == {"two@c", "go"}


def test_a_gate_on_servers_holds_only_each_of_them() -> None:
    gate = Step("go", "go", Gate(), ("a", "b"))
    needs = needs_of(plan_of(step("one", "a b"), gate, step("wipe", "a b")))
    assert needs["go@a"] == {"one@a"}
    assert needs["wipe@b"] == {"go@b"}


def test_needs_mean_the_same_server_where_the_step_runs_there_else_all_of_it() -> None:
    needs = needs_of(plan_of(step("one", "a b"), step("two", "b c", ["one"]), step("three", "a", ["one:all"])))
    assert needs["two@b"] == {"one@b"}
    assert needs["two@c"] == {"one@a", "one@b"}
    assert needs["three@a"] == {"one@a", "one@b"}


def test_a_step_on_no_server_with_needs_waits_for_every_task_of_those_alone() -> None:
    needs = needs_of(plan_of(step("one", "a b"), step("two", "a b"), step("go", needs=["one"]), step("x", needs=[])))
    assert needs["go"] == {"one@a", "one@b"}
    assert needs["x"] == set()


def test_needs_may_name_a_later_step() -> None:
    assert needs_of(plan_of(step("one", "a", ["two"]), step("two", "a", [])))["one@a"] == {"two@a"}


def test_the_backout_waits_for_nothing_of_the_night() -> None:
    needs = needs_of(plan_of(step("one", "a b"), backout=[step("back", "a b"), step("tell")]))
    assert needs["back@a"] == set()
    assert needs["tell"] == {"back@a", "back@b"}


# --- over random plans


@st.composite
def plans(draw: st.DrawFn, explicit: bool = True) -> Plan:
    """Steps on random servers, some on none; `needs`, where there are any, name earlier steps."""
    steps: list[Step] = []
    for i in range(draw(st.integers(1, 9))):
        on = draw(st.lists(st.sampled_from(SERVERS), unique=True, max_size=4))
        needs = None
        if explicit and draw(st.integers(0, 3)) == 0:
            earlier = [other.id + suffix for other in steps for suffix in ("", ":all")]
            needs = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=3)) if earlier else []
        steps.append(step(f"s{i}", " ".join(on), needs))
    return plan_of(*steps)


def specified(plan: Plan) -> dict[str, set[str]]:
    """The rules once more, word by word and without thought for speed."""
    found: dict[str, set[str]] = {}
    for i, this in enumerate(plan.steps):
        for server in this.servers or (None,):
            name = f"{this.id}@{server}" if server else this.id
            found[name] = _written(plan, this, server) if this.needs is not None else _by_order(plan, i, server)
    return found


def _written(plan: Plan, this: Step, server: str | None) -> set[str]:
    found: set[str] = set()
    for need in this.needs or ():
        other = plan.step(need.removesuffix(":all"))
        same = not need.endswith(":all") and server is not None and server in other.servers
        found |= {f"{other.id}@{server}"} if same else set(other.task_ids())
    return found


def _by_order(plan: Plan, i: int, server: str | None) -> set[str]:
    this, earlier = plan.steps[i], plan.steps[:i]
    found: set[str] = set()
    for other in earlier:
        if server is None or not set(other.servers) & set(this.servers):
            found |= set(other.task_ids())
    if server is not None:
        found |= {f"{other.id}@{server}" for other in [o for o in earlier if server in o.servers][-1:]}
    return found


@FEW
@given(plans())
def test_effective_needs_are_the_specified_ones(plan: Plan) -> None:
    assert needs_of(plan) == specified(plan)


class Night:
    """Starts what may start, ends what runs, in an order that chance decides."""

    def __init__(self, needs: Mapping[str, Sequence[str]], chance: random.Random) -> None:
        self.needs, self.chance = needs, chance
        self.started: dict[str, int] = {}
        self.ended: dict[str, int] = {}
        self.clock = 0

    def play(self) -> None:
        running: list[str] = []
        while True:
            ready = [t for t in self.needs if t not in self.started and all(n in self.ended for n in self.needs[t])]
            if not ready and not running:
                return
            self.clock += 1
            if ready and (not running or self.chance.random() < 0.6):
                task = self.chance.choice(ready)
                self.started[task] = self.clock
                running.append(task)
            else:
                task = running.pop(self.chance.randrange(len(running)))
                self.ended[task] = self.clock


@FEW
@given(plans(), st.randoms(use_true_random=False))
def test_nothing_starts_before_what_it_waits_for_and_nothing_waits_for_ever(plan: Plan, chance: random.Random) -> None:
    night = Night(effective_needs(plan), chance)
    night.play()
    assert set(night.ended) == {task for step_ in plan.steps for task in step_.task_ids()}
    for task, needs in specified(plan).items():
        assert all(night.ended[need] < night.started[task] for need in needs)


@FEW
@given(plans(explicit=False), st.randoms(use_true_random=False))
def test_on_every_server_the_steps_run_in_the_order_written(plan: Plan, chance: random.Random) -> None:
    night = Night(effective_needs(plan), chance)
    night.play()
    for server in SERVERS:
        mine = [f"{step_.id}@{server}" for step_ in plan.steps if server in step_.servers]
        assert all(night.ended[first] < night.started[then] for first, then in combinations(mine, 2))


@FEW
@given(plans(), plans(), st.randoms(use_true_random=False), st.data())
def test_a_wipe_after_a_gate_never_precedes_the_backup_before_it(
    before: Plan, after: Plan, chance: random.Random, data: st.DataObject,
) -> None:
    """Whatever stands around and between them, also steps with needs of their own."""
    backed = data.draw(st.lists(st.sampled_from(SERVERS), unique=True, min_size=1))
    wiped = data.draw(st.lists(st.sampled_from(SERVERS), unique=True, min_size=1))
    per_server = data.draw(st.booleans())
    gate = Step("go", "go", Gate(), tuple(sorted({*backed, *wiped})) if per_server else ())
    first = [replace(s, id=f"x{s.id}", needs=_renamed(s.needs, "x")) for s in before.steps]
    last = [replace(s, id=f"y{s.id}", needs=_renamed(s.needs, "y")) for s in after.steps]
    middle = [step("backup", " ".join(backed)), gate]
    wipe = step("wipe", " ".join(wiped), ["go"])
    night = Night(effective_needs(plan_of(*first, *middle, *last, wipe)), chance)
    night.play()
    for server in set(backed) & set(wiped):
        assert night.ended[f"backup@{server}"] < night.started[f"wipe@{server}"]
        if not per_server:
            assert all(night.ended[f"backup@{other}"] < night.started[f"wipe@{server}"] for other in backed)


def _renamed(needs: Sequence[str] | None, prefix: str) -> tuple[str, ...] | None:
    return None if needs is None else tuple(prefix + need for need in needs)


@FEW
@given(plans(), st.randoms(use_true_random=False))
def test_counting_down_gives_the_same_as_looking_at_all_needs(plan: Plan, chance: random.Random) -> None:
    needs = effective_needs(plan)
    waiting, met = Waiting(needs), set[str]()
    ready = list(waiting.ready)
    while ready:
        task = ready.pop(chance.randrange(len(ready)))
        assert set(needs[task]) <= met
        met.add(task)
        ready += waiting.meet(task)
        free = {t for t in needs if t not in met and set(needs[t]) <= met}
        assert set(ready) == free
    assert met == set(needs)
    assert waiting.blocked() == []


# --- size


def big_night() -> Plan:
    """17 steps on 338 servers, every other one on half of them, with three gates."""
    names = [f"srv{i:03d}" for i in range(338)]
    steps = []
    for i in range(17):
        on = [] if i in (4, 9, 14) else names[::2] if i % 3 == 0 else names[1::2] if i % 3 == 1 else names
        steps.append(step(f"s{i:02d}", " ".join(on)))
    return plan_of(*steps)


def test_a_night_of_338_servers_shares_what_its_tasks_wait_for() -> None:
    plan = big_night()
    began = time.process_time()
    needs = effective_needs(plan)
    waiting = Waiting(needs)
    todo = list(waiting.ready)
    done = 0
    while todo:
        done += 1
        todo += waiting.meet(todo.pop())
    spent = time.process_time() - began
    assert done == len(needs) > 3000
    stored = {id(group): len(group) for task in needs for group in needs.groups(task)}
    assert sum(stored.values()) < 40_000 < sum(len(needs[task]) for task in needs)
    assert spent < 2.0


def test_a_tuple_that_was_given_out_lives_on_so_that_its_id_stays_its_own() -> None:
    needs = effective_needs(big_night())
    ids = [id(needs[task]) for task in needs]
    assert ids == [id(needs[task]) for task in needs]
    contents: dict[int, set[str]] = {}
    assert all(contents.setdefault(id(needs[task]), set(needs[task])) == set(needs[task]) for task in needs)


@pytest.mark.parametrize("task", ["s05@srv001", "s09"])
def test_shared_needs_are_given_flat_and_each_once(task: str) -> None:
    needs: Needs = effective_needs(big_night())
    flat = needs[task]
    assert len(flat) == len(set(flat))
    assert set(flat) == specified(big_night())[task]
    assert all(split_task(need)[0] < split_task(task)[0] for need in flat)

