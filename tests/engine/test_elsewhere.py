"""A server that can't be reached, or that a question is open about, holds up only itself: no other's transfer waits for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cockpit.journal.lease import SessionDir
from cockpit.plan.reader import loads
from cockpit.state import idle
from cockpit.state.model import DONE, PENDING, RUNNING, UNKNOWN, State
from cockpit.state.standing import Standing, standings
from tests.engine.ground import night, session_of
from tests.hosts import Host, Hosts, known_hosts, section

COPY = """
[[steps]]
id = "{id}"
on = "{on}"
needs = []
copy = {{ from = "/srv/data/", to = "{to}:/srv/copy/{id}/" }}
"""
TWO = (("dead", "fs01", "nas01"), ("live", "fs02", "nas02"))
LIVE, DEAD = "live@fs02", "dead@fs01"


def four(hosts: Hosts, size: int = 1000) -> dict[str, Host]:
    made = {name: hosts(name, user="root") for name in ("fs01", "fs02", "nas01", "nas02")}
    for name in ("fs01", "fs02"):
        made[name].path("/srv/data").mkdir()
        made[name].path("/srv/data/file").write_bytes(bytes(size))
    return made


def session(place: Path, made: dict[str, Host], limits: str, copies: tuple[tuple[str, str, str], ...] = TWO) -> SessionDir:
    known_hosts(made.values(), place / "night.toml.known_hosts")
    steps = "".join(COPY.format(id=name, on=on, to=to) for name, on, to in copies)
    return session_of(place, f"[limits]\n{limits}\n" + "".join(section(h) for h in made.values()) + steps)


def standing(state: State, task: str) -> Standing:
    return standings(loads(state.plan_text, "night.toml"), state, state.at)[task]


def over(state: State, task: str) -> bool:
    return state.tasks[task].state == DONE


async def test_a_copy_to_a_server_out_of_reach_waits_for_it_and_no_other_copy_does(hosts: Hosts, tmp_path: Path) -> None:
    made = four(hosts)
    made["nas01"].kill_sshd()
    async with night(session(tmp_path, made, "transfers = 1")) as here:
        state = await here.until(lambda s: over(s, LIVE))
        assert state.tasks[DEAD].state == PENDING, "what can't go on is not begun"
        assert standing(state, DEAD).why.startswith("no contact with nas01")
        await asyncio.to_thread(made["nas01"].start_sshd)
        await here.until(lambda s: over(s, DEAD))


async def test_a_copy_that_waits_for_an_answer_keeps_no_other_from_its_turn(hosts: Hosts, tmp_path: Path) -> None:
    made = four(hosts)
    made["nas01"].run("umask 077; mkdir -p $HOME/.cockpit/jobs; printf '%s\\n' another-night 1 otto > $HOME/.cockpit/claim")
    copies = (*TWO, ("more", "fs02", "nas01"))
    async with night(session(tmp_path, made, "transfers = 1", copies)) as here:
        await here.until(lambda s: "lock-nas01" in s.prompts)
        state = await here.until(lambda s: over(s, LIVE))
        assert sorted(t.state for t in state.tasks.values()) == [DONE, PENDING, RUNNING], "one asks, and its like are not begun"
        waits = next(t.id for t in state.tasks.values() if t.state == PENDING)
        assert standing(state, waits).why == "lock-nas01 needs an answer first"
        assert (await here.do("answer", "lock-nas01", value="take"))["ok"]
        await here.until(lambda s: s.outcome == "done")


async def test_a_copy_whose_target_went_away_gives_up_its_share_until_it_is_back(
    hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(idle, "AWAY_AFTER", 1.0)
    made = four(hosts, 200_000_000)
    async with night(session(tmp_path, made, 'transfers = 2\nbandwidth = "4MB/s"')) as here:
        await told(made, "2000000")
        await asyncio.to_thread(made["nas01"].kill_sshd)
        await told(made, "4000000")
        assert here.state.tasks[DEAD].state == UNKNOWN
        await asyncio.to_thread(made["nas01"].start_sshd)
        await told(made, "2000000")


async def told(made: dict[str, Host], rate: str) -> None:
    """Until the live copy's job has been told this rate, whichever of its two servers that is on."""
    places = [made[name].path("/root/.cockpit/jobs") for name in ("fs02", "nas02")]
    async with asyncio.timeout(30):
        while rate not in [file.read_text().strip() for place in places for file in place.glob("*/*/told")]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
