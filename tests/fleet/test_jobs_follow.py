"""What a follower makes of looks and notices, in whatever order they arrive, and when followers are looked for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import cast

import pytest

from cockpit.fleet.api import JobOutput, JobReport, Lost
from cockpit.fleet.jobs_follow import Follower, Followers
from cockpit.fleet.shell import Notice, Section, Shell


def test_a_notice_that_overtakes_a_look_costs_no_output() -> None:
    """The look was made while the job had not yet said its last words; the notice of its end comes in before the reply."""
    follower = Follower("a", 0, 0, 0.0)
    follower.notice = Notice("a", "0", "-", (10, 0), None)
    follower.take([Section(["job", "0", "running", "-", "-"], b""), Section(["data", "0", "out"], b"first")], 1 << 20)
    assert not follower.over, "there may be more"
    follower.take([Section(["job", "0", "ended", "0", "-"], b""), Section(["data", "0", "out"], b"firstlast\n")], 1 << 20)
    *seen, last = follower.items
    assert b"".join(item.data for item in seen if isinstance(item, JobOutput)) == b"firstlast\n"
    assert last == JobReport("ended", 0, "", 10, 0)


def test_a_look_that_has_it_all_ends_with_the_notice() -> None:
    follower = Follower("a", 0, 0, 0.0)
    follower.notice = Notice("a", "3", "-", (5, 0), None)
    follower.take([Section(["job", "0", "running", "-", "-"], b""), Section(["data", "0", "out"], b"whole")], 1 << 20)
    assert follower.over and follower.items[-1] == JobReport("ended", 3, "", 5, 0)


class Answers:
    """A control shell that says one more byte of each job at each look; from its `last` look on it says nothing at all."""

    server, alive = "app01", True

    def __init__(self, last: int = 99) -> None:
        self.last = last
        self.looks: list[tuple[float, list[str]]] = []  # monotonic time, names
        self._news = asyncio.Condition()

    async def request(self, command: str) -> list[Section]:
        words = command.split()[2:]
        async with self._news:
            self.looks.append((time.monotonic(), words[::3]))
            self._news.notify_all()
        if len(self.looks) >= self.last:
            await asyncio.Event().wait()
        data = b"x" * len(self.looks)
        numbers = [str(number) for number in range(len(words[::3]))]
        return [s for n in numbers for s in (Section(["job", n, "running", "-", "-"], b""), Section(["data", n, "out"], data))]

    async def looked(self, count: int) -> None:
        async with asyncio.timeout(20):
            async with self._news:
                await self._news.wait_for(lambda: len(self.looks) >= count)


def followers(shell: Answers, names: str) -> tuple[Followers, list[AsyncIterator[JobOutput | JobReport]]]:
    made = Followers(cast(Shell, shell))
    return made, [made.follow(Follower(name, 0, 0, 0.0)) for name in names]


async def test_many_are_looked_at_once_a_second_and_who_takes_nothing_keeps_nobody_waiting() -> None:
    shell = Answers()
    made, each = followers(shell, "abcd")
    first = await asyncio.gather(*(anext(one) for one in each))
    assert all(isinstance(item, JobOutput) for item in first)
    begun = len(shell.looks)
    taking = [asyncio.create_task(_take(one)) for one in each[1:]]
    await shell.looked(begun + 3)
    assert [names for _, names in shell.looks[begun + 1 :]] == [["b", "c", "d"]] * 2, "a has not taken what it was brought"
    assert shell.looks[begun + 2][0] - shell.looks[begun + 1][0] > 0.9, "seconds"
    late = asyncio.create_task(_take(each[0]))
    await shell.looked(begun + 4)
    at, names = shell.looks[begun + 3]
    assert "a" in names and at - shell.looks[begun + 2][0] < 0.9, "its time has come: it does not wait for the others'"
    for task in (*taking, late):
        task.cancel()
    await asyncio.gather(*taking, late, return_exceptions=True)
    await made.close()


async def test_a_shell_that_is_closed_in_the_middle_of_a_look_ends_all_its_followers() -> None:
    shell = Answers(last=3)
    made, (early, late) = followers(shell, "ab")
    await asyncio.gather(anext(early), anext(late))
    waiting = asyncio.create_task(_take(early))
    await shell.looked(3)
    await made.close()
    for task in (waiting, asyncio.create_task(_take(late))):
        with pytest.raises(Lost):
            await asyncio.wait_for(task, 10)


async def _take(follower: AsyncIterator[JobOutput | JobReport]) -> None:
    async for _ in follower:
        pass
