"""State = fold(facts). Pure and total: any sequence of known events folds; nonsense is counted, never raised.

Applied in place, one handler per kind of event, so that a long night folds in a moment. Handlers for attempts and what
people decide about tasks stand in `fold_tasks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from cockpit.journal import events as e
from cockpit.journal.events import Event, Fact
from cockpit.plan.model import LOCAL, split_task
from cockpit.state import alarms, fold_tasks
from cockpit.state.model import DONE, PENDING, SKIPPED, Ended, Note, Prompt, Proof, ServerState, State, Task

Handler = Callable[[State, Fact, Any], None]
LAST_KEY = 9  # of those that open a question by its number


def fold(facts: Iterable[Fact]) -> State:
    state = State()
    for fact in facts:
        apply(state, fact)
    return state


def apply(state: State, fact: Fact) -> None:
    """One more fact, in place. Never keeps a reference to anything mutable in the fact."""
    state.seq, state.at = fact.seq, fact.at
    if fact.who:
        state.decisions += 1
    HANDLERS[type(fact.event)](state, fact, fact.event)


# --- the session and its engine


def _session_started(state: State, fact: Fact, event: e.SessionStarted) -> None:
    state.session, state.plan, state.mode, state.started = event.session, event.plan, event.mode, fact.at
    state.opens, state.testing, state.closes = event.opens, event.testing, event.closes
    state.utc_offset, state.inputs = event.utc_offset, dict(event.inputs)


def _plan_adopted(state: State, fact: Fact, event: e.PlanAdopted) -> None:
    """An amended plan keeps what has a history, and all planned times; what never started and isn't listed goes."""
    state.plan_text, state.plan_seq = event.text, fact.seq
    state.opens = state.opens if event.opens is None else event.opens
    state.testing = state.testing if event.testing is None else event.testing
    state.closes = state.closes if event.closes is None else event.closes
    before, state.tasks = state.tasks, {}
    for row in event.tasks:
        task = _task(row)
        old = before.pop(task.id, None)
        if old is not None and not _untouched(old):
            task = old
        elif old is not None:
            old.kind, old.title, old.phase = task.kind, task.title, task.phase
            task = old
        state.tasks[task.id] = task
        if task.server and task.server != LOCAL:
            _server(state, task.server)
    state.tasks.update((id_, task) for id_, task in before.items() if not _untouched(task))


def _task(row: dict[str, Any]) -> Task:
    return Task(
        row["id"], row.get("step") or split_task(row["id"])[0], row.get("server"), row.get("kind", ""),
        row.get("title", ""), row.get("phase", "night"), row.get("planned_start"), row.get("planned_end"),
    )


def _untouched(task: Task) -> bool:
    return task.state == PENDING and not task.attempts


def _engine_started(state: State, fact: Fact, event: e.EngineStarted) -> None:
    """Secrets lived in the last engine's memory; prompts stay open until the new one answers or withdraws them."""
    state.epoch, state.engine_pid, state.engine_host = event.epoch, event.pid, event.host
    state.engine_running, state.engine_problem = True, None
    state.given_secrets.clear()


def _engine_stopped(state: State, fact: Fact, event: e.EngineStopped) -> None:
    state.engine_running, state.engine_pid = False, None


def _engine_troubled(state: State, fact: Fact, event: e.EngineTroubled) -> None:
    state.engine_problem = event.problem


def _night_ended(state: State, fact: Fact, event: e.NightEnded) -> None:
    state.outcome = event.outcome


def _backout_started(state: State, fact: Fact, event: e.BackoutStarted) -> None:
    state.backout, state.backout_reason, state.backout_by = True, event.reason, fact.who


def _input_given(state: State, fact: Fact, event: e.InputGiven) -> None:
    if event.value is not None:
        state.inputs[event.name] = event.value
    elif event.name not in state.given_secrets:
        state.given_secrets.append(event.name)


# --- servers


def _server(state: State, name: str) -> ServerState:
    server = state.servers.get(name)
    if server is None:
        server = state.servers[name] = ServerState(name)
    return server


