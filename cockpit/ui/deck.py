"""From an acting key to the engine: ask in a dialog, send the command, say what came of it.

Knows dialogs and the commander; what a key means is `acts`, whether it is allowed is the engine's. Off without a commander.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cockpit.ui import acts
from cockpit.ui.actions import REPLAYING, Action
from cockpit.ui.answers import answer
from cockpit.ui.commander import Reply
from cockpit.ui.dialogs import Answer, Dialog
from cockpit.ui.proposals import NotNow, Proposal, Target
from cockpit.ui.source import Source
from cockpit.views import needs

if TYPE_CHECKING:
    from cockpit.ui.board import Board


class Deck:
    def __init__(self, board: Board, source: Source) -> None:
        self._board, self._source = board, source

    @property
    def may_act(self) -> bool:
        return not self.off

    @property
    def off(self) -> str:
        """Why the acting keys are off; "" where they work."""
        if self._source.commander is None:
            return "only looking"
        night = self._board.night
        return "the night has ended" if night is not None and night.state.outcome is not None else ""

    def works(self, action: Action) -> bool:
        """Whether this screen has it at all, whatever is selected."""
        if action.group == REPLAYING:
            return self._source.controls is not None
        if action.id == "who":
            return self._source.commander is not None
        return self.may_act or not action.acts

    def act(self, name: str, target: Target) -> None:
        """Begin what this key means for this target; returns at once."""
        night = self._board.night
        if night is None:
            return
        if name == "ack":
            self._acknowledge(target)
            return
        try:
            self._put(acts.propose(name, night, target))
        except NotNow as why:
            self._board.say(str(why), "warn")

    def answer(self, prompt: str) -> None:
        """Open the dialog of a question."""
        night = self._board.night
        if night is None:
            return
        try:
            self._put(answer(night, prompt))
        except NotNow as why:
            self._board.say(str(why), "warn")

    def _acknowledge(self, target: Target) -> None:
        """The selected alarm, else the oldest. A decision is answered, it is nothing to be acknowledged."""
        night = self._board.night
        assert night is not None
        alarms = [n.key for n in needs.items(night) if n.alarm]
        alarm = target.alarm if target.alarm in alarms else next(iter(alarms), None)
        if alarm is None:
            self._board.say("No alarm stands: nothing to acknowledge.")
            return
        self._board.run_worker(self._send("ack", alarm), exit_on_error=False)

    def _put(self, proposal: Proposal) -> None:
        if proposal.at_once is not None:
            self._board.run_worker(self._send(proposal.at_once, proposal.target), exit_on_error=False)
            return
        assert proposal.question is not None

        def answered(answer: Answer | None) -> None:
            if answer is None:
                self._board.say("Nothing was changed.", "dim")
            else:
                self._board.run_worker(self._carry_out(proposal, answer), exit_on_error=False)

        self._board.app.push_screen(Dialog(proposal.question), answered)

    async def _carry_out(self, proposal: Proposal, answer: Answer) -> None:
        free = proposal.verbs.get("")
        if free is not None:
            await self._send(free, proposal.target, why=None, value=answer.value, who=answer.who)
            return
        verb = proposal.verbs.get(answer.value)
        if verb == "backout":
            await self._send(verb, None, why=answer.why, who=answer.who)
        elif verb is not None:
            await self._send(verb, proposal.target, why=answer.why, who=answer.who)
        else:
            await self._send("answer", proposal.target, why=answer.why, value=answer.value, who=answer.who)

    async def _send(
        self, verb: str, target: str | None, *, why: str | None = None, value: str | None = None, who: str | None = None
    ) -> None:
        commander = self._source.commander
        assert commander is not None
        self._board.say(f"{verb} {target or ''} …".replace("  ", " "), "dim")
        reply: Reply = await commander.send(verb, target, why=why, value=value, who=who)
        self._board.say(reply.text or ("done" if reply.ok else "refused"), "good" if reply.ok else "bad")
