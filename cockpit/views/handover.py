"""For whoever takes over: who has the keys, what is open, what is held, and what people did last."""

from __future__ import annotations

from cockpit.journal.events import Fact, InputGiven, PromptAnswered
from cockpit.state.model import Note
from cockpit.units import clock, clock_day, format_duration
from cockpit.views import facts
from cockpit.views.deadline import finish, opens, turn_back
from cockpit.views.header import engine_trouble
from cockpit.views.logs import one_line
from cockpit.views.model import Cell, Line, Night
from cockpit.views.needs import items
from cockpit.views.now import by_server, counted, current, server_mark, word
from cockpit.views.words import cut, join, plural, text_of, wrap


def lines(night: Night, width: int) -> list[Line]:
    """Wrapped to `width`: keys, engine, the deadline, what is under way, open decisions, holds, notes, last
    actions."""
    found: list[Line] = [*_keys(night)]
    found.append(join([opens(night), finish(night, wide=True), turn_back(night, wide=True)], " | "))
    found += [(Cell(text, "title" if text.endswith(":") else ""),) for text in _texts(night)]
    return [piece for line in found for piece in _wrapped(line, width)]


def _wrapped(line: Line, width: int) -> list[Line]:
    text = text_of(line)
    if sum(len(c.text) for c in line) <= width:
        return [line]
    return [(Cell(part, line[0].tone),) for part in wrap(text, width, "    ")]


def _keys(night: Night) -> list[Line]:
    state = night.state
    who = night.who or _last_name(night) or "nobody has said a name"
    trouble = engine_trouble(night)
    engine = trouble or f"engine {state.epoch} on {state.engine_host or '?'}, pid {state.engine_pid or '?'}"
    lead = f"decides: {night.plan.lead}" if night.plan.lead else ""
    contact = f"call {night.plan.contact}" if night.plan.contact else ""
    extra = ", ".join(filter(None, [lead, contact]))
    return [
        (Cell("At the keys: ", "title"), Cell(who, "strong"), Cell(f"  ({extra})" if extra else "", "dim")),
        (Cell(engine, "bad" if trouble else "dim"),),
    ]


def _last_name(night: Night) -> str:
    return next((f.who for f in reversed(night.actions) if f.who), "")


def _texts(night: Night) -> list[str]:
    state, offset = night.state, night.state.utc_offset
    needs = items(night)
    found = [f"Open ({len(needs)}):" if needs else "Nothing is open."]
    for need in needs:
        age = f", for {format_duration(night.now - need.since)}" if need.since is not None else ""
        found.append(f"[{need.number}] {need.sentence.rstrip('.') if age else need.sentence}{age}")
    found.append("Under way:")
    found += _under_way(night)
    if state.held:
        found.append(f"Held: {', '.join(t or 'everything' for t in state.held)}")
    if state.notes:
        found.append("Notes:")
        found += [_note(n, offset) for n in state.notes[-5:]]
    found.append("Last decisions:")
    found += [f"{clock_day(f.at, night.now, offset)} {facts.text(f)}" for f in reversed(_decisions(night)[-10:])]
    return found


def _decisions(night: Night) -> list[Fact]:
    """An input that answers a question is one decision: the answer and what it gave stand side by side in the journal."""
    given = {f.seq for f in night.actions if isinstance(f.event, InputGiven)}
    return [f for f in night.actions if not (isinstance(f.event, PromptAnswered) and f.seq + 1 in given)]


def _note(note: Note, offset: float) -> str:
    on = f" on {note.target}" if note.target else ""
    return f"{clock(note.at, offset)} {note.who or '-'}{on}: {one_line(note.text)}"


def _under_way(night: Night) -> list[str]:
    found = []
    for server, tasks in by_server(night.state).items():
        task = current(night, tasks)
        if task is not None and word(night, task) not in ("done", "skipped", "blocked"):
            mark = server_mark(night, server, task)
            found.append(cut(f"{server or '(all)'}: {mark.glyph}{mark.word} {task.title}", 200))
    return found or [f"nothing; {plural(len(counted(night)), 'task')} in all"]
