"""What the signs and headings of the panes mean, for `?`: the marks that the panes draw, and their columns by title.

Knows words; refuses to know a night.
"""

from __future__ import annotations

from cockpit.views import glyphs, logs, timeline, transfers

Meaning = tuple[str, str]  # a sign as it stands on the screen, and what it says

HEADINGS = {
    "STATE": "sign and word, as explained above",
    "STATES": "how many servers' tasks are in which state",
    "STEP": "number and title; of ALL: how many tasks are over",
    "NO": "the step's number in the plan",
    "DONE": "share of bytes; of a proof, checks that pass; of ALL, tasks",
    "MOVED": "bytes so far",
    "BYTES": "bytes so far",
    "TOTAL": "bytes in all",
    "FILES": "files so far, and in all",
    "RATE": "bytes a second now",
    "1MIN": "the same over one minute",
    "10MIN": "the same over ten minutes",
    "TREND": "the rate lately, against its own highest",
    "LEFT": "time until the step ends",
    "ETA": "time left (in 9 of 10 at worst) and its hour, or why none",
    "FINISH": "when the step ends; of ALL, the night",
    "QUIET": "how long nothing was heard of the server",
    "SLACK": "how much later it may get before the opening is late",
    "PROVED": "checks that pass and are fresh, of all its checks",
    "WHEN": "when it began, or is to begin",
    "TOOK": "how long it took, or is to take",
    "PLANNED": "from when to when, in the plan",
    "ACTUAL": "from when to when it really ran",
    "FORECAST": "from when to when it is thought to run",
    "BY": "who decided it",
    "NOTE": "why it waits, what went wrong; Enter shows all of it",
    "OWNER": "whose step it is",
    "RESULT": "what the check found",
    "FRESH": "whether its data changed since",
    "EVIDENCE": "what the check saw",
    "AT": "when the check looked",
    "AGE": "how long it has needed a person",
    "ANSWER": "what can be said, or the keys for it",
}
PLAIN = frozenset({"", "SERVER", "TRANSFER", "CHECK", "WHERE", "WHAT"})  # headings that say themselves what stands below
OTHERS: tuple[Meaning, ...] = (
    ("~12:30", "a forecast; before a time left, a mere estimate"), ("--", "not known now"),
    ("[1]", "needs you: the key 1 opens it"), ("ok", "of ALL: every server answers, nothing needs a look"),
    ("!2 att", "of ALL: so many tasks need attention"), ("x1 lost", "of ALL: so many servers don't answer"),
    ("> at left", "the selected row; in the matrix, < at the selected step"),
)


TOP: tuple[Meaning, ...] = (
    ("OPEN", "when the business opens, and how long that is"), ("TEST", "when testing is to begin"),
    ("FIN", "when the night is thought to end; + before the opening"),
    ("GO BY", "until when the plan would have a go at the next gate"), ("TURN BACK BY", "until when one can turn back"),
    ("WAY BACK", "one can turn back, and until which gate"), ("no return", "nobody can turn back any more"),
)


def sections() -> list[tuple[str, list[Meaning]]]:
    return [
        ("Row 1", list(TOP)),
        ("Signs of a step", [_mark(m) for m in glyphs.TASK.values()]),
        ("Signs of a server or a transfer", [_mark(m) for m in glyphs.PLACE]),
        ("What a running transfer is at", [(f">{name}", means) for name, means in transfers.PHASES.items()]),
        ("Signs of a proof", [_mark(m) for m in glyphs.PROOF.values() if m not in glyphs.PLACE]),
        ("Other signs", [*OTHERS, *((f"{sign} in the log", means) for sign, means in logs.MEANS.items()),
                         *((sign * 8, f"timeline: {means}") for sign, means in timeline.RULER.items())]),
        ("Headings", list(HEADINGS.items())),
    ]


def _mark(mark: glyphs.Mark) -> Meaning:
    return mark.glyph + mark.short, mark.means
