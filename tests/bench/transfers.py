"""Copies through the whole cockpit: a night of their own each, its engine a process of its own, and how long each phase took.

The clock starts at the word on the control socket that lets the copies go, with contact made and all that it brings, and stops
when all that they brought is synced. Survey and route ("ready"), copy and sync are in it; proofs are told apart. Knows no peer
and judges nothing.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cockpit.journal.events import AttemptEnded, AttemptNoted, AttemptStarted, Fact
from tests.bench.measure import Row, median
from tests.bench.night import HEAD, Night, servers
from tests.hosts import Host

Phases = dict[str, float]
"""Seconds of each of PARTS; "total": until synced, proofs left out; "whole": until the task is done. Further names: of the
copy's jobs, one after another, from the note before each; and "chunks", what moving them took of the job of images."""

PARTS = ("ready", "copy", "sync", "proof")
GO = '[[steps]]\nid = "go"\ntitle = "Go"\nmanual = "Say go"\n'
STEP = '[[steps]]\nid = "copy"\non = "{target}"\ncopy = {{ from = "{source}:{path}", to = "{to}"{more} }}\n'


@contextmanager
def night(made: Sequence[Host], steps: str, limits: str = "") -> Iterator[Night]:
    """All servers in contact; the steps wait for the word."""
    place = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        running = Night(place, HEAD + limits + servers(list(made)) + GO + steps).start()
        try:
            running.contacted(len(made))
            running.rested()
            yield running
        finally:
            running.stop()
    finally:
        shutil.rmtree(place, ignore_errors=True)


def go(running: Night) -> float:
    """The word; the moment at which it was said."""
    began = time.time()
    running.send("done", "go")
    return began


def done(facts: list[Fact]) -> list[Fact]:
    """The ends of the copies that came to a good end; RuntimeError where one failed for good."""
    ended = [fact for fact in facts if isinstance(fact.event, AttemptEnded) and fact.event.task.startswith("copy")]
    good = [fact for fact in ended if isinstance(fact.event, AttemptEnded) and fact.event.result == "done"]
    tried = sum(fact.kind == "RetryAsked" for fact in facts)
    if len(ended) - len(good) > tried:
        raise RuntimeError(f"a copy failed: {ended[-1].event}")
    return good


def one(source: Host, target: Host, path: str, to: str, more: str = "") -> Phases:
    """One copy in a night of its own, the destination pulling. more: further keys of the step's `copy`."""
    step = STEP.format(target=target.name, source=source.name, path=path, to=to, more=more)
    with night([source, target], step) as running:
        began = go(running)
        running.until(lambda facts: len(done(facts)) == 1, 1000)
        return phases(running, f"copy@{target.name}", began)


def phases(running: Night, task: str, since: float) -> Phases:
    """Of the newest attempt of a task that is done. From facts where there is one; the job itself tells how long it synced and
    proved images; the flush and the count that end every copy are told by the samples between which they lie."""
    mine = [fact for fact in running.facts() if getattr(fact.event, "task", None) == task]
    end = next(fact for fact in reversed(mine) if isinstance(fact.event, AttemptEnded))
    assert isinstance(end.event, AttemptEnded) and end.event.result == "done", end.event
    notes = [fact for fact in mine if isinstance(fact.event, AttemptNoted) and fact.event.n == end.event.n]
    started = _noted(notes, "copy")
    samples = running.samples(f"transfer/{task}", since, end.at)
    flushing = max(sample.at for sample in samples if sample.values["phase"] == "sync")
    synced = min(sample.at for sample in samples if sample.at > flushing)
    sync, proof = (float(end.event.detail.get(name, 0.0)) for name in ("seconds_sync", "seconds_verify"))
    jobs = {"chunks": float(end.event.detail["seconds_copy"])} if "seconds_copy" in end.event.detail else {}
    return jobs | _jobs(notes, flushing, sync + proof) | {
        "ready": started - since, "copy": flushing - started - sync - proof,
        "sync": synced - flushing + sync, "proof": end.at - synced + proof,
        "total": synced - since - proof, "whole": end.at - since,
    }  # fmt: skip


def _jobs(notes: list[Fact], end: float, apart: float) -> Phases:
    """apart: seconds that the job of images spent on what is no copying."""
    began: dict[str, float] = {}
    for fact in notes:
        if isinstance(fact.event, AttemptNoted) and "copy" in fact.event.detail:
            began.setdefault(fact.event.detail["copy"]["part"], fact.at)
    ends = [*list(began.values())[1:], end]
    return {name: to - at - apart * (name == "images") for (name, at), to in zip(began.items(), ends, strict=True)}


def _noted(notes: list[Fact], what: str) -> float:
    return next(fact.at for fact in notes if isinstance(fact.event, AttemptNoted) and what in fact.event.detail)


def begun_again(facts: list[Fact]) -> float:
    """When the newest attempt of a copy that had failed began."""
    return max(fact.at for fact in facts if isinstance(fact.event, AttemptStarted) and fact.event.n > 1)


def parts(said: Sequence[Phases]) -> list[Row]:
    """Medians of the phases, each its own: they need not add up to the median of the whole."""
    jobs = [name for name in said[0] if name not in (*PARTS, "total", "whole")]
    return [
        Row("    of it", _medians(said, PARTS[:-1])),
        Row("    of the copy", _medians(said, jobs)),
        Row("    apart from it", _medians(said, ["proof"])),
        Row("    to the task's end, proof and all", _medians(said, ["whole"])),
    ]  # fmt: skip


def _medians(said: Sequence[Phases], names: Sequence[str]) -> str:
    return ", ".join(f"{name} {median([each[name] for each in said]):.2f} s" for name in names)
