"""Journals the end of alarms of which no other fact tells: a transfer that moves again, a night that is in time again.

Only those that have called a person (`state.alarms`): with it a screen, live or replayed, can keep them until somebody
acknowledges them. Refuses to know what a screen makes of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cockpit.beat import beat
from cockpit.journal.events import AlarmEnded
from cockpit.plan.model import split_task
from cockpit.state import alarms
from cockpit.state.model import RUNNING, UNKNOWN, Task
from cockpit.units import format_duration

if TYPE_CHECKING:
    from cockpit.engine.core import Engine

LOOK = 2.0  # s between two looks
IN_TIME = 60.0  # s of slack from which a late night counts as in time: around 0 it would end and begin with every forecast


class Alarms:
    """Knows in memory what stands: an alarm that ends while no engine runs was seen by nobody."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stalls: dict[str, float] = {}  # task -> when its last byte came
        self._late: tuple[float, float] | None = None  # since when, and by how much at worst, in seconds

    async def run(self) -> None:
        """For as long as the engine lives."""
        while True:
            await beat(LOOK)
            await self.look(self._engine.writer.now())

    async def look(self, now: float) -> None:
        ended = [*self._moves_again(now), *self._in_time_again(now)]
        if ended:
            await self._engine.append(*ended)

    def _moves_again(self, now: float) -> Iterator[AlarmEnded]:
        tasks, before, self._stalls = self._engine.state.tasks, self._stalls, {}
        for task in tasks.values():
            if task.state in (RUNNING, UNKNOWN) and (since := self._stalled(task, now, before.get(task.id))) is not None:
                self._stalls[task.id] = since
        for name, since in before.items():
            if name not in self._stalls:
                alarm = alarms.occurrence(alarms.stalled(name), since)
                yield AlarmEnded(alarm, since, self._how(tasks.get(name)), name, split_task(name)[1])

    def _stalled(self, task: Task, now: float, before: float | None) -> float | None:
        """Since when, where that is long enough to call a person. One of which nothing new is told stands as it stood."""
        if task.id in self._engine.state.paused or self._engine.forecasts.still(task.id, now) < alarms.STALLED_AFTER:
            return None
        moving = self._engine.forecasts.moving(task, now)
        if moving is None or task.state == UNKNOWN:
            return before
        since = moving.stalled_since
        return since if since is not None and now - since >= alarms.STALLED_AFTER else None

    def _how(self, task: Task | None) -> str:
        if task is not None and task.id in self._engine.state.paused:
            return "paused"
        return "moves again" if task is not None and task.state in (RUNNING, UNKNOWN) else f"{task.state if task else 'gone'}"

    def _in_time_again(self, now: float) -> Iterator[AlarmEnded]:
        made = self._engine.forecasts.made
        slack = made.slack if made is not None else None
        if slack is not None and slack < 0:
            since, worst = self._late or (now, 0.0)
            self._late = since, max(worst, -slack)
        elif slack is not None and slack >= IN_TIME and self._late is not None:
            (since, worst), self._late = self._late, None
            alarm = alarms.occurrence(alarms.LATE, alarms.late_step(worst))
            yield AlarmEnded(alarm, since, f"by {format_duration(worst)} at worst, in time again")
