"""The two rows above everything: will we open on time, and what needs a person. They survive every width.

Each row is the richest of its wordings that fits; none is cut within a number. A dead or troubled engine takes the
first place and says what to do, since nothing below it can be believed to move.
"""

from __future__ import annotations

from collections.abc import Iterator

from cockpit.state.model import SKIPPED
from cockpit.units import clock, clock_day, clock_seconds, format_duration
from cockpit.views.deadline import finish, opens, testing, turn_back
from cockpit.views.logs import one_line
from cockpit.views.model import Cell, Line, Night
from cockpit.views.needs import Need, items
from cockpit.views.now import counted, silent, unattended
from cockpit.views.words import cut, first_that_fits, join, plural, width_of

Part = tuple[Cell, ...]
BAR = " | "


def row1(night: Night, width: int) -> Line:
    """Mode, who@host, clock, OPEN hh:mm in h:mm:ss, FIN hh:mm with its range and slack, then what there is room
    for."""
    return first_that_fits(_first_rows(night, width), width)


def _first_rows(night: Night, width: int) -> Iterator[Line]:
    trouble = engine_trouble(night)
    if trouble:
        yield from _troubled_rows(trouble, night, width)
        return
    who, open_at, back = _who(night, host=True), opens(night), turn_back(night, wide=True)
    finish_wide, finish_at = finish(night, wide=True), finish(night, wide=False)
    yield join([who, open_at, finish_wide, back, testing(night)], BAR)
    yield join([who, open_at, finish_wide, back], BAR)
    yield join([who, open_at, finish_at, back], BAR)  # the range goes before that until when one can turn back
    yield join([_who(night, host=False), open_at, finish_at, back], " ")
    for until in (back, turn_back(night, wide=False)):
        yield join([_mode(night), _clock(night), open_at, finish_at, until], " ")
    yield join([who, open_at, finish_at], BAR)
    yield join([_who(night, host=False), open_at, finish_at], " ")
    yield join([_mode(night), _clock(night), open_at, finish_at], " ")
    yield join([_clock(night), open_at, finish_at], " ")
    yield join([_clock(night), open_at[:1], finish_at], " ")
    yield join([open_at[:1], finish_at], " ")


def _troubled_rows(trouble: str, night: Night, width: int) -> Iterator[Line]:
    """No finish: with a dead engine nothing new starts, and the forecast would promise that it does."""
    open_at = opens(night)
    for text in (trouble, _without_session(trouble, night), cut(trouble, max(12, width - 22))):
        alarm = (*((*_mode(night), Cell(" ")) if night.engine.recorded else ()), Cell(text, "bad"))
        yield join([alarm, _clock(night), open_at, turn_back(night, wide=False)], BAR)
        yield join([alarm, _clock(night), open_at], BAR)
        yield join([alarm, open_at], BAR)
        yield join([alarm, open_at[:1]], BAR)


def _without_session(trouble: str, night: Night) -> str:
    return trouble.removesuffix(night.state.session).rstrip()


def engine_trouble(night: Night) -> str:
    """"" while all is well, and after the end, where no engine is expected."""
    state = night.state
    if unattended(night):
        if night.engine.recorded:
            return f"ENGINE {'SILENT' if state.engine_running else 'STOPPED'}"
        return f"ENGINE {'DEAD' if state.engine_running else 'STOPPED'}: cockpit resume {state.session}".rstrip()
    problem = night.engine.problem or (state.engine_problem if night.engine.alive is None else None)
    return f"ENGINE: {one_line(problem)}" if problem and state.outcome is None else ""


NO_ENGINE = (
    "The night needs an engine: without one nothing starts and nobody is asked; jobs on the servers go on",
    "The night needs an engine: without one nothing starts", "The night needs an engine",
)  # fmt: skip


def _mode(night: Night) -> Part:
    text = night.replay or night.state.mode.upper()
    return (Cell(text, "warn" if text != "LIVE" else "good"),)


def _clock(night: Night) -> Part:
    return (Cell(clock_seconds(night.now, night.state.utc_offset), "strong"),)


def _who(night: Night, *, host: bool) -> Part:
    at_host = f"{'@' if night.who else ''}{night.state.engine_host}" if host and night.state.engine_host else ""
    who = f" {night.who}{at_host}" if night.who or at_host else ""
    return (*_mode(night), Cell(f"{who} "), *_clock(night))


def row2(night: Night, width: int) -> Line:
    """What needs a person, oldest first, with its age; empty: what comes next and when."""
    needs = items(night)
    if not needs:
        return _quiet(night, width)
    head = Cell(f"!{len(needs)} {'NEEDS' if len(needs) == 1 else 'NEED'} YOU ", "bad")
    room = width - len(head.text)
    for shown in range(len(needs), 0, -1):
        rest = len(needs) - shown
        tail = f" +{rest} more" if rest else ""
        line = _fit_needs(needs[:shown], night, room - len(tail), least=18 if shown > 1 else 0)
        if line:
            return (head, *line, *((Cell(tail, "bad"),) if tail else ()))
    return (Cell(head.text.rstrip(), "bad"),)


