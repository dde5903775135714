"""What a journal holds as JSON lines: a fact has a `kind`, a sample a `series`, output a `stream`. Reads nothing."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import asdict
from typing import Any

from cockpit.journal.events import Fact
from cockpit.journal.records import Output, Sample


def json_line(row: Fact | Sample | Output) -> str:
    return json.dumps(_fields(row))


def _fields(row: Fact | Sample | Output) -> dict[str, Any]:
    match row:
        case Sample():
            return asdict(row)
        case Output():
            piece = {"at": row.at, "task": row.task, "attempt": row.n, "stream": row.stream, "offset": row.offset}
            return {**piece, **_said(row.data)}
        case Fact():
            seen = {"seq": row.seq, "at": row.at, "kind": row.kind, "who": row.who, "why": row.why, "peer": row.peer}
            return {**seen, "data": asdict(row.event)}


def _said(data: bytes) -> dict[str, str]:
    """Never a byte mended: a piece that is no UTF-8 by itself, and be it because a character was cut, is base64 as a whole."""
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": b64encode(data).decode()}
