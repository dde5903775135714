"""Every legal transition of a task, and nothing else. Pure.

The rules:

1. Only the newest `do` attempt moves a task through started, unknown, found and ended. A late word about an older one
   is kept on that attempt and moves nothing.
2. An attempt starts from `pending`, or straight from a state that a retry could leave (the retry may be implied).
   Nothing starts from `done` or `skipped` without a retry, nor while it runs.
3. `unknown` is entered from `running` only, and left by a finding, a result, a person's word, or another attempt.
4. `undo` attempts leave the state alone until one ends `done`; then it is `undone`. A failed undo changes nothing.
5. `probe` attempts never move the state: what a probe showed is appended as a result of the attempt it was asked about.
6. A person's word (skip, done, failed) and a plan's skip hold from where they make sense, and stand against a result
   that arrives later: the result is kept on its attempt.
7. An event that is not legal where it arrives is ignored and counted in `State.illegal`: a fold never fails.

The engine refuses more than this file does (a `once` step is not retried, a gate has rules of its own); what it has
accepted and journaled must fold.
"""

from __future__ import annotations

from cockpit.state.model import CANCELLED, DONE, FAILED, PENDING, RUNNING, SKIPPED, UNDONE, UNKNOWN

STARTED, LOST, FOUND = "started", "lost", "found"
ENDED_DONE, ENDED_FAILED, ENDED_CANCELLED = "ended done", "ended failed", "ended cancelled"
UNDO_DONE, RETRY, SKIP, MARK_DONE, MARK_FAILED = "undo ended done", "retry", "skip", "mark done", "mark failed"

LEGAL: dict[str, dict[str, str]] = {
    PENDING: {STARTED: RUNNING, SKIP: SKIPPED, MARK_DONE: DONE, MARK_FAILED: FAILED, RETRY: PENDING},
    RUNNING: {
        LOST: UNKNOWN, FOUND: RUNNING,
        ENDED_DONE: DONE, ENDED_FAILED: FAILED, ENDED_CANCELLED: CANCELLED,
        SKIP: SKIPPED, MARK_DONE: DONE, MARK_FAILED: FAILED,
    },
    UNKNOWN: {
        LOST: UNKNOWN, FOUND: RUNNING, STARTED: RUNNING,
        ENDED_DONE: DONE, ENDED_FAILED: FAILED, ENDED_CANCELLED: CANCELLED,
        RETRY: PENDING, SKIP: SKIPPED, MARK_DONE: DONE, MARK_FAILED: FAILED, UNDO_DONE: UNDONE,
    },
    DONE: {RETRY: PENDING, UNDO_DONE: UNDONE},
    FAILED: {STARTED: RUNNING, RETRY: PENDING, SKIP: SKIPPED, MARK_DONE: DONE, UNDO_DONE: UNDONE},
    CANCELLED: {STARTED: RUNNING, RETRY: PENDING, SKIP: SKIPPED, MARK_DONE: DONE, UNDO_DONE: UNDONE},
    SKIPPED: {RETRY: PENDING},
    UNDONE: {STARTED: RUNNING, RETRY: PENDING, SKIP: SKIPPED, MARK_DONE: DONE},
}

CANCELLABLE = frozenset({RUNNING, UNKNOWN})  # where a cancel can be asked (or while an undo runs)
UNDOABLE = frozenset(state for state, moves in LEGAL.items() if UNDO_DONE in moves)
ENDED = {DONE: ENDED_DONE, FAILED: ENDED_FAILED, CANCELLED: ENDED_CANCELLED}  # by an attempt's result


def after(state: str, trigger: str) -> str | None:
    """The state that `trigger` leads to, or None where it is not legal."""
    return LEGAL[state].get(trigger)
