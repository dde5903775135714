"""Every kind of fact has words, on one line, harmless."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from cockpit.journal import events as e
from cockpit.journal.events import Event, Fact
from cockpit.views import facts

SAMPLES: dict[str, Any] = {"str": "x\x1b[2Jy\nz", "float": 1.0, "int": 2, "bool": True}


def example(cls: type[Event]) -> Event:
    values: dict[str, Any] = {}
    for field in dataclasses.fields(cls):
        kind = str(field.type).partition("[")[0].partition(" ")[0]
        values[field.name] = {"dict": {"os": "linux", "user": "ops"}, "list": []}.get(kind, SAMPLES.get(kind))
    return cls(**values)


@pytest.mark.parametrize("kind", sorted(e.KINDS))
def test_every_kind_has_words(kind: str) -> None:
    assert kind in facts.WORDED
    said = facts.line(Fact(18233, 0.0, example(e.KINDS[kind]), "ana", "because\nof"), 3600)
    assert said.startswith("01:00:00 #18233 ")
    assert said.isprintable()
    assert "by ana (because of)" in said
    facts.tone(Fact(1, 0.0, example(e.KINDS[kind])))
    assert isinstance(facts.target(Fact(1, 0.0, example(e.KINDS[kind]))), str)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (e.AttemptEnded("copy@fs01", 2, "failed", 23, "some files changed"), "copy@fs01: failed, exit 23: some files changed"),
        (e.AttemptEnded("copy@fs01", 2, "failed", 3, "exit 3: no license"), "copy@fs01: failed: exit 3: no license"),
        (e.AttemptEnded("copy@fs01", 2, "done", 0), "copy@fs01: done"),
        (e.ServerLost("fs02", "unreachable", "timed out"), "fs02: contact lost (unreachable): timed out"),
        (e.PromptOpened("p1", "gate", "Go?", "final-go", None, ["go", "no-go"]), "needs a person: final-go: Go? [go / no-go]"),
        (e.PromptAnswered("p1"), "question p1 answered"),
        (e.TaskSkipped("x@a", True, "not needed here"), "x@a: skipped by plan: not needed here"),
        (e.CheckFinished("v@a", 1, "same", "compare", "fail", "3 differ", 0.0), "v@a: same FAIL: 3 differ"),
        (e.Held(""), "everything held"),
        (e.EngineTroubled(None), "engine well again"),
        (e.AttemptUnknown("x@a", 1, "rebooted"), "x@a: outcome of attempt 1 not known, its server was rebooted"),
    ],
)
def test_words(event: Event, said: str) -> None:
    assert facts.text(Fact(1, 0.0, event)) == said
