"""What needs a person, numbered, oldest first: the only place from which row 2, its pane and `status` take it.

Two sorts: decisions (open prompts, and tasks that wait for a person even where no prompt stands open) and alarms (a
server lost, a transfer stalled, the business opening late), which need a look and an `a`: until then they stay, also
when their cause has gone. Which occurrence of a trouble was seen is `state.alarms`'.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, count

from cockpit.plan.model import split_task
from cockpit.state import alarms
from cockpit.state.fold import LAST_KEY
from cockpit.state.model import FAILED, UNKNOWN, Ended, Prompt
from cockpit.state.standing import chart, dropped, on_failure
from cockpit.units import clock, format_duration
from cockpit.views.logs import harmless, one_line
from cockpit.views.model import Cell, Column, Night, Row, Table, Tone
from cockpit.views.words import plural

VERBS = ("failed", "was ", "stood ")  # how a text goes on that has the task for its subject
REASONED = ("skip", "no-go", "backout", "drop", "accept")


def reasoned(kind: str, answer: str) -> bool:
    """Whether a question of this kind is answered so only with a reason."""
    return answer in REASONED or kind == "unknown"


@dataclass(frozen=True, slots=True)
class Need:
    """`key` is a prompt's id, or names an alarm for `ack`. `what` is the whole of it, of several lines where it has them.
    `since` None: it has no beginning that was seen."""

    key: str
    kind: str
    what: str
    since: float | None
    task: str | None = None
    server: str | None = None
    choices: tuple[str, ...] = ()
    hint: str = ""  # the keys that answer it
    secret: bool = False
    alarm: bool = False
    number: int = 0

    @property
    def where(self) -> str:
        """Who and where, shortest first: "fs02 copy-out"."""
        step, server = split_task(self.task) if self.task else ("", None)
        return " ".join(filter(None, [self.server or server, step]))

    @property
    def line(self) -> str:
        """Its first line, marked where more follow."""
        first, *more = self.what.split("\n")
        return f"{first} …" if more else first

    @property
    def sentence(self) -> str:
        """Where and what in one: "fs02 prove failed: 3 files differ", "fs02: host key changed"."""
        between = " " if self.line.startswith(VERBS) else ": "
        return between.join(filter(None, [self.where, self.line]))


HINTS = {
    "gate": "o  go or no-go",
    "no-go": "o  hold or back out",
    "manual": "space  done",
    "start": "space  start it",
    "failed": "r retry  s skip",
    "undo": "enter  undo it again, run it again, or keep it",
    "unknown": "space it is done  r run it again  s skip",
    "host-key": "compare the fingerprints on another way, then accept or refuse",
    "loss": "go on without what is named, or cancel the copy",
    "lock": "another session's lock: take it or leave it",
}
WORDS = {"gate": ("go", "no-go"), "manual": ("done",), "start": ("start",)}  # of a task that waits while no prompt says so


def items(night: Night) -> list[Need]:
    """Oldest first; what has no beginning comes last. Open questions have the number that each was given; the rest have those
    that are left, from the highest on and round, so that there is a key for each as long as there are keys."""
    asked, rest = list(_prompts(night)), sorted([*_unasked(night), *_alarms(night)], key=_age)
    taken = {need.number for need in asked}
    last = max(taken, default=0)
    free = [n for n in (*range(last + 1, LAST_KEY + 1), *range(1, LAST_KEY + 1)) if n not in taken]
    numbers = chain(dict.fromkeys(free), count(max(LAST_KEY, last) + 1))
    return sorted([*asked, *(replace(need, number=n) for need, n in zip(rest, numbers, strict=False))], key=_age)


def _age(need: Need) -> tuple[bool, float]:
    return need.since is None, need.since or 0.0


def decisions(night: Night) -> list[Need]:
    """Without the alarms: nothing of these goes away by itself."""
    return [need for need in items(night) if not need.alarm]


def _prompts(night: Night) -> Iterator[Need]:
    if night.state.outcome is None:
        yield from (_prompt(night, prompt) for prompt in night.state.prompts.values())


def question(night: Night, p: Prompt) -> str:
    """The question, harmless, without the name of its task, which the screen says beside it: in a headless run it stands
    alone. All its lines: who says "done" has to have seen the last one too."""
    task = night.state.tasks.get(p.task or "")
    text = "\n".join(harmless(p.text))
    for name in (f"{task.id}: ", f"{task.id} ", f"{task.title}: ") if task else ():
        text = text.removeprefix(name)
    return text


def _prompt(night: Night, p: Prompt) -> Need:
    hint = HINTS.get(p.kind) or ("type the answer" if not p.choices else "choose")
    server = p.server or (split_task(p.task)[1] if p.task else None)
    return Need(p.id, p.kind, question(night, p), p.since, p.task, server, tuple(p.choices), hint, p.secret, number=p.number)


def _unasked(night: Night) -> Iterator[Need]:
    """Tasks that wait for a person while no prompt says so: a lost prompt must not hide a stopped server."""
    if night.state.outcome is not None:
        return
    asked = {p.task for p in night.state.prompts.values()}
    for task_id, standing in night.standings.items():
        task = night.state.tasks[task_id]
        if task_id in asked or dropped(night.state, task.server):
            continue
        if standing.word == "waiting" and not standing.why.startswith("for the input"):
            kind = "start" if "start" in standing.why else "gate" if task.kind == "gate" else "manual"
            yield Need(task_id, kind, f"{task.title}, waits {standing.why}", task.started, task_id, task.server,
                       WORDS[kind], HINTS[kind])
        elif task.state == FAILED and _holds(night, task.step):
            error = task.attempt.error if task.attempt and task.attempt.error else "failed"
            yield Need(task_id, "failed", f"failed: {one_line(error)}", task.ended, task_id, task.server,
                       ("retry", "skip"), HINTS["failed"])
        elif task.state == UNKNOWN and task.unknown_reason not in ("lost", "asking"):
            yield Need(task_id, "unknown", f"outcome not known ({task.unknown_reason or 'no record'})",
                       task.unknown_since, task_id, task.server, ("done", "retry", "skip"), HINTS["unknown"])


def _holds(night: Night, step_id: str) -> bool:
    step = chart(night.plan).steps.get(step_id)
    return step is not None and on_failure(step, night.state) != "continue"


def _alarms(night: Night) -> Iterator[Need]:
    if night.state.outcome is not None:
        return
    for need in (*_lost(night), *_stalled(night), *_late(night)):
        if not alarms.acknowledged(night.state, need.key):
            yield need
    yield from (_ended(night, name, ended) for name, ended in night.state.ended.items())


def _lost(night: Night) -> Iterator[Need]:
    asked = {p.server for p in night.state.prompts.values()}
    for name, server in night.state.servers.items():
        if name not in asked and server.worse is not None and alarms.calls(night.state, server, night.now):
            key = alarms.occurrence(alarms.lost(name), server.worse)
            yield Need(key, "lost", one_line(server.text or "") or f"no contact ({server.problem})", server.since,
                       server=name, choices=("retry", "drop"), hint="r retry now  a seen", alarm=True)


def _stalled(night: Night) -> Iterator[Need]:
    for task, moving in night.forecast.transfers.items():
        since = moving.stalled_since
        if since is not None and night.now - since >= alarms.STALLED_AFTER and task not in night.state.paused:
            key = alarms.occurrence(alarms.stalled(task), since)
            yield Need(key, "stalled", "no byte has moved", since, task, split_task(task)[1],
                       hint="enter look  a seen", alarm=True)


def _late(night: Night) -> Iterator[Need]:
    """One that was acknowledged calls again when it has passed a further step; getting better is no news."""
    slack = night.forecast.slack
    if slack is not None and slack < 0:
        steps = [s for s in alarms.LATE_STEPS if s >= alarms.late_step(-slack)]
        seen = [key for s in steps if alarms.acknowledged(night.state, key := alarms.occurrence(alarms.LATE, s))]
        key = seen[0] if seen else alarms.occurrence(alarms.LATE, steps[0])
        because = f", held up by {night.forecast.critical[0]}" if night.forecast.critical else ""
        yield Need(key, "late", f"opening {format_duration(-slack)} late{because}", None, hint="a seen", alarm=True)


def _ended(night: Night, name: str, ended: Ended) -> Need:
    """What called a person and went before anybody said that it was seen."""
    kind, lasted = name.partition(":")[0], format_duration(ended.ended - ended.since)
    how, at = one_line(ended.text), clock(ended.ended, night.state.utc_offset)
    words = {"lost": f"was away {lasted}, back {at}", "stalled": f"stood still {lasted}, {how} {at}"}
    often = f", {ended.times} times" if ended.times > 1 else ""
    what = words.get(kind, f"was {kind} for {lasted}, {how} {at}") + often
    return Need(ended.alarm, "ended", what, ended.since, ended.task, ended.server, hint="a seen", alarm=True)


def table(night: Night, width: int) -> Table:
    """The pane. Row keys are the needs' keys."""
    wide = width >= 100
    columns = [Column("", 3), Column("AGE", 6, right=True), Column("WHERE", 22 if wide else 14), Column("WHAT", 0)]
    if wide:
        columns.append(Column("ANSWER", 36))
    rows = tuple(Row(n.key, _cells(n, night, wide=wide)) for n in items(night))
    title = plural(len(rows), "thing needs you", "things need you") if rows else "nothing needs you"
    return Table(tuple(columns), rows, title)


def _cells(need: Need, night: Night, *, wide: bool) -> tuple[Cell, ...]:
    tone: Tone = "bad" if need.kind in ("failed", "undo", "lost", "host-key", "late", "no-go") else "warn"
    age = format_duration(night.now - need.since) if need.since is not None else ""
    cells = [Cell(f"[{need.number}]", "strong"), Cell(age), Cell(need.where), Cell(need.line, tone)]
    return (*cells, Cell(" / ".join(need.choices) or need.hint, "dim")) if wide else tuple(cells)

