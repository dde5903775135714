"""The forecast of a night: what has happened as it happened, what runs as it is measured, what is to come as it
waits.

Pure: (plan, state, standings, transfers, now) -> Forecast, O(tasks + needs). Refuses to guess what nobody knows: a
transfer in which nothing moves has no end, and then neither has the night. What a person has to decide first (a
failed task, a held server) is taken as decided now, so that the finish moves with the clock until it is. What has begun and
stands still (`state.idle`) takes no slot. Neither a paused transfer nor what waits for it has a time; the finish is that of a
night in which all go on now, for as long as none of them decides it, and after that it is not known.
"""

from __future__ import annotations

from collections.abc import Mapping

from cockpit.forecast.durations import Durations
from cockpit.forecast.forward import INF, Job, Placed, chain, finish, margins, place
from cockpit.forecast.model import Forecast, TransferNow
from cockpit.plan.model import LOCAL, SLOTLESS, Plan, Step
from cockpit.plan.schedule import earliest
from cockpit.plan.times import Hours
from cockpit.state.idle import idle
from cockpit.state.model import PENDING, RUNNING, UNKNOWN, State, Task
from cockpit.state.standing import Chart, Standing, chart, dropped, no_return_passed, settled


def forecast(
    plan: Plan, state: State, standings: Mapping[str, Standing], transfers: Mapping[str, TransferNow], now: float,
) -> Forecast:
    """Of the night, or of the backout once that has begun. `finish` is of everything but `after` steps; once nothing
    is left it is when the last of them really ended. p90 and the backout horizon are None until something real gives
    them."""
    over = state.outcome is not None
    durations = Durations(plan, state, transfers, now)
    jobs = [] if over else _Jobs(chart(plan), state, standings, durations).all()
    placed = place(jobs, _limits(plan), now)
    last_end, last = finish(jobs, placed)
    critical = chain(last, placed)
    still = [] if over else [job.id for job in jobs if job.id in state.paused]
    if last_end is None:
        last_end = _ended(plan, state, over)
    known = last_end is not None and last_end < INF and not any(task in still for task in critical)
    times = place(_Jobs(chart(plan), state, standings, durations, still=True).all(), _limits(plan), now) if still else placed
    starts, ends = _spans(state, times)
    return Forecast(
        finish=last_end if known else None,
        finish_p90=_late(plan, state, standings, transfers, now) if known and not over else None,
        slack=state.closes - last_end if known and last_end is not None else None,
        critical=critical, starts=starts, ends=ends,
        server_slack=_server_slack(plan, jobs, placed, state), transfers=transfers, paused=len(still),
        backout_possible=bool(plan.backout) and not over and no_return_passed(plan, state) is None,
    )


def _late(
    plan: Plan, state: State, standings: Mapping[str, Standing], transfers: Mapping[str, TransferNow], now: float,
) -> float | None:
    """The finish when every transfer that runs takes as long as one in ten does (they share wires and disks: what slows
    one slows the others). None while no transfer is measured: an estimate has no range that anything real gives."""
    if not any(m.pace_p90 for m in transfers.values()):
        return None
    jobs = _Jobs(chart(plan), state, standings, Durations(plan, state, transfers, now, late=True)).all()
    end, _ = finish(jobs, place(jobs, _limits(plan), now))
    return end if end is not None and end < INF else None


class _Jobs:
    """The tasks that are not over, as jobs of a schedule."""

    def __init__(
        self, the_chart: Chart, state: State, standings: Mapping[str, Standing], durations: Durations, *, still: bool = False,
    ) -> None:
        """still: what is paused stays so, and nobody knows for how long; else it is as if all went on now."""
        self.still = still
        self.chart, self.state, self.standings, self.durations = the_chart, state, standings, durations
        self.idle = idle(the_chart.plan, state, durations.now)
        window = Hours(state.opens, state.closes, state.testing, state.utc_offset)
        self.earliest = {s.id: earliest(s, state.started, window) for s in the_chart.plan.steps}

    def all(self) -> list[Job]:
        """In the order in which they get what is scarce."""
        tasks = (self.state.tasks[t] for t in self.chart.in_turn(self.state.fronted) if t in self.state.tasks)
        return [self._job(task) for task in tasks if self._counts(task)]

    def _counts(self, task: Task) -> bool:
        step = self.chart.steps[task.step]
        begun = task.state in (RUNNING, UNKNOWN)
        if not begun and (step.phase == "backout") != self.state.backout:
            return False
        if task.state == PENDING and dropped(self.state, task.server):
            return False
        standing = self.standings.get(task.id)
        return not settled(task, step, self.state) and (standing is None or standing.word != "skipped")

    def _job(self, task: Task) -> Job:
        step = self.chart.steps[task.step]
        counts, paused = step.stage != "after", task.id in self.state.paused
        slots = () if task.id in self.idle or (paused and self.still) else _slots(step, task.server)
        if task.state in (RUNNING, UNKNOWN):
            attempt = task.attempt
            start = attempt.started if attempt else task.started or self.durations.now
            length = max(0.0, self.durations.now - start) + self.durations.left(task)
            return Job(task.id, INF if paused and self.still else length, start=start, slots=slots, counts=counts)
        earliest = INF if paused and self.still else max(self.earliest.get(step.id, 0.0), task.not_before or 0.0)
        return Job(
            task.id, self.durations.whole(task), self.chart.needs.get(task.id, ()),
            earliest=earliest, slots=slots, counts=counts,
        )


def _slots(step: Step, server: str | None) -> tuple[str, ...]:
    """People and clocks take none."""
    if isinstance(step.action, SLOTLESS):
        return ()
    return ("jobs", f"jobs@{server}", "transfers") if step.kind == "copy" else ("jobs", f"jobs@{server}")


def _limits(plan: Plan) -> dict[str, int]:
    servers = {f"jobs@{s.name}": s.max_jobs for s in plan.servers.values()}
    return {"jobs": plan.limits.jobs, "transfers": plan.limits.transfers, **servers}


def _ended(plan: Plan, state: State, over: bool) -> float | None:
    """When the last task really ended. None before anything has, and where a night was given up before its end."""
    after = {s.id for s in plan.steps if s.stage == "after"}
    ends = [t.ended for t in state.tasks.values() if t.ended is not None and t.step not in after]
    return None if over and state.outcome == "abandoned" else max(ends, default=None)


def _spans(state: State, placed: Placed) -> tuple[dict[str, float], dict[str, float]]:
    """Actual times where they are known, forecast ones elsewhere; what nobody knows is left out."""
    starts = {t.id: t.started for t in state.tasks.values() if t.started is not None}
    ends = {t.id: t.ended for t in state.tasks.values() if t.ended is not None and t.id not in placed.ends}
    starts.update({t: at for t, at in placed.starts.items() if at < INF})
    ends.update({t: at for t, at in placed.ends.items() if at < INF})
    return starts, ends


def _server_slack(plan: Plan, jobs: list[Job], placed: Placed, state: State) -> dict[str, float]:
    """How much later each server may be without making the business open late: the smallest margin of what it has
    left."""
    found: dict[str, float] = {}
    for task, margin in margins(jobs, placed, state.closes).items():
        server = state.tasks[task].server
        if server is not None and server != LOCAL and server in plan.servers:
            found[server] = min(margin, found.get(server, INF))
    return {server: margin for server, margin in found.items() if margin > -INF}
