"""`cockpit status`: where a night stands, as the JSON document of `spec/commands.md` and as lines for a person.

Times are RFC 3339 in UTC, durations seconds, sizes bytes; what is not known is null, never 0.
"""

from __future__ import annotations

from shlex import quote
from typing import Any

from cockpit.plan.model import split_task
from cockpit.state.model import Task
from cockpit.state.pace import limit
from cockpit.state.standing import queue
from cockpit.units import format_duration, rfc3339
from cockpit.views import header, needs, proofs, servers
from cockpit.views.glyphs import TASK
from cockpit.views.model import Night
from cockpit.views.now import believed, held, is_running, quiet, share, word
from cockpit.views.words import draw, text_of, wrap

Json = dict[str, Any]


def status(night: Night) -> Json:
    state, forecast = night.state, night.forecast
    return {
        "session": state.session, "plan": state.plan, "mode": state.mode, "outcome": state.outcome,
        "engine": _engine(night), "now": _time(night.now),
        "window": {"opens": _time(state.opens), "testing": _time(state.testing), "closes": _time(state.closes)},
        "forecast": {
            "finish": _time(forecast.finish), "finish_p90": _time(forecast.finish_p90),
            "slack_s": _seconds(forecast.slack), "critical": list(forecast.critical),
        },
        "backout": {
            "possible": forecast.backout_possible,
            "duration_s": _seconds(forecast.backout_duration), "latest": _time(forecast.backout_latest),
        },
        "transfers": {
            "limit": limit(night.plan, state), "limit_by": state.limit_by if state.limit is not None else None,
            "queue": queue(night.plan, state, night.standings),
        },
        "counts": _counts(night),
        "servers": [_server(night, name) for name in night.plan.servers],
        "tasks": [_task(night, task) for task in state.tasks.values()],
        "attempts": [attempt for task in state.tasks.values() for attempt in _attempts(task)],
        "needs_you": [_need(need) for need in needs.items(night)],
        "proofs": [_proof(night, *found) for found in proofs.all_checks(night) if found[2] is not None],
    }


def lines(night: Night, width: int = 100) -> list[str]:
    """The two rows of the screen, what needs a person, the servers, and what is proven."""
    found = [text_of(header.row1(night, width)), text_of(header.row2(night, width)), ""]
    table = servers.table(night, width)
    found += [*([table.title] if table.title else []), *draw(table, width)]
    found += _asked(night, width)
    if any(step.kind == "verify" for step in night.plan.steps):
        found += ["", proofs.summary(night)]
    return found


def _asked(night: Night, width: int) -> list[str]:
    """What needs a person, and below each the commands that answer it: never cut nor parted, since they are pasted."""
    found = [""] if (open_ := needs.items(night)) else []
    for need in open_:
        age = format_duration(night.now - need.since) if need.since is not None else ""
        found.append(f"[{need.number}] {age:>6}  {need.key}{'  alarm' if need.alarm else ''}")
        found += [f"{'':12}{line}" for line in wrap(need.sentence, width - 12)]
        found += [f"{'':12}{command}" for command in _commands(night.state.session, need)]
    return found


def _commands(session: str, need: needs.Need) -> list[str]:
    """One for each answer. What is typed, a secret above all, is asked for by the command; where a reason belongs in the
    record there is the place for it."""
    do, key = f"cockpit do {quote(session)}", quote(need.key)
    if need.alarm:
        return [f"{do} ack {key}"]
    whys = {value: " --why ''" if needs.reasoned(need.kind, value) else "" for value in need.choices}
    return [f"{do} answer {key} --value {quote(value)}{why}" for value, why in whys.items()] or [f"{do} answer {key}"]


def _time(at: float | None) -> str | None:
    return rfc3339(at) if at is not None else None


def _seconds(value: float | None) -> float | None:
    return round(value, 3) if value is not None else None


def _engine(night: Night) -> Json:
    alive = night.engine.alive
    running = night.state.engine_running if alive is None else alive
    return {
        "running": running, "pid": night.state.engine_pid if running else None, "epoch": night.state.epoch,
        "problem": night.engine.problem or night.state.engine_problem,
    }


def _counts(night: Night) -> Json:
    """Tasks by state, of the night and, once it has begun, of the backout."""
    tasks = [t for t in night.state.tasks.values() if t.phase == "night" or night.state.backout]
    words = [word(night, t) for t in tasks]
    return {name: words.count(name) for name in dict.fromkeys([*TASK, *words])}


def _server(night: Night, name: str) -> Json:
    known = night.state.servers.get(name)
    return {
        "name": name, "contact": known.contact if known else "never", "since": _time(known.since) if known else None,
        "quiet_s": _seconds(quiet(night, name)), "held": held(night.state, name),
        "problem": (known.text or known.problem) if known else None,
    }


def _task(night: Night, task: Task) -> Json:
    attempt, standing, state = task.attempt, night.standings.get(task.id), night.state
    return {
        "step": task.step, "kind": task.kind, "title": task.title, "phase": task.phase, "server": task.server,
        "state": word(night, task), "why_waiting": (standing.why or None) if standing else None,
        "attempt": attempt.n if attempt else None, "started": _time(task.started), "ended": _time(task.ended),
        "exit": attempt.exit if attempt else None, "error": attempt.error if attempt else None,
        "who": task.who, "why": task.why, "paused_by": state.paused.get(task.id),
        "planned_start": _time(task.planned_start), "planned_end": _time(task.planned_end),
        "forecast_end": _time(night.forecast.ends.get(task.id)), **_moved(night, task),
    }


def _moved(night: Night, task: Task) -> Json:
    m = night.forecast.transfers.get(task.id)
    if m is None:
        return dict.fromkeys(("percent", "bytes_done", "bytes_total", "rate", "eta_s", "eta_p90_s"))
    moving, done = is_running(night, task.id) and believed(night, task.server), share(night, m)
    return {
        "percent": int(done * 1000) / 10 if done is not None else None,
        "bytes_done": m.bytes_done, "bytes_total": m.bytes_total,
        "rate": round(m.rate) if m.rate is not None and moving else None, "eta_s": _seconds(m.eta) if moving else None,
        "eta_p90_s": _seconds(m.eta_p90) if moving else None,
    }


def _attempts(task: Task) -> list[Json]:
    return [
        {"step": task.step, "server": task.server, "n": a.n, "purpose": a.purpose, "result": a.result,
         "started": _time(a.started), "ended": _time(a.ended), "exit": a.exit, "error": a.error}
        for a in task.attempts
    ]


def _need(need: needs.Need) -> Json:
    step, server = split_task(need.task) if need.task else (None, None)
    return {"id": need.key, "kind": need.kind, "step": step, "server": server or need.server, "what": need.what,
            "since": _time(need.since), "choices": list(need.choices), "alarm": need.alarm}


def _proof(night: Night, task: str, check: str, proof: Any) -> Json:
    step, server = split_task(task)
    return {"step": step, "check": check, "server": server, "result": proof.result, "at": _time(proof.at),
            "fresh": f"{task}/{check}" not in night.stale, "evidence": proof.evidence}
