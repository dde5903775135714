"""A fact in one line of words, for `log`, the log pane, the hand-over and headless mode. Every kind of event has its
words.

Knows no state: a line says what happened, not what is so. Text that came from servers is made harmless.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from cockpit.journal import events as e
from cockpit.journal.events import Fact
from cockpit.units import clock, clock_seconds, format_rate
from cockpit.views.logs import one_line
from cockpit.views.model import Tone
from cockpit.views.words import plural

Fields = dict[str, Any]

# Words with the event's own fields in them; what needs more than that has a function below.
_SIMPLE: dict[str, str] = {
    "SessionStarted": "session {session} of plan {plan!r} began ({mode})",
    "EngineStarted": "engine {epoch} started on {host}, pid {pid}, version {version}",
    "EngineStopped": "engine stopped: {reason}",
    "NightEnded": "the night ended: {outcome}",
    "ServerLost": "{server}: contact lost ({problem}): {text}",
    "ServerDropped": "{server}: dropped from the night",
    "HostKeyAccepted": "{server}: host key {fingerprint} accepted ({by})",
    "StartAsked": "{task}: asked to start",
    "AttemptFound": "{task}: attempt {n} found, it still runs",
    "CancelAsked": "{task}: asked to cancel",
    "UndoAsked": "{task}: asked to undo",
    "TaskMarkedDone": "{task}: said to be done",
    "TaskMarkedFailed": "{task}: said to have failed",
    "ValueCaptured": "{task}: captured {name} = {value}",
    "PromptWithdrawn": "question {id} withdrawn: {reason}",
    "GateAnswered": "{task}: {answer}",
    "BackoutStarted": "BACKING OUT: {reason}",
    "AlarmEnded": "alarm {alarm} over: {text}",
    "AlarmAcknowledged": "alarm {alarm} seen",
    "TransferPaused": "{task}: paused",
    "TransferResumed": "{task}: unpaused",
    "TransferFronted": "{task}: goes before the other transfers",
}


def text(fact: Fact) -> str:
    """What happened, with who and why where a person decided; one line."""
    special = _SPECIAL.get(fact.kind)
    fields = asdict(fact.event)
    if special is not None:
        words = special(fields)
    elif fact.kind in _SIMPLE:
        words = _SIMPLE[fact.kind].format_map(fields)
    else:
        words = f"{fact.kind} {fields}"
    by = f", by {fact.who}" if fact.who else ""
    why = f" ({fact.why})" if fact.why else ""
    return one_line(f"{words}{by}{why}".replace("\n", " "))


def line(fact: Fact, utc_offset: float) -> str:
    """ "03:08:44 #18233 fs02: contact lost (unreachable): …"."""
    return f"{clock_seconds(fact.at, utc_offset)} #{fact.seq} {text(fact)}"


def target(fact: Fact) -> str:
    """The task or server that the fact is about, "" for the night: what a filter by server or step looks at."""
    for name in ("task", "server", "target"):
        value = getattr(fact.event, name, None)
        if isinstance(value, str):
            return value
    return ""


def tone(fact: Fact) -> Tone:
    event = fact.event
    if isinstance(event, (e.ServerLost, e.TaskMarkedFailed, e.BackoutStarted)):
        return "bad"
    if isinstance(event, (e.AttemptUnknown, e.HostKeyOffered)):
        return "unknown"
    if isinstance(event, e.EngineTroubled):
        return "bad" if event.problem else "good"
    if isinstance(event, (e.AttemptEnded, e.CheckFinished)):
        return {"done": "good", "pass": "good", "failed": "bad", "fail": "bad"}.get(event.result, "warn")  # type: ignore[return-value]
    if isinstance(event, (e.PromptOpened, e.Held, e.CancelAsked, e.TransferPaused)):
        return "warn"
    return "strong" if fact.who else "dim" if isinstance(event, e.AttemptNoted) else ""


def _plan(f: Fields) -> str:
    if not f["amended"]:
        back = sum(row["phase"] == "backout" for row in f["tasks"])
        apart = f", and {back} of the backout" if back else ""
        return f"plan adopted: {plural(len(f['tasks']) - back, 'task')}{apart}"
    changes = "; ".join(f["changes"]) or "nothing that the eye sees"
    return f"plan amended: {changes}"


def _contacted(f: Fields) -> str:
    facts = f["facts"]
    seen = ", ".join(f"{k} {facts[k]}" for k in ("os", "user") if facts.get(k))
    return f"{f['server']}: in contact" + (f" ({seen})" if seen else "")


def _offered(f: Fields) -> str:
    old = f", it was {f['old']}" if f["old"] else ""
    return f"{f['server']}: shows a new host key {f['fingerprint']}{old}; nothing goes on there until it is accepted"


def _troubled(f: Fields) -> str:
    return f"engine in trouble: {f['problem']}" if f["problem"] else "engine well again"


def _given(f: Fields) -> str:
    return f"input {f['name']} given" + (f": {f['value']}" if f["value"] is not None else "")


def _started(f: Fields) -> str:
    purpose = {"do": "", "undo": " to undo", "probe": " to probe"}.get(f["purpose"], f" ({f['purpose']})")
    return f"{f['task']}: attempt {f['n']}{purpose} started"


def _noted(f: Fields) -> str:
    told = ", ".join(f"{k} {v}" for k, v in f["detail"].items() if isinstance(v, (str, int, float)))
    return f"{f['task']}: {told}" if told else f"{f['task']}: progress noted"


def _unknown(f: Fields) -> str:
    reason = {
        "lost": "contact was lost", "gone": "its process is gone and left no result", "asking": "its server is being asked",
        "rebooted": "its server was rebooted",
    }.get(f["reason"], f["reason"])
    return f"{f['task']}: outcome of attempt {f['n']} not known, {reason}"


def _ended(f: Fields) -> str:
    said = f["error"] or ""
    exit_ = f", exit {f['exit']}" if f["exit"] not in (None, 0) and not said.startswith("exit ") else ""
    error = f": {said}" if said else ""
    return f"{f['task']}: {f['result']}{exit_}{error}"


def _retry(f: Fields) -> str:
    later = f", not before {clock(f['not_before'])} UTC" if f["not_before"] is not None else ""
    return f"{f['task']}: {'will be tried again, by plan' if f['by_plan'] else 'asked to try again'}{later}"


def _skipped(f: Fields) -> str:
    return f"{f['task']}: skipped{' by plan' if f['by_plan'] else ''}: {f['reason']}"


def _checked(f: Fields) -> str:
    evidence = f": {f['evidence']}" if f["evidence"] else ""
    return f"{f['task']}: {f['check']} {'FAIL' if f['result'] == 'fail' else f['result'].replace('-', ' ')}{evidence}"


def _prompt(f: Fields) -> str:
    where = f["task"] or f["server"]
    choices = f" [{' / '.join(f['choices'])}]" if f["choices"] else ""
    return f"needs a person: {f'{where}: ' if where else ''}{f['text']}{choices}"


def _answered(f: Fields) -> str:
    return f"question {f['id']} answered" + (f": {f['answer']}" if f["answer"] is not None else "")


def _limit(f: Fields) -> str:
    rate = f["bandwidth"]
    return f"limit of all transfers: {format_rate(rate) if rate is not None else 'as the plan says'}"


def _note(f: Fields) -> str:
    return f"note{' on ' + f['target'] if f['target'] else ''}: {f['text']}"


_SPECIAL: dict[str, Callable[[Fields], str]] = {
    "PlanAdopted": _plan, "ServerContacted": _contacted, "HostKeyOffered": _offered, "EngineTroubled": _troubled,
    "InputGiven": _given, "AttemptStarted": _started, "AttemptNoted": _noted, "AttemptUnknown": _unknown,
    "AttemptEnded": _ended, "RetryAsked": _retry, "TaskSkipped": _skipped, "CheckFinished": _checked,
    "PromptOpened": _prompt, "PromptAnswered": _answered, "NoteAdded": _note, "LimitChanged": _limit,
    "Held": lambda f: f"{f['target'] or 'everything'} held",
    "Released": lambda f: f"{f['target'] or 'everything'} released",
}

WORDED = frozenset(_SIMPLE) | frozenset(_SPECIAL)