def _fit_needs(needs: list[Need], night: Night, room: int, *, least: int) -> Line:
    """All of these in so many cells, the words of each cut evenly; () where less than `least` cells of words
    remain."""
    ages = [f" {format_duration(night.now - n.since)}" if n.since is not None else "" for n in needs]
    texts = [n.sentence for n in needs]
    fixed = sum(len(f"[{n.number}] ") + len(age) for n, age in zip(needs, ages, strict=True)) + 2 * (len(needs) - 1)
    spare = room - fixed
    if spare < least * len(needs):
        return ()
    sizes = _share(texts, spare)
    line: list[Cell] = []
    for need, text, age, size in zip(needs, texts, ages, sizes, strict=True):
        line += [Cell("  ")] if line else []
        line += [Cell(f"[{need.number}]", "strong"), Cell(f" {cut(text, size)}"), Cell(age, "dim")]
    return tuple(line)


def _share(texts: list[str], spare: int) -> list[int]:
    """The short ones whole, the long ones an equal part of what they leave."""
    sizes = [width_of([Cell(t)]) for t in texts]
    left, open_ones = spare, sorted(range(len(texts)), key=lambda i: sizes[i])
    for n, i in enumerate(open_ones):
        sizes[i] = min(sizes[i], max(0, left // (len(open_ones) - n)))
        left -= sizes[i]
    return sizes


def _quiet(night: Night, width: int) -> Line:
    if unattended(night):
        return first_that_fits(((Cell(text, "bad"),) for text in NO_ENGINE), width)
    if night.state.outcome is not None:
        return (Cell(cut(f"The night has ended: {night.state.outcome}{_backed_out(night)}{_left_out(night)}", width), "strong"),)
    if gone := silent(night):
        lost, names = f"{plural(len(gone), 'server')} without contact", f": {', '.join(gone)}"
        wordings = (f"{lost}{names}. Trying again by itself", f"{lost}{names}", f"{lost}. Trying again by itself", lost)
        return first_that_fits(((Cell(text, "bad"),) for text in wordings), width)
    if night.state.held:
        what = ", ".join(target or "everything" for target in night.state.held)
        held = (f"Held: {what}. Nothing new starts there until it is released (x). Nothing else needs you",
                f"Held: {what}. Nothing new starts there", f"Held: {what}", f"{len(night.state.held)} held")  # fmt: skip
        return first_that_fits(((Cell(text, "warn"),) for text in held), width)
    if night.state.paused:
        still = [f"{task} by {who}" if who else task for task, who in night.state.paused.items()]
        count = f"{plural(len(still), 'transfer')} paused"
        spoken = (f"{count}: {', '.join(still)}. Nothing else needs you", f"{count}: {', '.join(still)}", count)
        return first_that_fits(((Cell(text, "warn"),) for text in spoken), width)
    quiet = Cell("Nothing needs you", "good")
    return first_that_fits(((quiet, Cell(f". {text}" if text else "")) for text in (*_quiet_words(night), "")), width)


def _quiet_words(night: Night) -> Iterator[str]:
    for coming in (*_next_words(night), ""):
        yield ". ".join(filter(None, [f"Backing out{_backed_out(night)}" * night.state.backout, coming]))


def _left_out(night: Night) -> str:
    by_hand = [task.id for task in counted(night) if task.state == SKIPPED and not task.by_plan]
    return f". Skipped by a person: {', '.join(by_hand)}" if by_hand else ""


def _backed_out(night: Night) -> str:
    """", by lead: the disks are bad"."""
    state = night.state
    by = f", by {state.backout_by}" if state.backout_by else ""
    return f"{by}: {one_line(state.backout_reason or 'no reason was given')}" if state.backout else ""


def _next_words(night: Night) -> list[str]:
    """What comes next, from the longest wording to the shortest."""
    state, now = night.state, night.now
    if now < state.opens:
        at = f"Work may start {clock_day(state.opens, now, state.utc_offset)}"
        return [f"{at}, in {format_duration(state.opens - now)}", at]
    found = _next_for_person(night)
    if found is None:
        return ["Nothing more will ask you before the finish"] if night.forecast.finish else []
    task, at_time = found
    when = f"{clock(at_time, state.utc_offset)} (in {format_duration(at_time - now)})"
    title = night.state.tasks[task].title
    return [f"Next for you: {what} about {when}" for what in (f"{title} ({task})", task)] + [f"Next: {task} {when}"]


def _next_for_person(night: Night) -> tuple[str, float] | None:
    """The task that a person has to answer or start, and its forecast start; the earliest of those to come."""
    steps = (*night.plan.steps, *night.plan.backout)
    asks = {s.id for s in steps if s.kind in ("gate", "manual") or s.start == "manual"}
    ahead = [
        (night.forecast.starts[t.id], t.id) for t in night.state.tasks.values()
        if t.step in asks and t.state == "pending" and night.forecast.starts.get(t.id, 0.0) >= night.now
    ]
    at, task = min(ahead, default=(0.0, ""))
    return (task, at) if task else None
