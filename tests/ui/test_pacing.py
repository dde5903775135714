"""The transfers pane by its keys: pause and unpause, front, the limit; what it shows of them, and who did it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cockpit.journal.events import AttemptEnded, LimitChanged, RetryAsked, ServerContacted, TransferFronted, TransferPaused
from tests.ui.console import Console, console, middle, replay
from tests.ui.journals import Recorded


@asynccontextmanager
async def at_transfers(root: Path, size: tuple[int, int] = (120, 40)) -> AsyncIterator[tuple[Console, Recorded]]:
    """The keys are in the transfers pane, five transfers run."""
    night, clock = await middle(root)
    await night.writer.append(ServerContacted("fs02", "boot-fs02"))  # one that is out of reach takes no slot
    async with console(root, size, night=(night, clock)) as c:
        await c.press("tab")
        c.app.board.go_to("transfers")
        await c.sees("━ 5 of at most 4 transfers")
        yield c, night
    await night.writer.close()


async def select(c: Console, task: str) -> None:
    c.app.board.here.select(task)
    await c.until(lambda: c.app.board.here.selected == task)


def order(c: Console) -> list[str]:
    """The queued transfers, top to bottom."""
    return [r.strip(" >").split()[0] for r in c.rows() if "~queued" in r and "backup@" in r]


async def queued(night: Recorded) -> None:
    """Two are to be run again, while as many run as may."""
    broke_off = AttemptEnded("backup@mail1", 1, "failed", 1, "broke off")
    await night.writer.append(broke_off, RetryAsked("backup@mail1", by_plan=True))
    await night.writer.append(RetryAsked("prove@dc01"), RetryAsked("backup@dc01"), who="maria")


async def test_p_pauses_after_a_question_and_unpauses_after_another(tmp_path: Path) -> None:
    async with at_transfers(tmp_path) as (c, night):
        await select(c, "backup@sql01")
        await c.press("p")
        text = await c.sees("leave it as it is")
        assert "Pause Back everything up [backup] on sql01?" in text and "keeps what has arrived" in text
        await c.press("p", "p")
        assert c.engine.asked == [], "its trigger is not its confirmation"
        await c.press("y")
        assert (await c.asked("pause"))["target"] == "backup@sql01"
        await night.writer.append(TransferPaused("backup@sql01"), who="maria")
        await c.sees("|paused", "by maria", "4 of at most 4 transfers, 1 paused")
        await c.press("p")
        await c.sees("Paused by maria", "leave it as it is")
        await c.press("y")
        assert (await c.asked("unpause"))["target"] == "backup@sql01"


async def test_b_asks_for_the_limit_and_the_title_says_whose_it_is(tmp_path: Path) -> None:
    async with at_transfers(tmp_path) as (c, night):
        await c.press("b")
        await c.sees("Change the limit of all transfers?", "The plan says: no limit", "leave it as it is")
        await c.type("300Mbit")
        await c.press("slash", "s", "enter")
        assert (await c.asked("limit"))["value"] == "300Mbit/s"
        await night.writer.append(LimitChanged(37_500_000.0), who="maria")
        await c.sees("limit 37.5 MB/s by maria")


async def test_a_limit_that_is_no_rate_is_corrected_where_it_was_typed(tmp_path: Path) -> None:
    """The dialog closed over it, and the correction acted as keys of the screen."""
    async with at_transfers(tmp_path) as (c, _):
        await c.press("b")
        await c.sees("Change the limit of all transfers?", "leave it as it is")
        await c.type("16")
        await c.press("enter")
        await c.sees("Change the limit of all transfers?", "'16' is not a rate", "a rate is written like 900Mbit/s")
        assert c.engine.asked == []
        await c.type("MB")
        await c.press("slash", "s", "enter")
        assert (await c.asked("limit"))["value"] == "16MB/s"


async def test_queued_ones_stand_in_the_order_of_their_turns_and_F_changes_it(tmp_path: Path) -> None:
    async with at_transfers(tmp_path) as (c, night):
        await c.press("z")
        await queued(night)
        await c.sees("~queued", " turn 1", " turn 2")
        assert order(c) == ["backup@dc01", "backup@mail1"], "as the plan has them"
        await select(c, "backup@mail1")
        await c.press("F")
        assert (await c.asked("front"))["target"] == "backup@mail1"
        await night.writer.append(TransferFronted("backup@mail1"), who="maria")
        await c.until(lambda: order(c) == ["backup@mail1", "backup@dc01"])
        assert c.app.board.here.selected == "backup@mail1", "the cursor stays on its row"


async def test_F_gives_one_that_runs_most_of_the_limit(tmp_path: Path) -> None:
    async with at_transfers(tmp_path) as (c, night):
        await select(c, "backup@fs01")
        await c.press("F")
        assert (await c.asked("front"))["target"] == "backup@fs01"
        await night.writer.append(TransferFronted("backup@fs01"), LimitChanged(37_500_000.0), who="maria")
        await c.sees("limit 37.5 MB/s by maria, most of it to backup@fs01")


async def test_what_is_no_transfer_is_not_paused(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        await c.press("j", "j", "tab", "p")
        await c.sees("Select a transfer first")
        c.app.board.go_to("servers")
        await c.press("g", "p")
        assert "on fs01?" in await c.sees("Pause Back everything up", "leave it as it is"), "the one that runs on this server"
        assert c.engine.asked == []


async def test_its_keys_stand_in_the_footer_where_they_mean_something(tmp_path: Path) -> None:
    for size in ((80, 23), (120, 40)):
        async with at_transfers(tmp_path / str(size[0]), size) as (c, _):
            await c.sees("p pause", "F front", "b limit")
            await c.press("shift+tab")
            await c.lost("p pause")
    async with at_transfers(tmp_path / "help") as (c, _):
        await c.press("question_mark", "pagedown")
        await c.sees("pause the selected transfer, or let it go on", "bandwidth")


@pytest.mark.parametrize("key", ["p", "F", "b"])
async def test_in_a_replay_they_are_off(tmp_path: Path, key: str) -> None:
    night, clock = await middle(tmp_path)
    async with replay(night, clock, at=clock.at) as c:
        await c.press(key)
        assert len(c.app.screen_stack) == 1
    await night.writer.close()
