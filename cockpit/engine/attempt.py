"""One attempt of one task: runs its kind of step to an end, through every loss of contact, and journals what came of it.

What an outcome means for the task (probe, unknown, skip) is settled here, by the rules of the design, section 2; nothing
is guessed. What the step itself may use stands in `context`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any

from cockpit import crash
from cockpit.decide import retry_delay
from cockpit.engine.context import Context
from cockpit.engine.dryrun import in_words, once_only, only_looks, runs_dry
from cockpit.engine.probing import HAS_HAPPENED, HAS_NOT, LIMIT, Answer, probe
from cockpit.fleet.api import FleetError, Lost
from cockpit.journal.events import AttemptEnded, AttemptUnknown, Event, RetryAsked, TaskSkipped, ValueCaptured
from cockpit.journal.schema import JournalProblem
from cockpit.plan.model import Copy, Run
from cockpit.plan.templates import TemplateProblem
from cockpit.state.idle import needed
from cockpit.state.model import UNKNOWN
from cockpit.steps import kinds
from cockpit.steps.api import Outcome
from cockpit.steps.copy import cleanup
from cockpit.steps.elapsed import begin, since
from cockpit.steps.job import rebooted

log = logging.getLogger(__name__)
CAPTURE_LIMIT = 64 * 1024  # bytes
SAFE_RETRIES = 3  # of what may run again for certain: a copy, a verification, what its probe says was not done
OUT_OF_REACH = ("unreachable", "key-changed", "key-unknown", "auth", "locked")  # the server is waited for


class Attempt(Context):
    """The running of one attempt; `start` it once."""

    _running: asyncio.Task[None] | None = None
    _entered = False  # whether this engine has let the step begin

    # --- its life

    def start(self, finished: Callable[[], Any]) -> None:
        self._running = asyncio.create_task(self._live(), name=self.attempt)
        self._running.add_done_callback(lambda _: finished())

    def abandon(self) -> None:
        """Nobody waits for it any longer: the job on the server goes on, and is found again by who looks for it."""
        if self._running is not None:
            self._running.cancel()

    async def over(self) -> None:
        if self._running is not None:
            with suppress(asyncio.CancelledError):
                await self._running

    async def tidy(self) -> None:
        """Nobody will look for what it began: a copy's key is taken from the server that let it in."""
        await self.over()
        if self.step.kind == "copy":
            await cleanup(self, self.detail)

    def cancel(self) -> None:
        self._cancel.set()

    async def _live(self) -> None:
        try:
            await self._settle(await self._outcome())
        except JournalProblem as problem:
            log.warning("%s: %s", self.attempt, problem)
            self.engine.wake.set()
        except Exception as error:  # else its task would show as running, with nobody at work
            log.exception("%s: a fault of cockpit's own", self.attempt)
            await self._unknown(f"ask: {self._fault(error)}")

    async def _outcome(self) -> Outcome:
        try:
            return await self._through_losses()
        except (FleetError, TemplateProblem, OSError) as error:
            return Outcome("failed", error=str(error))
        except (asyncio.CancelledError, JournalProblem):
            raise
        except Exception as error:
            log.exception("%s: a fault of cockpit's own", self.attempt)
            return Outcome("failed", error=self._fault(error))

    def _fault(self, error: Exception) -> str:
        return f"a fault of cockpit's own, see engine.log: {type(error).__name__}: {self.masked(str(error))}"

    async def _through_losses(self) -> Outcome:
        """Run, and after any loss of contact wait for the server and go on: the step finds what it started."""
        while True:
            try:
                return await self._once()
            except FleetError as error:
                if error.problem not in OUT_OF_REACH:
                    raise
                if isinstance(error, Lost) or self._may_have_begun():
                    await self._unknown(f"contact lost: {error.text}")
                server = error.server
            early = await self._contact_or_cancel(server)
            if early is not None:
                return early
            self.resumed = self._may_have_begun()

    def _may_have_begun(self) -> bool:
        return self._entered or self.resumed

    async def _contact_or_cancel(self, server: str) -> Outcome | None:
        """Waits for contact. A cancel ends the waiting where nothing can have begun; else the server must be asked first."""
        contact = asyncio.create_task(self.engine.fleet.wait_contact(server))
        cancel = asyncio.create_task(self.cancel_event())
        try:
            waited = {contact} if self._may_have_begun() else {contact, cancel}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if contact.done():
                await contact
                return None
            return Outcome("cancelled", error="cancelled before it was begun")
        finally:
            contact.cancel()
            cancel.cancel()

    async def _once(self) -> Outcome:
        if not await self._begun():
            early = await self._before()
            if early is None and self.cancelled():
                early = Outcome("cancelled", error="cancelled before it was begun")
            if early is not None:
                return early
        if self.engine.state.dry:
            self.step = once_only(self.step)
        self._entered = True
        if self.purpose == "undo":
            return await kinds.undo(self)
        return await self._kind()

    async def _kind(self) -> Outcome:
        run = kinds.KINDS[self.step.kind](self)
        if self.step.timeout is None or self._is_job() or self.step.kind == "copy":
            return await run  # a job's timeout is kept on the server, also while no engine is there; a copy's by the copy
        gone = since(self.detail["begun"], "awake")
        try:
            return await asyncio.wait_for(run, max(1.0, self.step.timeout - gone))
        except TimeoutError:
            return Outcome("failed", error=f"it ran longer than its timeout of {self.step.timeout:.0f} s")

    def _is_job(self) -> bool:
        return self.purpose == "undo" or self.step.kind in kinds.ON_SERVER

    async def _begun(self) -> bool:
        """Whether its work may have begun already: then neither `when` nor the probe of a first start may end it early,
        since a result, and what was printed, may be waiting on the server."""
        if not self.resumed:
            return False
        if not self._is_job():
            begun = "begun" in self.detail
            if begun:
                await self.found()
            return begun
        phase = (await self.remote().inspect_job(self.attempt, become=self.become())).phase
        if phase == "running":
            await self.found()
        return phase not in ("absent", "prepared") or (phase == "absent" and await rebooted(self, self.remote()))

    async def _before(self) -> Outcome | None:
        """What may make the attempt needless: `when`, a probe that says it has been done, a dry run. No effect so far."""
        dry = self.engine.state.dry
        try:
            needless = await self._needless() if self.purpose == "do" else None
        except TemplateProblem:
            if not dry:
                raise
            needless = None  # it names what a command before it would have printed
        if needless is not None:
            return needless
        changes = self.purpose == "undo" or not only_looks(self.step)
        if dry and not runs_dry(self.step, self.purpose):
            self.say(in_words(self.step, self.for_people, self.purpose))
            return Outcome("done", detail={"dry_run": True})
        wanted = [self.engine.claim(server) for server in sorted(needed(self.step, self.server))] if changes else []
        early = await self._unless_cancelled(*wanted, *(self.engine.secret(name) for name in self.step.secrets))
        if early is not None:
            return early
        if not self._is_job():
            await self.note(begun=begin())
        await self.found()
        return None

    async def _unless_cancelled(self, *waits: Coroutine[Any, Any, None]) -> Outcome | None:
        """One after another. Each may wait for a person for hours: a cancel is heard meanwhile."""
        work = asyncio.create_task(_in_turn(*waits))
        cancel = asyncio.create_task(self.cancel_event())
        try:
            await asyncio.wait({work, cancel}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                return Outcome("cancelled", error="cancelled before it was begun")
            await work
            return None
        finally:
            work.cancel()
            cancel.cancel()
            await asyncio.gather(work, cancel, return_exceptions=True)

    async def _needless(self) -> Outcome | None:
        if self.step.when:
            answer = await probe(self, self.step.when)
            if answer.exit is None:
                return Outcome("failed", error=f"its `when` gave no answer in {LIMIT:.0f} s")
            if answer.exit != 0:
                return Outcome("done", detail={"skip": "when: not here"})
        if self.step.once and self.step.probe:
            return self._by_its_probe(await probe(self, self.step.probe))
        return None

    def _by_its_probe(self, answer: Answer) -> Outcome | None:
        """Before a run of what must not run twice: where its probe cannot tell, a person is asked, and nothing is begun."""
        if answer.exit == HAS_HAPPENED:
            return Outcome("done", detail={"probe": "it had been done before"})
        if answer.exit == HAS_NOT or self._sent_on():
            return None
        if self.engine.state.dry:
            self.say(f"{answer.words}: a person would be asked")
            return None
        return Outcome("unknown", error=f"not begun: {answer.words}", detail={"ask": True})

    def _sent_on(self) -> bool:
        """Whether a person let it run again who was asked about the attempt before: only such a one is left without a result."""
        before = [attempt for attempt in self._task.attempts if attempt.purpose == "do" and attempt.n < self.n]
        return bool(before) and before[-1].result is None

    # --- what came of it

    async def _unknown(self, reason: str) -> None:
        reason = self.masked(reason)
        if self._task.state != UNKNOWN or self._task.unknown_reason != reason:
            await self.engine.append(AttemptUnknown(self.task, self.n, reason))

    async def _settle(self, outcome: Outcome) -> None:
        await self.flush()
        outcome, captured = await self._capture(outcome)
        skip = outcome.detail.get("skip")
        if outcome.result == "unknown" and "ask" in outcome.detail:
            await self._unknown(f"ask: {outcome.error}")
        elif outcome.result == "unknown":
            await self._settle_unknown(outcome.error or "it left no result")
        elif skip:
            await self.engine.append(TaskSkipped(self.task, True, str(skip)))
        else:
            error = self.masked(outcome.error) if outcome.error else None
            ended = AttemptEnded(self.task, self.n, outcome.result, outcome.exit, error, dict(outcome.detail))
            await self.engine.append(*captured, ended, *self._passing(outcome))

    def _passing(self, outcome: Outcome) -> list[Event]:
        """What broke off on the way (a stream, a locked target) is tried again after a pause, also where the plan has no
        `retries`: the step says of itself that it may."""
        count = self._task.auto_retries
        limit = max(self.step.retries, SAFE_RETRIES)
        if outcome.result != "failed" or not outcome.transient or self.step.once or self.purpose != "do" or count >= limit:
            return []
        return [RetryAsked(self.task, by_plan=True, not_before=time.time() + retry_delay(count))]

    async def _capture(self, outcome: Outcome) -> tuple[Outcome, list[Event]]:
        """What a `run` printed, for later steps: from the journal, so that a crash in between changes nothing. A part of it, or
        what no command could be given, would mislead them: then it has failed."""
        action = self.step.action
        if outcome.result != "done" or self.purpose != "do" or not isinstance(action, Run) or not action.capture:
            return outcome, []
        if self.engine.state.dry or "skip" in outcome.detail:  # nothing was run: "" would be a value like any other
            return outcome, []
        crash.point("before capture")
        data = await self.engine.read_output(self.task, self.n, CAPTURE_LIMIT + 1)
        if len(data) > CAPTURE_LIMIT:
            words = f"it printed more than the {CAPTURE_LIMIT >> 10} KiB that can be captured: let it print what later steps need"
            return replace(outcome, result="failed", error=words), []
        if b"\0" in data:
            words = "it printed a NUL byte, which no later command can be given: let it print text"
            return replace(outcome, result="failed", error=words), []
        return outcome, [ValueCaptured(self.task, action.capture, data.decode(errors="replace").strip())]

    async def _settle_unknown(self, reason: str) -> None:
        """Ask the probe; without one, retry only where the plan says that it may run twice; else a person decides."""
        reason = self.masked(reason)
        if self.purpose == "undo":  # its task is still what it was, and a person may ask for it again
            ended = AttemptEnded(self.task, self.n, "failed", None, f"what it undid is not known: {reason}")
            await self.engine.append(ended)
            return
        again, limit = not self.step.once, self.step.retries
        piped = isinstance(self.step.action, Copy) and self.step.action.pipe is not None
        if self.step.kind in ("copy", "verify") and not piped:
            limit = max(limit, SAFE_RETRIES)  # what has arrived stays
        if self.step.probe:
            answer, words = await self._ask_probe(self.step.probe)
            reason += f"; {words}"
            if answer == HAS_HAPPENED:
                found = {"probe": "it has been done", "after": reason}
                await self.engine.append(AttemptEnded(self.task, self.n, "done", None, None, found))
                return
            again, limit = answer == HAS_NOT, max(limit, SAFE_RETRIES)
            if again and self._task.auto_retries >= limit:
                await self.engine.append(AttemptEnded(self.task, self.n, "failed", None, reason))
                return
        if again and self._task.auto_retries < limit:
            await self._retry(reason)
        else:
            await self.engine.append(AttemptUnknown(self.task, self.n, f"ask: {reason}"))

    async def _retry(self, reason: str) -> None:
        """At once the first time, then with growing pauses: what is killed again and again is killed by something."""
        count = self._task.auto_retries
        due = time.time() + (retry_delay(count - 1) if count else 0.0)
        await self.engine.append(
            AttemptEnded(self.task, self.n, "failed", None, reason), RetryAsked(self.task, by_plan=True, not_before=due),
        )

    async def _ask_probe(self, command: str) -> tuple[int | None, str]:
        """Its exit code and what that says. Waits for a server out of reach."""
        crash.point("before probe")
        while True:
            try:
                answer = await probe(self, command)
            except TemplateProblem as problem:
                return None, f"its probe cannot be asked: {problem}"
            except FleetError as error:
                if error.problem not in OUT_OF_REACH:
                    return None, f"its probe cannot be asked: {error}"
                await self.engine.fleet.wait_contact(error.server)
                continue
            return answer.exit, answer.words


async def _in_turn(*waits: Coroutine[Any, Any, None]) -> None:
    waiting = list(waits)
    try:
        while waiting:
            await waiting.pop(0)
    finally:
        for never in waiting:
            never.close()
