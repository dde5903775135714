"""What a step sees of its attempt: templates, servers, output, notes, verdicts. The engine's side of `steps.api.StepContext`.

Secrets are masked here once more on their way into the journal. How an attempt lives and ends is `attempt`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from cockpit import crash
from cockpit.engine.secrets import Masker
from cockpit.fleet.api import Remote
from cockpit.journal.events import AttemptFound, AttemptNoted, CheckFinished
from cockpit.journal.records import Output, Sample, Stream, Value
from cockpit.plan.model import LOCAL, Step
from cockpit.plan.templates import render
from cockpit.plan.values import Into
from cockpit.state.model import UNKNOWN, Task
from cockpit.state.seen import seen, words
from cockpit.steps.api import Pace, Reached

if TYPE_CHECKING:
    from cockpit.engine.core import Engine


class Context:
    """One attempt of one task, as its kind of step sees it."""

    def __init__(self, engine: Engine, step: Step, task: Task, *, resumed: bool) -> None:
        assert task.attempt is not None
        self.engine, self.step, self._task, self.resumed = engine, step, task, resumed
        self.plan, self.task, self.server = engine.plan, task.id, task.server
        self.n, self.attempt, self.purpose = task.attempt.n, task.attempt.id, task.attempt.purpose
        self.session, self.epoch = engine.state.session, engine.state.epoch
        self.detail: Mapping[str, Any] = task.attempt.detail
        self._cancel = asyncio.Event()
        self._maskers: dict[Stream, Masker] = {}
        self._note_offset = self._asking = 0
        self._reached: Reached | None = None
        if task.cancel_asked:
            self._cancel.set()

    @property
    def secrets(self) -> Mapping[str, str]:
        return {name: self.engine.vault.get(name) or "" for name in self.step.secrets}

    async def known_secrets(self) -> Mapping[str, str]:
        for name in self.step.secrets:
            await self.engine.secret(name)
        return self.secrets

    def render(self, text: str, *, into: Into = "shell", path: bool = False) -> str:
        return render(text, seen(self.plan, self.engine.state, self.server), into=into, path=path)

    def for_people(self, text: str) -> str:
        return words(self.plan, self.engine.state, self.server, text)

    def remote(self, server: str | None = None) -> Remote:
        return self.engine.fleet.remote(server or self.server or LOCAL)

    def read_file(self, path: str) -> bytes:
        return self.engine.session.read_file(path)

    def become(self) -> bool:
        known = self.plan.servers.get(self.server or "")
        return self.step.become if self.step.become is not None else bool(known and known.become)

    async def output(self, stream: Literal["out", "err"], offset: int, data: bytes) -> None:
        await self.found()
        masker = self._maskers.get(stream)
        if masker is None or masker.offset + len(masker.held) != offset:
            masker = self._maskers[stream] = Masker(self.engine.vault.literals(), offset)
        await self._store(stream, *masker.feed(data))

    def masked(self, text: str) -> str:
        return self.engine.vault.masked(text)

    async def flush(self) -> None:
        for stream, masker in self._maskers.items():
            await self._store(stream, *masker.finish())

    async def last_errors(self, limit: int) -> bytes:
        await self.flush()
        return await self.engine.last_errors(self.task, self.n, limit)

    async def _store(self, stream: Stream, offset: int, data: bytes) -> None:
        if data:
            crash.point("before output")
            self.engine.offsets[self.task, self.n, stream] = offset + len(data)
            await self.engine.writer.output(Output(self.engine.writer.now(), self.task, self.n, stream, offset, data))
            crash.point("after output")

    def offsets(self) -> tuple[int, int]:
        """What is journaled; what a masker held back is read again."""
        self._maskers.clear()
        return self.engine.output_offsets(self.task, self.n)

    def say(self, text: str) -> None:
        data = self.engine.vault.masked(text).encode("utf-8", "surrogateescape") + b"\n"
        offset, self._note_offset = self._note_offset, self._note_offset + len(data)
        output = Output(self.engine.writer.now(), self.task, self.n, "note", offset, data)
        self.engine.background(self.engine.writer.output(output))

    async def note(self, **detail: Any) -> None:
        await self.engine.append(AttemptNoted(self.task, self.n, detail))

    def progress(
        self, phase: str, bytes_done: int, bytes_total: int | None = None,
        files_done: int | None = None, files_total: int | None = None, *, largest: int | None = None,
        moved: int | None = None, phase_done: int | None = None, phase_total: int | None = None,
    ) -> None:
        more = {"largest": largest, "moved": moved, "phase_done": phase_done, "phase_total": phase_total}
        values: dict[str, Value] = {
            "phase": phase, "bytes_done": bytes_done, "bytes_total": bytes_total,
            "files_done": files_done, "files_total": files_total, "n": self.n,
            **{name: value for name, value in more.items() if value is not None},
        }
        self._reached = Reached(bytes_done, bytes_total, files_done, files_total)
        sample = Sample(self.engine.writer.now(), f"transfer/{self.task}", values)
        self.engine.writer.sample(sample)
        self.engine.forecasts.heard(self.task, sample)
        crash.point("progress")

    def reached(self) -> Reached:
        if self._reached is None:
            series = f"transfer/{self.task}"
            newest = self.engine.reader.latest(series, self.engine.writer.now()).get(series)
            undone = max((a.started for a in self._task.attempts if a.purpose == "undo"), default=0.0)
            values = newest.values if newest is not None and newest.at > undone else {}
            self._reached = Reached(int(values.get("bytes_done") or 0), *(
                None if (count := values.get(name)) is None else int(count)
                for name in ("bytes_total", "files_done", "files_total")
            ))  # fmt: skip
        return self._reached

    async def found(self) -> None:
        """What was unknown runs, after all."""
        if self._task.state == UNKNOWN:
            await self.engine.append(AttemptFound(self.task, self.n))

    async def verdict(
        self, check: str, kind: str, result: Literal["pass", "fail", "not-tested"], evidence: str, started: float,
        paths: list[tuple[str, str]],
    ) -> None:
        spoken_of, shown = [list(p) for p in paths], self.engine.vault.masked(evidence)
        await self.engine.append(CheckFinished(self.task, self.n, check, kind, result, shown, started, spoken_of))

    def earlier(self) -> Sequence[Mapping[str, Any]]:
        return [attempt.detail for attempt in self._task.attempts if attempt.id != self.attempt]

    def cancelled(self) -> bool:
        return self._cancel.is_set()

    async def cancel_event(self) -> None:
        await self._cancel.wait()

    def pace(self) -> Pace:
        return self.engine.traffic.pace(self.task)

    async def pace_changed(self, last: Pace) -> Pace:
        return await self.engine.traffic.changed(self.task, last)

    def transfers(self) -> int:
        return self.engine.traffic.count()

    def bandwidth(self) -> float | None:
        return self.pace().rate

    def asking(self) -> bool:
        return self._asking > 0

    async def ask(self, kind: str, text: str, *, choices: list[str], secret: bool = False) -> str | None:
        prompter = self.engine.prompter
        asking = asyncio.create_task(prompter.ask(
            kind, text, server=self.server, task=self.task, name=self.task, secret=secret, choices=choices,
        ))  # fmt: skip
        cancel = asyncio.create_task(self._cancel.wait())
        self._asking += 1
        try:
            await asyncio.wait({asking, cancel}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                await prompter.withdraw(f"{kind}-{self.task}", "the step was cancelled")
            return await asking
        finally:
            self._asking -= 1
            asking.cancel()
            cancel.cancel()
