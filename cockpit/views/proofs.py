"""What is proven: every check on every server, passed or failed or not tested, and whether its data changed since.

Only "pass" and fresh is green. A check that the plan makes and nobody has run yet has a row too: not tested.
"""

from __future__ import annotations

from collections.abc import Iterator

from cockpit.plan.model import task_id
from cockpit.state.model import Proof
from cockpit.units import clock
from cockpit.views.glyphs import PROOF, Mark
from cockpit.views.logs import one_line
from cockpit.views.model import Cell, Column, Night, Row, Table
from cockpit.views.now import checks
from cockpit.views.words import plural


def all_checks(night: Night) -> Iterator[tuple[str, str, Proof | None]]:
    """(task, check, its newest verdict) in the plan's order; verdicts of checks that an amendment took away come
    last."""
    seen: set[str] = set()
    for step in (*night.plan.steps, *(night.plan.backout if night.state.backout else ())):
        if step.kind != "verify":
            continue
        for server in step.servers or (None,):
            task = task_id(step.id, server)
            for check in checks(night.plan, task):
                seen.add(f"{task}/{check}")
                yield task, check, night.state.proofs.get(f"{task}/{check}")
    for key, proof in night.state.proofs.items():
        if key not in seen:
            yield proof.task, proof.check, proof


def mark(night: Night, task: str, check: str, proof: Proof | None) -> Mark:
    """A pass that is no longer fresh is STALE; a failure stays a failure."""
    if proof is None:
        return PROOF["not-tested"]
    if proof.result == "pass" and f"{task}/{check}" in night.stale:
        return PROOF["stale"]
    return PROOF.get(proof.result, PROOF["not-tested"])


def table(night: Night, width: int) -> Table:
    """Rows are keyed "task/check"; failures are not sorted to the top, so that a row keeps its place. A narrow one has no
    FRESH: a pass that no longer holds is STALE in RESULT."""
    found, wide = list(all_checks(night)), width >= 100
    longest = max((len(_name(task, check)) for task, check, _ in found), default=5)
    columns = [Column("SERVER", 8), Column("CHECK", min(longest, width // 3)), Column("RESULT", 11), Column("AT", 5),
               Column("EVIDENCE", 0)]
    if wide:
        columns.insert(3, Column("FRESH", 11))
    return Table(tuple(columns), tuple(_row(night, *each, wide=wide) for each in found), summary(night))


def _row(night: Night, task: str, check: str, proof: Proof | None, *, wide: bool) -> Row:
    shown = mark(night, task, check, proof)
    server = task.partition("@")[2]
    at = clock(proof.at, night.state.utc_offset) if proof else ""
    evidence = one_line(proof.evidence) if proof else ""
    fresh = (_fresh(night, f"{task}/{check}", proof),) if wide else ()
    cells = (Cell(server or "-", "strong"), Cell(_name(task, check)), shown.cell(), *fresh, Cell(at, "dim"),
             Cell(evidence, "bad" if shown.word == "FAIL" else "dim"))
    return Row(f"{task}/{check}", cells)


def _name(task: str, check: str) -> str:
    return f"{task.partition('@')[0]}/{check}"


def _fresh(night: Night, key: str, proof: Proof | None) -> Cell:
    if proof is None or proof.result == "not-tested":
        return Cell("")
    since = night.stale.get(key)
    if since is None:
        return Cell("fresh", "good")
    return Cell(f"STALE {clock(since, night.state.utc_offset)}", "unknown")


def summary(night: Night) -> str:
    """ "37 of 40 checks pass and are fresh, 1 FAILED, 2 not tested"."""
    marks = [mark(night, *found).word for found in all_checks(night)]
    if not marks:
        return "the plan proves nothing"
    rest = [f"{marks.count(m.word)} {m.word}" for m in PROOF.values() if m.word != "pass" and m.word in marks]
    good = f"{marks.count('pass')} of {plural(len(marks), 'check')} pass and are fresh"
    return ", ".join([good, *rest])


def matrix(night: Night, width: int) -> Table:
    """Servers by checks, a glyph each, for a wall: columns are numbered in the order of `table`'s checks."""
    found = list(all_checks(night))
    names = list(dict.fromkeys(f"{task.partition('@')[0]}/{check}" for task, check, _ in found))
    servers = list(dict.fromkeys(task.partition("@")[2] or "-" for task, _, _ in found))
    cells = {(task.partition("@")[2] or "-", f"{task.partition('@')[0]}/{check}"): mark(night, task, check, proof).dot()
             for task, check, proof in found}
    shown = names[: max(1, (width - 9) // 3)]
    columns = (Column("SERVER", 8), *(Column(f"{i:2d}", 2, right=True) for i in range(1, len(shown) + 1)))
    rows = tuple(Row(s, (Cell(s, "strong"), *(cells.get((s, n), Cell("")) for n in shown))) for s in servers)
    return Table(columns, rows, summary(night))
