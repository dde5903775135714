"""Records the forecasts that were made, so that their error can be computed afterwards: samples, for no decision rests on them.

`forecast/<task>` of each transfer that runs (eta, eta_p90, bytes_done, bytes_total, phase, n) and `forecast` of the night
(finish, finish_p90, slack, critical). Computed only as often as recorded, from the journal, as a screen would see it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cockpit.beat import beat
from cockpit.forecast.compute import forecast
from cockpit.forecast.follow import Follower, told
from cockpit.forecast.model import Forecast, TransferNow
from cockpit.journal.records import Sample, Value
from cockpit.state.model import RUNNING, UNKNOWN, State, Task
from cockpit.state.standing import standings

if TYPE_CHECKING:
    from cockpit.engine.core import Engine

NIGHT = "forecast"
LOOK = 1.0  # s between two looks at what has changed
TRANSFER_EVERY = 30.0  # s between two records of one transfer in the same phase
NIGHT_EVERY = 60.0  # s between two records of the night while anything runs
CHANGE_AFTER = 10.0  # s at least between two records of the night, however much happens …
SHARE = 0.003  # … and of the time that one may take to compute: a large night is looked at less often
CHAIN = 8  # tasks of the critical chain that are kept
COUNTED = ("n", "phase", "bytes_done", "phase_done")
MARKS = (0.25, 0.5, 0.75, 0.9)  # shares of the bytes whose passing is recorded: the report asks for the error there


class Recorder:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._follower: Follower | None = None
        self._newest: dict[str, Sample] = {}  # of each transfer, as it was told since the last look
        self._counted: dict[str, tuple[float, tuple[object, ...]]] = {}  # task -> when its count last changed, and to what
        self._told: dict[str, tuple[float, tuple[object, ...]]] = {}  # task -> when, and in which phase and past which mark
        self._night_at, self._night_seq, self._rest = 0.0, 0, CHANGE_AFTER
        self.made: Forecast | None = None  # the newest of the night

    def heard(self, task: str, sample: Sample) -> None:
        """A sample of its progress."""
        self._newest[task] = sample
        count = tuple(sample.values.get(name) for name in COUNTED)
        if task not in self._counted:  # it may stand still since before this engine began
            self._counted[task] = 0.0, count
        elif self._counted[task][1] != count:
            self._counted[task] = sample.at, count

    def still(self, task: str, now: float) -> float:
        """Seconds since it told something new; years where this engine has not heard so."""
        return now - self._counted.get(task, (0.0, ()))[0]

    async def run(self) -> None:
        """For as long as the engine lives."""
        while True:
            await beat(LOOK)
            self.look(self._engine.writer.now())

    def look(self, now: float) -> None:
        """Record what is due. Does next to nothing while nothing is."""
        state = self._engine.state
        due = [state.tasks[task] for task, sample in self._newest.items() if task in state.tasks and self._due(task, sample, now)]
        self._newest.clear()
        for task in due:
            moving = self.moving(task, now)
            if moving is not None and task.attempt is not None:
                self._engine.writer.sample(Sample(now, f"{NIGHT}/{task.id}", _of_transfer(moving, task.attempt.n)))
        if self._night_due(state, now):
            self._record_night(state, now)

    def _due(self, task: str, sample: Sample, now: float) -> bool:
        done, total = sample.values.get("bytes_done"), sample.values.get("bytes_total")
        share = float(done) / float(total) if done and total else 0.0
        stage = (sample.values.get("n"), sample.values.get("phase"), sum(share >= mark for mark in MARKS))
        at, before = self._told.get(task, (0.0, ()))
        if stage == before and now - at < TRANSFER_EVERY:
            return False
        self._told[task] = (now, stage)
        return True

    def _night_due(self, state: State, now: float) -> bool:
        """While nothing runs and nothing happened the finish moves with the clock, and says nothing new."""
        if not state.tasks or now - self._night_at < self._rest:
            return False
        if state.seq != self._night_seq:
            return True
        return now - self._night_at >= NIGHT_EVERY and any(t.state == RUNNING for t in state.tasks.values())

    def _record_night(self, state: State, now: float) -> None:
        began = time.thread_time()
        moving = {t.id: m for t in state.tasks.values() if t.state in (RUNNING, UNKNOWN) and (m := self.moving(t, now))}
        plan = self._engine.plan
        self.made = made = forecast(plan, state, standings(plan, state, now), moving, now)
        self._engine.writer.sample(Sample(now, NIGHT, _of_night(made)))
        self._night_at, self._night_seq = now, state.seq
        self._rest = max(CHANGE_AFTER, (time.thread_time() - began) / SHARE)

    def moving(self, task: Task, now: float) -> TransferNow | None:
        """As a screen sees it; None where nothing was told of it yet."""
        if task.id not in self._told or task.attempt is None:
            return None
        if self._follower is None:
            self._follower = Follower(self._engine.reader.seconds)
        return told(self._follower.of(f"transfer/{task.id}", task.id, task.attempt.started, now), task, now)


def _of_transfer(moving: TransferNow, n: int) -> dict[str, Value]:
    return {
        "eta": moving.eta, "eta_p90": moving.eta_p90, "bytes_done": moving.bytes_done, "bytes_total": moving.bytes_total,
        "phase": moving.phase, "n": n,
    }  # fmt: skip


def _of_night(made: Forecast) -> dict[str, Value]:
    return {
        "finish": made.finish, "finish_p90": made.finish_p90, "slack": made.slack, "critical": " > ".join(made.critical[:CHAIN]),
    }  # fmt: skip