def _contact(server: ServerState, contact: str, at: float) -> None:
    """`since` is of the change. A dropped server has left the night: no contact brings it back."""
    if server.contact not in (contact, "dropped"):
        server.contact, server.since = contact, at


def _server_contacted(state: State, fact: Fact, event: e.ServerContacted) -> None:
    server = _server(state, event.server)
    _back(state, server, fact.at)
    _contact(server, "up", fact.at)
    server.contacted = fact.at
    server.boot_id = event.boot_id or server.boot_id
    server.facts.update(event.facts)
    if server.contact != "dropped":
        server.problem = server.text = None


def _back(state: State, server: ServerState, at: float) -> None:
    """What called a person stays until it is acknowledged; a key that was accepted meanwhile was seen to."""
    since, worse = server.since, server.worse
    if since is None or worse is None or not alarms.calls(state, server, at):
        return
    if server.accepted is None or server.accepted < since:
        name = alarms.lost(server.name)
        _keep(state, Ended(alarms.occurrence(name, worse), since, at, server=server.name))


def _server_lost(state: State, fact: Fact, event: e.ServerLost) -> None:
    server = _server(state, event.server)
    if server.contact != "lost":
        server.problems, server.worse = [event.problem], fact.at
    elif event.problem not in server.problems:  # one that comes and goes while a host boots is told once
        server.problems.append(event.problem)
        server.worse = server.worse if event.problem == "unreachable" else fact.at
    _contact(server, "lost", fact.at)
    if server.contact != "dropped":
        server.problem, server.text = event.problem, event.text


def _server_dropped(state: State, fact: Fact, event: e.ServerDropped) -> None:
    server = _server(state, event.server)
    _contact(server, "dropped", fact.at)
    server.problem, server.text = None, fact.why
    state.ended = {name: ended for name, ended in state.ended.items() if ended.server != event.server}
    for prompt in list(state.prompts.values()):
        if event.server in (prompt.server, split_task(prompt.task or "")[1]):
            del state.prompts[prompt.id]


def _key_offered(state: State, fact: Fact, event: e.HostKeyOffered) -> None:
    server = _server(state, event.server)
    server.offered_key, server.offered_fingerprint = event.key, event.fingerprint


def _key_accepted(state: State, fact: Fact, event: e.HostKeyAccepted) -> None:
    server = _server(state, event.server)
    server.accepted, server.accepted_key, server.accepted_place = fact.at, event.key, event.place
    server.offered_key = server.offered_fingerprint = None


def _held(state: State, fact: Fact, event: e.Held) -> None:
    if event.target not in state.held:
        state.held.append(event.target)


def _released(state: State, fact: Fact, event: e.Released) -> None:
    if event.target in state.held:
        state.held.remove(event.target)


# --- the pace of transfers


def _limit_changed(state: State, fact: Fact, event: e.LimitChanged) -> None:
    state.limit, state.limit_by = event.bandwidth, fact.who


def _of_transfer(state: State, task: str) -> bool:
    if task in state.tasks and state.tasks[task].kind == "copy" and state.tasks[task].state not in (DONE, SKIPPED):
        return True
    state.illegal += 1
    return False


def _paused(state: State, fact: Fact, event: e.TransferPaused) -> None:
    if _of_transfer(state, event.task):
        state.paused[event.task] = fact.who or ""


def _resumed(state: State, fact: Fact, event: e.TransferResumed) -> None:
    if _of_transfer(state, event.task) and state.paused.pop(event.task, None) is not None:
        state.tasks[event.task].expected = fact.at


def _fronted(state: State, fact: Fact, event: e.TransferFronted) -> None:
    if _of_transfer(state, event.task):
        state.fronted = [event.task, *(t for t in state.fronted if t != event.task)]


# --- proofs, values, people


def _check_finished(state: State, fact: Fact, event: e.CheckFinished) -> None:
    state.proofs[f"{event.task}/{event.check}"] = Proof(
        event.task, event.check, event.kind, event.result, event.evidence, event.started, fact.at,
        [list(path) for path in event.paths],
    )


def _value_captured(state: State, fact: Fact, event: e.ValueCaptured) -> None:
    state.captured.setdefault(split_task(event.task)[1] or "", {})[event.name] = event.value


