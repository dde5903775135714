"""What a step asks its server about itself: `when`, and the probe of what must not run twice. Says what the answer was; what
follows from it is `attempt`'s."""

from __future__ import annotations

from dataclasses import dataclass

from cockpit.engine.context import Context
from cockpit.steps.asking import ask

LIMIT = 120.0  # seconds that a probe or a `when` may take
SHOWN = 200  # characters of what it complained of
HAS_HAPPENED, HAS_NOT = 0, 1  # test(1) and grep(1) keep what is above for "I could not look", the shell 126 and 127


@dataclass(frozen=True, slots=True)
class Answer:
    exit: int | None  # None: it took too long
    complaint: str = ""  # the last line that it printed on stderr

    @property
    def words(self) -> str:
        """As what a probe says."""
        match self.exit:
            case None:
                return f"the probe gave no answer in {LIMIT:.0f} s"
            case 0:
                return "the probe says it has been done"
            case 1:
                return "the probe says it has not been done"
        return f"the probe cannot tell (exit {self.exit}{f': {self.complaint}' if self.complaint else ''})"


async def probe(ctx: Context, command: str) -> Answer:
    """Raises FleetError, Lost, TemplateProblem."""
    try:
        done = await ask(ctx, ctx.render(command), LIMIT)
    except TimeoutError:
        return Answer(None)
    lines = ctx.masked(done.stderr.decode(errors="replace")).strip().splitlines()
    return Answer(done.exit, lines[-1].strip()[-SHOWN:] if lines else "")
