"""A console in a test: the app on a real journal with a clock of the test's own, a socket to command, and what can be seen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textual import events
from textual.pilot import Pilot

from cockpit.journal import events as e
from cockpit.journal.clock import ReplayClock
from cockpit.journal.events import Event
from cockpit.journal.reader import Reader
from cockpit.state.tail import state_of
from cockpit.ui.app import CockpitApp
from cockpit.ui.commander import Commander
from cockpit.ui.memory import Memory
from cockpit.ui.source import Source
from tests.ui.journals import Recorded, SteppedClock, begin, to_the_middle

OPENS = 1_795_752_000.0  # 2026-11-27 04:00 UTC
PATIENCE = 30.0  # seconds that a test waits for something to be seen


@dataclass
class EngineEnd:
    """The other end of the control socket: keeps what was asked, and journals what the engine would. A verb that no engine
    knows is refused, and so is a target that is no server, task or question of the night."""

    night: Recorded
    asked: list[dict[str, Any]] = field(default_factory=list)
    refuse: str | None = None

    async def serve(self) -> asyncio.Server:
        return await asyncio.start_unix_server(self._talk, self.night.session.socket_path)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            request = json.loads(line)
            self.asked.append(request)
            reply = {"ok": False, "text": self.refuse} if self.refuse else await self._obey(request)
            writer.write(json.dumps(reply).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _obey(self, request: dict[str, Any]) -> dict[str, Any]:
        verb, target, why = request["verb"], request.get("target") or "", request.get("why")
        state = state_of(self.night.session.journal_path)
        if verb not in ("ack", "note") and target not in ("", *state.tasks, *state.servers, *state.prompts):
            return {"ok": False, "text": f"no task {target!r}"}
        makes: dict[str, Event | None] = {
            "ack": e.AlarmAcknowledged(target), "note": e.NoteAdded(request.get("value") or "", target),
            "skip": e.TaskSkipped(target, False, why or ""), "answer": e.PromptAnswered(target),
            "hold": e.Held(target), "release": e.Released(target), "start": e.StartAsked(target),
            "done": e.TaskMarkedDone(target), "cancel": e.CancelAsked(target), "undo": e.UndoAsked(target),
            "pause": e.TransferPaused(target), "unpause": e.TransferResumed(target), "front": e.TransferFronted(target),
            "drop": e.ServerDropped(target), "backout": e.BackoutStarted(why or ""),
            "retry": e.RetryAsked(target) if target in state.tasks else None, "limit": None,
        }  # fmt: skip
        if verb not in makes:
            return {"ok": False, "text": f"no verb {verb!r}"}
        if event := makes[verb]:
            await self.night.writer.append(event, who=request.get("as"), why=why)
        return {"ok": True, "text": f"{verb} {target}: heard"}


class Console:
    """What an operator does and sees."""

    def __init__(
        self, app: CockpitApp, pilot: Pilot[str | None], night: Recorded, clock: SteppedClock, engine: EngineEnd
    ) -> None:
        self.app, self.pilot, self.night, self.clock, self.engine = app, pilot, night, clock, engine

    def rows(self) -> list[str]:
        """The screen as text, top to bottom."""
        return [strip.text for strip in self.app.screen._compositor.render_strips()]

    def text(self) -> str:
        return "\n".join(self.rows())

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    def burst(self, *keys: str) -> None:
        """All at once, as a paste or a slow link brings them: each was pressed before any of them is looked at."""
        named = {"enter": "\r", "escape": "\x1b"}
        pressed = [events.Key(key, key if len(key) == 1 else named.get(key)) for key in keys]
        for event in pressed:
            self.app.post_message(event)

    async def type(self, text: str) -> None:
        names = {" ": "space", "/": "slash", ".": "full_stop", "@": "at", ":": "colon"}
        await self.pilot.press(*(names.get(c, c) for c in text))

    async def sees(self, *words: str) -> str:
        """Waits until all of these stand on the screen; the screen."""
        await self.until(lambda: all(w in self.text() for w in words), lambda: f"{words} not in\n{self.text()}")
        return self.text()

    async def lost(self, word: str) -> None:
        await self.until(lambda: word not in self.text(), lambda: f"{word} still in\n{self.text()}")

    async def until(self, true: Callable[[], bool], say: Callable[[], str] = lambda: "never came true") -> None:
        pause = 0.02
        try:
            async with asyncio.timeout(PATIENCE):
                while not true():
                    self.app.redraw()
                    await self.pilot.pause(pause)
                    pause = min(1.5 * pause, 0.2)
        except TimeoutError:
            raise AssertionError(say()) from None

    async def asked(self, verb: str) -> dict[str, Any]:
        """Waits until the engine was asked this; the request."""
        heard = self.engine.asked
        await self.until(lambda: any(r["verb"] == verb for r in heard), lambda: f"only {heard}\n{self.text()}")
        return next(r for r in self.engine.asked if r["verb"] == verb)


@asynccontextmanager
async def console(
    root: Path, size: tuple[int, int] = (120, 40), *, acting: bool = True, who: str = "lead", remembers: bool = False,
    night: tuple[Recorded, SteppedClock] | None = None,
) -> AsyncIterator[Console]:
    """A console at a night in its middle (or at `night`, which stays open afterwards)."""
    recorded, clock = night or await middle(root)
    engine = EngineEnd(recorded)
    server = await engine.serve()
    reader = Reader.open(recorded.session.journal_path)
    commander = Commander(recorded.session.socket_path, who) if acting else None
    source = Source(reader, clock, commander, who=who, session=recorded.session.id)
    app = CockpitApp(source, Memory(recorded.path, who) if remembers else None)
    try:
        async with app.run_test(size=size) as pilot:
            seen = Console(app, pilot, recorded, clock, engine)
            await seen.sees("OPEN", *(["servers, critical", "? help"] if size[0] >= 80 else []))
            yield seen
    finally:
        server.close()
        reader.close()
        if night is None:
            await recorded.writer.close()


@asynccontextmanager
async def replay(night: Recorded, clock: SteppedClock, *, at: float, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Console]:
    """A replay of what is journaled, standing still at `at`."""
    reader = Reader.open(night.session.journal_path)
    controls = ReplayClock(night.opens, max(clock.at, at), speed=60)
    controls.seek(at)
    app = CockpitApp(Source(reader, controls, controls=controls, session=night.session.id))
    async with app.run_test(size=size) as pilot:
        seen = Console(app, pilot, night, clock, EngineEnd(night))
        await seen.sees("REPLAY")
        yield seen
    reader.close()


async def middle(root: Path) -> tuple[Recorded, SteppedClock]:
    root.mkdir(parents=True, exist_ok=True)
    recorded, clock = await begin(root, opens=OPENS)
    await to_the_middle(recorded, clock)
    return recorded, clock
