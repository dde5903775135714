"""One attempt of one task: runs its kind of step to an end, through every loss of contact, and journals what came of it.

It is the `StepContext` that a step sees. What an outcome means for the task (probe, unknown, skip) is settled here, by the
rules of the design, section 2; nothing is guessed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from cockpit.engine.dryrun import in_words, only_looks
from cockpit.engine.secrets import Masker
from cockpit.fleet.api import FleetError, Lost, Remote
from cockpit.journal.events import (
    AttemptEnded,
    AttemptFound,
    AttemptNoted,
    AttemptUnknown,
    CheckFinished,
    RetryAsked,
    TaskSkipped,
    ValueCaptured,
)
from cockpit.journal.records import Output, Sample, Stream, Value
from cockpit.plan.model import LOCAL, Run, Step
from cockpit.plan.templates import TemplateProblem, render, scope
from cockpit.plan.times import Hours
from cockpit.state.model import UNKNOWN, Task
from cockpit.steps import kinds
from cockpit.steps.api import Outcome

if TYPE_CHECKING:
    from cockpit.engine.core import Engine

log = logging.getLogger(__name__)
PROBE_LIMIT = 120.0  # seconds that a probe or a `when` may take
CAPTURE_LIMIT = 64 * 1024


class Attempt:
    """The running of one attempt; `start` it once."""

    def __init__(self, engine: Engine, step: Step, task: Task, *, resumed: bool) -> None:
        assert task.attempt is not None
        self.engine, self.step, self._task, self.resumed = engine, step, task, resumed
        self.plan, self.task, self.server = engine.plan, task.id, task.server
        self.n, self.attempt, self.purpose = task.attempt.n, task.attempt.id, task.attempt.purpose
        self.session, self.epoch = engine.state.session, engine.state.epoch
        self.detail: Mapping[str, Any] = task.attempt.detail
        self._cancel = asyncio.Event()
        self._maskers: dict[Stream, Masker] = {}
        self._running: asyncio.Task[None] | None = None
        self._note_offset = 0
        if task.cancel_asked:
            self._cancel.set()

    # --- its life

    def start(self, finished: Callable[[], Any]) -> None:
        self._running = asyncio.create_task(self._live(), name=self.attempt)
        self._running.add_done_callback(lambda _: finished())

    def abandon(self) -> None:
        """The engine stops: the job on the server goes on and is found again."""
        if self._running is not None:
            self._running.cancel()

    async def over(self) -> None:
        if self._running is not None:
            with suppress(asyncio.CancelledError):
                await self._running

    def cancel(self) -> None:
        self._cancel.set()

    async def _live(self) -> None:
        try:
            outcome = await self._through_losses()
        except (FleetError, TemplateProblem, OSError) as error:
            outcome = Outcome("failed", error=str(error))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("%s: a fault of cockpit's own", self.attempt)
            outcome = Outcome("failed", error=f"a fault of cockpit's own, see engine.log: {error!r}")
        await self._settle(outcome)

    async def _through_losses(self) -> Outcome:
        """Run, and after any loss of contact wait for the server and go on: the step finds what it started."""
        while True:
            try:
                return await self._once()
            except Lost as lost:
                await self._unknown(f"contact lost: {lost.text}")
                self.resumed = True
                await self.engine.fleet.wait_contact(lost.server)
            except FleetError as error:
                if error.problem not in ("unreachable", "key-changed", "key-unknown", "auth", "locked"):
                    raise
                await self._unknown(str(error)) if self.resumed else None
                await self.engine.fleet.wait_contact(error.server)

    async def _once(self) -> Outcome:
        if self.purpose == "undo":
            return await kinds.undo(self)
        if not await self._begun():
            early = await self._before()
            if early is not None:
                return early
        if self.step.new_host_key and self.server:
            self.engine.fleet.expect_new_key(self.server, True)
        outcome = await self._kind()
        await self._found_again()
        return outcome

    async def _kind(self) -> Outcome:
        run = kinds.KINDS[self.step.kind](self)
        if self.step.timeout is None or self.step.kind in kinds.ON_SERVER:
            return await run  # a job's timeout is kept on the server, also while no engine is there
        begun = self._task.attempt.started if self._task.attempt else time.time()
        try:
            return await asyncio.wait_for(run, max(1.0, begun + self.step.timeout - time.time()))
        except TimeoutError:
            return Outcome("failed", error=f"it ran longer than its timeout of {self.step.timeout:.0f} s")

    async def _begun(self) -> bool:
        """Whether its work may have begun already: then neither `when` nor the probe of a first start may end it early,
        since a result, and what was printed, may be waiting on the server."""
        if not self.resumed:
            return False
        if self.step.kind in kinds.ON_SERVER:
            return (await self.remote().inspect_job(self.attempt, become=self.become())).phase != "absent"
        return bool(self.detail.get("begun_step"))

    async def _before(self) -> Outcome | None:
        """What may make the attempt needless: `when`, a probe that says it has been done, a dry run. No effect so far."""
        if self.step.when and await self._probe(self.step.when) != 0:
            return Outcome("done", detail={"skip": "when: not here"})
        if self.step.once and self.step.probe and await self._probe(self.step.probe) == 0:
            return Outcome("done", detail={"probe": "it had been done before"})
        if self.engine.state.mode == "dry-run" and not only_looks(self.step):
            self.say(in_words(self.step, self.render))
            return Outcome("done", detail={"dry_run": True})
        if self.server and self.server != LOCAL and not only_looks(self.step):
            await self.engine.claim(self.server)
        for name in self.step.secrets:
            await self.engine.secret(name)
        if self.step.kind not in kinds.ON_SERVER:
            await self.note(begun_step=True)
        return None

    async def _probe(self, command: str) -> int:
        try:
            done = await self.remote().run(self.render(command), become=self.become(), timeout=PROBE_LIMIT)
        except TimeoutError:
            return -1
        return done.exit

    # --- what came of it

    async def _unknown(self, reason: str) -> None:
        if self._task.state != UNKNOWN or self._task.unknown_reason != reason:
            await self.engine.append(AttemptUnknown(self.task, self.n, reason))

    async def _found_again(self) -> None:
        if self._task.state == UNKNOWN:
            await self.engine.append(AttemptFound(self.task, self.n))

    async def _settle(self, outcome: Outcome) -> None:
        await self._flush()
        if outcome.result == "unknown":
            await self._settle_unknown(outcome.error or "it left no result")
            return
        skip = outcome.detail.get("skip")
        if skip:
            await self.engine.append(TaskSkipped(self.task, True, str(skip)))
            return
        events: list[Any] = []
        if outcome.result == "done" and isinstance(self.step.action, Run) and self.step.action.capture and self.purpose == "do":
            events.append(ValueCaptured(self.task, self.step.action.capture, await self._captured()))
        events.append(AttemptEnded(self.task, self.n, outcome.result, outcome.exit, outcome.error, dict(outcome.detail)))
        await self.engine.append(*events)

    async def _captured(self) -> str:
        data = await self.engine.read_output(self.task, self.n, CAPTURE_LIMIT)
        return data.decode(errors="replace").strip()

    async def _settle_unknown(self, reason: str) -> None:
        """Ask the probe; without one, retry only where the plan says that it may run twice; else a person decides."""
        if self.step.probe and self.purpose == "do":
            try:
                answer = await self._probe(self.step.probe)
            except FleetError as error:
                answer, reason = -1, f"{reason}; {error}"
            if answer == 0:
                found = {"probe": "it has been done", "after": reason}
                await self.engine.append(AttemptEnded(self.task, self.n, "done", None, None, found))
                return
            if answer == 1:
                await self.engine.append(
                    AttemptEnded(self.task, self.n, "failed", None, f"{reason}; the probe says it has not been done"),
                    RetryAsked(self.task, by_plan=True, not_before=time.time()),
                )
                return
            reason += "; the probe cannot tell"
        elif not self.step.once and self.purpose == "do" and self._task.auto_retries < self._retries():
            await self.engine.append(
                AttemptEnded(self.task, self.n, "failed", None, reason),
                RetryAsked(self.task, by_plan=True, not_before=time.time()),
            )
            return
        await self.engine.append(AttemptUnknown(self.task, self.n, f"ask: {reason}"))

    def _retries(self) -> int:
        """A copy may always run again: what has arrived stays. Anything else as often as the plan says."""
        return max(self.step.retries, 3) if self.step.kind in ("copy", "verify") else self.step.retries

    # --- StepContext

    @property
    def secrets(self) -> Mapping[str, str]:
        return {name: self.engine.vault.get(name) or "" for name in self.step.secrets}

    def render(self, text: str, *, path: bool = False) -> str:
        seen = scope(self.plan, self.server, self.engine.state.inputs, self._captured_values(), self._window())
        return render(text, seen, path=path)

    def _captured_values(self) -> Mapping[str, str]:
        captured = self.engine.state.captured
        return {**captured.get("", {}), **captured.get(self.server or "", {})}

    def _window(self) -> Hours:
        state = self.engine.state
        return Hours(state.opens, state.closes, state.testing, state.utc_offset)

    def remote(self, server: str | None = None) -> Remote:
        return self.engine.fleet.remote(server or self.server or LOCAL)

    def read_file(self, path: str) -> bytes:
        return self.engine.session.read_file(path)

    def become(self) -> bool:
        known = self.plan.servers.get(self.server or "")
        return self.step.become if self.step.become is not None else bool(known and known.become)

    async def output(self, stream: Literal["out", "err"], offset: int, data: bytes) -> None:
        await self._found_again()
        masker = self._maskers.get(stream)
        if masker is None or masker.offset + len(masker.held) != offset:
            masker = self._maskers[stream] = Masker(self.engine.vault.literals(), offset)
        await self._store(stream, *masker.feed(data))

    async def _flush(self) -> None:
        for stream, masker in self._maskers.items():
            await self._store(stream, *masker.finish())

    async def _store(self, stream: Stream, offset: int, data: bytes) -> None:
        if data:
            self.engine.offsets[self.task, self.n, stream] = offset + len(data)
            await self.engine.writer.output(Output(time.time(), self.task, self.n, stream, offset, data))

    def offsets(self) -> tuple[int, int]:
        """What is journaled; what a masker held back is read again."""
        self._maskers.clear()
        return self.engine.output_offsets(self.task, self.n)

    def say(self, text: str) -> None:
        masker = Masker(self.engine.vault.literals(), 0)
        data = b"".join((masker.feed(text.encode() + b"\n")[1], masker.finish()[1]))
        offset, self._note_offset = self._note_offset, self._note_offset + len(data)
        output = Output(time.time(), self.task, self.n, "note", offset, data)
        self.engine.background(self.engine.writer.output(output))

    async def note(self, **detail: Any) -> None:
        await self.engine.append(AttemptNoted(self.task, self.n, detail))

    def progress(
        self, phase: str, bytes_done: int, bytes_total: int | None = None,
        files_done: int | None = None, files_total: int | None = None,
    ) -> None:
        values: dict[str, Value] = {
            "phase": phase, "bytes_done": bytes_done, "bytes_total": bytes_total,
            "files_done": files_done, "files_total": files_total, "n": self.n,
        }
        self.engine.writer.sample(Sample(time.time(), f"transfer/{self.task}", values))

    async def verdict(
        self, check: str, kind: str, result: Literal["pass", "fail", "not-tested"], evidence: str, started: float,
        paths: list[tuple[str, str]],
    ) -> None:
        spoken_of = [list(p) for p in paths]
        await self.engine.append(CheckFinished(self.task, self.n, check, kind, result, evidence, started, spoken_of))

    def cancelled(self) -> bool:
        return self._cancel.is_set()

    async def cancel_event(self) -> None:
        await self._cancel.wait()

    def bandwidth(self) -> float | None:
        """An even share of the plan's limit among the transfers that run now."""
        limit = self.plan.limits.bandwidth
        running = sum(1 for a in self.engine.attempts.values() if a.step.kind == "copy")
        return None if limit is None else limit / max(1, running)

    async def ask(self, kind: str, text: str, *, choices: list[str], secret: bool = False) -> str | None:
        return await self.engine.prompter.ask(
            kind, text, server=self.server, task=self.task, name=self.task, secret=secret, choices=choices,
        )
