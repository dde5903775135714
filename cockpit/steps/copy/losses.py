"""Before anything moves: what of the source will not fit or not survive at the target is said, refused, or asked about.

Knows no way and no rsync: what a person agreed to do without is a set of `fits.Problem`'s words.
"""

from __future__ import annotations

from collections.abc import Iterable

from cockpit.fleet.api import FleetError, Lost
from cockpit.fleet.rsync import COARSE
from cockpit.fleet.survey.able import Able, over_sftp
from cockpit.fleet.survey.fits import Problem, fits, fits_beside
from cockpit.fleet.survey.look import survey
from cockpit.fleet.survey.model import Surveyed
from cockpit.steps.api import StepContext
from cockpit.steps.copy.places import End, Refused

KIND = "loss"
CHOICES = ["without", "cancel"]


async def agreed(
    ctx: StepContext, seen: Surveyed, target: End, landing: str, there: Able, *, empty: bool = False, relayed: bool = False,
) -> frozenset[str]:  # fmt: skip
    """What this copy leaves behind, as a person agreed: words of `fits.Problem.what`; and COARSE, for which
    nobody is asked. landing: where it comes to lie; empty: nothing lies there. relayed: it goes over SFTP, which carries no links
    between names, no attributes and no special files. Refused; FleetError; Lost.

    An agreement is noted with the attempt, and holds for later attempts of the task: nobody is asked twice for the same.
    """
    can = over_sftp(there) if relayed else there
    problems = fits(seen, can, None if empty or fits_beside(seen, can) else await _lying(target, landing))
    if hard := [p for p in problems if p.grave == "refuse"]:
        raise Refused(f"{target.server}:{landing}: " + "; ".join(f"{p.text}: {p.instead}" for p in hard))
    for problem in problems:
        ctx.say(f"{target.server}: {problem.text}" + f"; {problem.instead}" * bool(problem.instead))
    wanted = frozenset(p.what for p in problems if p.grave == "ask")
    if wanted - _known(ctx):
        await _ask(ctx, target, [p for p in problems if p.grave == "ask"])
    if wanted:
        await ctx.note(without=sorted(wanted))
    return wanted | ({COARSE} if can.nanoseconds is False else frozenset())


def _known(ctx: StepContext) -> frozenset[str]:
    return frozenset(what for detail in (ctx.detail, *ctx.earlier()) for what in detail.get("without", ()))


async def _ask(ctx: StepContext, target: End, lost: Iterable[Problem]) -> None:
    lost = list(lost)
    words = "; ".join(p.text for p in lost)
    text = f"{target.server} can't keep all of this copy: {words}. Go on without {_and([p.what for p in lost])}?"
    answer = await ctx.ask(KIND, text, choices=CHOICES)
    if answer != "without":
        raise Refused(f"not copied: without {_and([p.what for p in lost])} it was not wanted; nothing has moved")


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


async def _lying(target: End, landing: str) -> Surveyed | None:
    """What is there, counted; None: it can't be (then all of the copy must fit beside it)."""
    try:
        return await survey(target.remote, landing, become=target.become)
    except Lost:
        raise
    except FleetError:
        return None
