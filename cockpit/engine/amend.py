"""A plan that changes during the night: what has started stays as it was, the rest follows the new paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cockpit.engine.options import TRUSTED, keep_trusted, plan_files, trust_file
from cockpit.fleet.api import Target
from cockpit.journal.events import PlanAdopted
from cockpit.journal.lease import SessionDir
from cockpit.plan.diff import AmendRefused, Change, differences, line_differences
from cockpit.plan.model import Plan, Script
from cockpit.plan.reader import load, loads
from cockpit.plan.schedule import schedule
from cockpit.state.model import PENDING

if TYPE_CHECKING:
    from cockpit.engine.core import Engine


NEVER = (None, None)


def adoption(plan: Plan, started: float, *, amended: bool = False, changes: list[str] | None = None) -> PlanAdopted:
    """The fact that a plan holds from now on, with the baseline that its schedule gives."""
    planned = schedule(plan, started).tasks
    tasks = [
        {
            "id": task, "step": step.id, "server": server, "kind": step.kind, "title": step.title, "phase": step.phase,
            "planned_start": planned.get(task, NEVER)[0], "planned_end": planned.get(task, NEVER)[1],
        }
        for step in (*plan.steps, *plan.backout)
        for task, server in zip(step.task_ids(), step.servers or (None,), strict=True)
    ]
    window = plan.window
    testing = window.testing.at(started) if window.testing else None
    return PlanAdopted(plan.text, tasks, amended, window.closes.at(started), window.opens.at(started), testing, changes or [])


async def amend(engine: Engine, path: str, **said: Any) -> list[str]:
    """Adopt the plan at `path`; the words of what changed. Raises PlanProblems, or AmendRefused when a started step changed."""
    new = load(Path(path))
    begun = {t.step for t in engine.state.tasks.values() if t.state != PENDING or t.attempts}
    changes = [change.what for change in all_differences(engine.session, engine.plan, new, begun)]
    frozen = loads(new.text, str(engine.session.plan_path), base=Path(path).parent)
    engine.session.stage(new.text, plan_files(new), engine.state.seq)
    await engine.append(adoption(frozen, engine.state.started, amended=True, changes=changes), **said)
    engine.session.adopt(engine.state.plan_seq)
    keep_trusted(engine.session, new)
    engine.plan = frozen
    engine.traffic.shifted()
    engine.fleet.update(targets(frozen))
    engine.leave_dropped()
    return changes


def all_differences(session: SessionDir, old: Plan, new: Plan, begun: set[str]) -> list[Change]:
    """The plan's, and those of what lies beside it: its scripts, and the host keys that `cockpit trust` wrote since."""
    changes, refused = differences(old, new, begun), []
    files = plan_files(new)
    for step in (*new.steps, *new.backout):
        if not isinstance(step.action, Script):
            continue
        path = step.action.path
        kept = _kept(session, old, path)
        if files[path] != kept:
            if step.id in begun:
                refused.append(f"step {step.id} has started and its script {path} can't be changed")
            changes.append(Change(f"script {path} of step {step.id} changed", _lines(kept, files[path])))
    if refused:
        raise AmendRefused(refused)
    trusted = trust_file(Path(new.path))
    known = _bytes(session.path / TRUSTED)
    if trusted.exists() and (found := trusted.read_bytes()) != known:
        changes.append(Change("host keys were trusted since", _lines(known, found)))
    return changes


def _lines(old: bytes | None, new: bytes) -> tuple[str, ...]:
    return tuple(line_differences(*(data.decode(errors="replace") for data in (old or b"", new))))


def _kept(session: SessionDir, old: Plan, script: str) -> bytes | None:
    return session.read_file(script) if any(script == s.action.path for s in old.steps if isinstance(s.action, Script)) else None


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def targets(plan: Plan) -> list[Target]:
    """The fleet's view of a plan's servers."""
    return [
        Target(
            s.name, s.host, s.user, s.port, s.key, s.data_host, s.via, s.host_key, s.sftp_only, s.become, s.become_password,
            s.connect_timeout,
        )
        for s in plan.servers.values()
    ]
