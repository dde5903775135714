"""Journals of older versions, read as if they were written today: the only place that knows older shapes.

A field added with a default needs nothing here. A changed meaning raises `schema.SCHEMA` and adds one function below.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from cockpit.journal.events import Event, Fact, decode
from cockpit.journal.schema import SCHEMA, JournalProblem

Row = tuple[int, float, str, str, str | None, str | None, str | None]
Change = Callable[[str, dict[str, Any]], tuple[str, dict[str, Any]]]

CHANGES: dict[int, Change] = {}  # version -> what makes (kind, data) of that version into the next one's


def facts(rows: Iterable[Row], version: int) -> list[Fact]:
    """Facts of rows (seq, at, kind, data, who, why, peer). JournalProblem for one that this program doesn't know."""
    rows = list(rows)
    try:
        loaded = json.loads("[" + ",".join(row[3] for row in rows) + "]")  # one parse of many is twice as fast
        return [
            Fact(seq, at, event(seq, kind, data, version), who, why, json.loads(peer) if peer else None)
            for (seq, at, kind, _, who, why, peer), data in zip(rows, loaded, strict=True)
        ]
    except (TypeError, ValueError) as error:
        raise JournalProblem(f"facts {rows[0][0]} to {rows[-1][0]} are damaged ({error}); work from a copy") from error


def event(seq: int, kind: str, data: dict[str, Any], version: int) -> Event:
    for older in range(version, SCHEMA):
        if change := CHANGES.get(older):
            kind, data = change(kind, data)
    try:
        return decode(kind, data)
    except (KeyError, TypeError) as error:
        raise JournalProblem(
            f"fact {seq} ({kind}) is not known to this program ({error}); use the cockpit that wrote it"
        ) from error
