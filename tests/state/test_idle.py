"""What has begun and takes no slot, what is not begun for the same reasons, and for how long. Real fold, no servers."""

from __future__ import annotations

from dataclasses import replace

from cockpit.forecast.compute import forecast
from cockpit.journal.events import AttemptNoted, Event, PromptAnswered, PromptOpened, ServerContacted, ServerDropped, ServerLost
from cockpit.plan.model import Plan
from cockpit.plan.reader import loads
from cockpit.plan.schedule import schedule
from cockpit.state.idle import AWAY_AFTER, idle
from tests.decide.simulated import World

HEAD = """
[plan]
version = 1
name = "a night"
[window]
opens = "+0s"
closes = "+13h"
[limits]
jobs = 2
transfers = 1
[inputs.sudo_password]
prompt = "sudo"
secret = true
"""
SERVER = '[servers.{name}]\nhost = "{name}"\n{more}\n'
COPY = '[[steps]]\nid = "{id}"\non = "{on}"\nneeds = []\nestimate = "1h"\ncopy = {{ from = "/srv/", to = "{to}:/srv/" }}\n'
SUDO = 'become = "sudo"\nbecome_password = "sudo_password"'


def plan(*copies: tuple[str, str, str], sudo: tuple[str, ...] = (), more: str = "") -> Plan:
    names = sorted({name for _, *ends in copies for name in ends} | {"fs01"})
    servers = "".join(SERVER.format(name=n, more=SUDO if n in sudo else "") for n in names)
    return loads(HEAD + servers + "".join(COPY.format(id=i, on=on, to=to) for i, on, to in copies) + more, "night.toml")


def begun(night: Plan, *events: Event) -> World:
    """Its first step has begun, and then this is told."""
    world = World(night)
    world.step()
    world.say(*events)
    return world


def later(world: World, seconds: float) -> World:
    world.now += seconds
    world.step()
    return world


TWO = plan(("one", "fs01", "nas01"), ("two", "fs02", "nas02"))
LOST = ServerLost("nas01", "unreachable", "no route")


def test_a_copy_gives_up_its_slot_when_its_target_is_away_for_long() -> None:
    world = begun(TWO, LOST)
    assert later(world, AWAY_AFTER - 1).running() == ["one@fs01"], "what reconnection mends costs nobody its turn"
    assert later(world, 1).running() == ["one@fs01", "two@fs02"]


def test_the_forecast_has_the_same_slots() -> None:
    world = begun(TWO, LOST)
    assert forecast(TWO, world.state, world.standings(), {}, world.now).ends["two@fs02"] == world.now + 7200
    world.now += AWAY_AFTER
    assert forecast(TWO, world.state, world.standings(), {}, world.now).ends["two@fs02"] == world.now + 3600


def test_where_this_machine_lost_them_all_the_first_that_is_back_takes_no_others_slot() -> None:
    world = begun(TWO, *(ServerLost(name, "unreachable", "no network") for name in TWO.servers))
    world.now += 3600
    world.say(ServerContacted("fs02"), ServerContacted("nas02"))
    assert later(world, AWAY_AFTER - 1).running() == ["one@fs01"]
    world.say(ServerContacted("fs01"), ServerContacted("nas01"))
    assert later(world, 3600).running() == ["one@fs01"]


def test_a_copy_to_a_server_that_is_lost_is_not_begun_and_one_that_was_dropped_is_to_fail() -> None:
    world = World(TWO)
    world.say(ServerLost("nas01", "key-changed", "it shows another key"))
    assert world.standings()["one@fs01"].why == "no contact with nas01: it shows another key"
    assert later(world, 0).running() == ["two@fs02"]
    world.end("two@fs02")
    world.say(ServerDropped("nas01"))
    assert later(world, 0).running() == ["one@fs01"]


def test_a_reboot_keeps_its_slot_while_its_server_is_away() -> None:
    steps = '[[steps]]\nid = "boot"\non = "fs01"\nneeds = []\nreboot = true\n'
    world = begun(plan(more=steps), ServerLost("fs01", "unreachable", "down"))
    world.now += 600
    assert not idle(world.plan, world.state, world.now)


def test_who_waits_for_an_answer_about_a_lock_takes_no_slot_and_its_like_are_not_begun() -> None:
    night = plan(("one", "fs01", "nas01"), ("like", "fs01", "nas01"), ("two", "fs02", "nas02"))
    lock = PromptOpened("lock-nas01", "lock", "it is otto's", server="nas01", choices=["take", "drop"])
    world = later(begun(night, lock), 0)
    assert world.running() == ["one@fs01", "two@fs02"]
    assert world.standings()["like@fs01"].why == "lock-nas01 needs an answer first"
    world.say(PromptAnswered("lock-nas01", "take"))
    assert later(world, 0).standings()["like@fs01"].word == "queued"


def test_a_copy_past_its_locks_is_not_stopped_by_another_question_about_one() -> None:
    lock = PromptOpened("lock-nas01", "lock", "it is otto's", server="nas01", choices=["take", "drop"])
    assert not idle(TWO, begun(TWO, AttemptNoted("one@fs01", 1, {"begun": {}}), lock).state, 0)


def test_a_question_of_its_own_takes_its_slot_away() -> None:
    loss = PromptOpened("loss-one@fs01", "loss", "no links there", "one@fs01", "fs01", ["without", "cancel"])
    assert later(begun(TWO, loss), 0).running() == ["one@fs01", "two@fs02"]


def test_all_with_one_sudo_password_wait_for_it_and_who_needs_none_does_not() -> None:
    night = plan(("one", "fs01", "nas01"), ("like", "fs03", "nas02"), ("two", "fs02", "nas02"), sudo=("fs01", "fs03"))
    world = later(begun(night, PromptOpened("sudo-sudo_password", "sudo", "sudo on fs01", server="fs01", secret=True)), 0)
    assert world.running() == ["one@fs01", "two@fs02"]
    assert world.standings()["like@fs03"].why == "sudo-sudo_password needs an answer first"
    root = replace(night.steps[1], become=False)
    plain = replace(night, steps=(night.steps[0], root, night.steps[2]))
    assert later(begun(plain, PromptOpened("sudo-x", "sudo", "sudo", server="fs01", secret=True)), 0).running()[1] == "like@fs03"


def test_a_clock_takes_no_slot_in_the_night_as_in_its_check_and_its_forecast() -> None:
    waits = '[[steps]]\nid = "wait{n}"\non = "fs01"\nneeds = []\nwait = "1h"\n'
    work = '[[steps]]\nid = "work"\non = "fs01"\nneeds = []\nestimate = "1h"\nrun = "true"\n'
    world = World(plan(more=waits.format(n=1) + waits.format(n=2) + work + work.replace("work", "more")))
    assert schedule(world.plan, world.now).finish == world.now + 3600
    assert forecast(world.plan, world.state, world.standings(), {}, world.now).finish == world.now + 3600
    world.step()
    assert world.running() == ["wait1@fs01", "wait2@fs01", "work@fs01", "more@fs01"]
    assert forecast(world.plan, world.state, world.standings(), {}, world.now).finish == world.now + 3600