def _prompt_opened(state: State, fact: Fact, event: e.PromptOpened) -> None:
    """Opened again (a new engine asks what the last one asked), it keeps its age and its number."""
    old = state.prompts.get(event.id)
    since, number = (old.since, old.number) if old else (fact.at, _next_number(state))
    state.prompts[event.id] = Prompt(
        event.id, event.kind, event.text, since, event.task, event.server, list(event.choices), event.secret, number,
    )


def _next_number(state: State) -> int:
    """What is open keeps its number when another is answered, and the number of what was answered is not at once another's:
    one counts on, and round, until nothing is open."""
    taken = {prompt.number for prompt in state.prompts.values()}
    last = state.numbered if taken else 0
    keys = (*range(last + 1, LAST_KEY + 1), *range(1, LAST_KEY + 1))
    state.numbered = next((n for n in keys if n not in taken), max(taken, default=0) + 1)
    return state.numbered


def _prompt_closed(state: State, fact: Fact, event: e.PromptAnswered | e.PromptWithdrawn) -> None:
    """Its key goes to the oldest that has none: no finger lies on a number that no key has."""
    closed = state.prompts.pop(event.id, None)
    keyless = next((prompt for prompt in state.prompts.values() if prompt.number > LAST_KEY), None)
    if closed is not None and closed.number <= LAST_KEY and keyless is not None:
        keyless.number = closed.number


def _gate_answered(state: State, fact: Fact, event: e.GateAnswered) -> None:
    """Each name counts once: a later answer of the same person replaces the earlier one."""
    who = fact.who or ""
    answers = [answer for answer in state.gates.get(event.task, []) if answer[0] != who]
    state.gates[event.task] = [*answers, [who, event.answer]]


def _note_added(state: State, fact: Fact, event: e.NoteAdded) -> None:
    state.notes.append(Note(fact.seq, fact.at, fact.who, event.text, event.target))


def _alarm_ended(state: State, fact: Fact, event: e.AlarmEnded) -> None:
    _keep(state, Ended(event.alarm, event.since, fact.at, event.text, event.task, event.server))


def _keep(state: State, ended: Ended) -> None:
    """Unless it was acknowledged. What was acknowledged of it is forgotten: the next time it is new."""
    name, seen = alarms.name_of(ended.alarm), alarms.acknowledged(state, ended.alarm)
    state.acknowledged = {alarm: at for alarm, at in state.acknowledged.items() if alarms.name_of(alarm) != name}
    if not seen:
        before = state.ended.get(name)
        ended.times += before.times if before else 0
        state.ended[name] = ended


def _alarm_acknowledged(state: State, fact: Fact, event: e.AlarmAcknowledged) -> None:
    name = alarms.name_of(event.alarm)
    ended = state.ended.get(name)
    if ended is not None and event.alarm in (name, ended.alarm):
        del state.ended[name]
    state.acknowledged[event.alarm] = fact.at


HANDLERS: dict[type[Event], Handler] = {
    e.SessionStarted: _session_started, e.PlanAdopted: _plan_adopted, e.EngineStarted: _engine_started,
    e.EngineStopped: _engine_stopped, e.EngineTroubled: _engine_troubled, e.NightEnded: _night_ended,
    e.BackoutStarted: _backout_started, e.InputGiven: _input_given,
    e.ServerContacted: _server_contacted, e.ServerLost: _server_lost, e.ServerDropped: _server_dropped,
    e.HostKeyOffered: _key_offered, e.HostKeyAccepted: _key_accepted, e.Held: _held, e.Released: _released,
    e.CheckFinished: _check_finished, e.ValueCaptured: _value_captured, e.PromptOpened: _prompt_opened,
    e.PromptAnswered: _prompt_closed, e.PromptWithdrawn: _prompt_closed, e.GateAnswered: _gate_answered,
    e.LimitChanged: _limit_changed, e.TransferPaused: _paused, e.TransferResumed: _resumed, e.TransferFronted: _fronted,
    e.NoteAdded: _note_added, e.AlarmEnded: _alarm_ended, e.AlarmAcknowledged: _alarm_acknowledged,
    **fold_tasks.HANDLERS,
}
