"""What a copy between servers notes of itself before each of its jobs, from which any engine goes on. Starts and asks nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cockpit.fleet.counting import Survey
from cockpit.fleet.openroute import OpenRoute
from cockpit.fleet.routes import Route
from cockpit.steps.api import StepContext
from cockpit.steps.copy.parts import Part, added
from cockpit.steps.copy.places import End


@dataclass(frozen=True, slots=True)
class Ready:
    """What was found out before a direct copy: its way, what is to be moved, where it lands, and by which parts. exactly:
    afterwards there is nothing else at the target. proven: the last part proves by itself what has arrived (a device: there is
    nothing to count). without: what stays behind, as a person agreed: words of `fits.Problem`. boot: the target's; None: it has
    no such thing."""

    route: Route
    opened: OpenRoute | None
    survey: Survey
    landing: str
    exactly: bool
    parts: Sequence[Part]
    proven: bool = False
    without: frozenset[str] = frozenset()
    boot: str | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """A part's job as the attempt's note keeps it (`copy`): enough to find it, to judge it, and to know what came before it,
    after any crash. total: bytes and files that all parts together answer for; done: the parts before, by name, with what they
    answered for and their detail; err: where the job's stderr begins in the attempt's; largest: bytes of the
    largest single file of the parts to come; without: what stays behind, as a person agreed; boot: the target's; believed: some
    of it counts as arrived by its size and time alone, as long as that may be (`doubt`)."""

    job: str
    on: str
    become: bool
    way: str
    starts: int
    landing: str
    exactly: bool
    files: int
    size: int
    apparent: int
    kinds: Mapping[str, int]
    part: str = "settle"
    memory: Mapping[str, Any] = field(default_factory=dict)
    done: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    last: bool = True
    proven: bool = False
    total: Sequence[int] = (0, 0)
    err: int = 0
    largest: int = 0
    without: Sequence[str] = ()
    boot: str | None = None
    believed: bool = False

    @property
    def survey(self) -> Survey:
        return Survey(self.files, self.size, self.apparent, self.kinds)

    @property
    def before(self) -> tuple[int, int]:
        """Bytes and files of the parts that are done."""
        return sum(each["size"] for each in self.done.values()), sum(each["files"] for each in self.done.values())

    @property
    def moved_before(self) -> int:
        """Bytes that the parts that are done have really sent."""
        return sum(each["detail"].get("moved", 0) for each in self.done.values())


def again(ctx: StepContext) -> bool:
    """Whether this attempt has started a job before: what lies at the target may be its own unfinished work."""
    return noted(ctx) is not None


def noted(ctx: StepContext) -> Begun | None:
    kept = ctx.detail.get("copy")
    return Begun(**kept) if kept else None


def done_before(ctx: StepContext) -> dict[str, Mapping[str, Any]]:
    begun = noted(ctx)
    return dict(begun.done) if begun else {}


def begun_with(ctx: StepContext, source: End, target: End, ready: Ready, part: Part) -> Begun:
    run_at, survey, before = source if ready.route.way == "push" else target, ready.survey, noted(ctx)
    lost = before is not None and before.part not in before.done
    starts = before.starts + lost if before else 1
    total = sum(each.size for each in ready.parts), sum(each.files for each in ready.parts)
    to_come = ready.parts[ready.parts.index(part) + 1 :]
    return Begun(
        f"{ctx.attempt}-{starts}-{part.name}", run_at.server, run_at.become, ready.route.name, starts, ready.landing,
        before.exactly if before else ready.exactly, survey.files, survey.size, survey.apparent, dict(survey.kinds),
        part.name, part.memory(), done_before(ctx), part is ready.parts[-1], ready.proven, total, ctx.offsets()[1],
        max((each.largest or 0 for each in to_come), default=0),
        sorted(ready.without), ready.boot, any(each.files for each in ready.parts if each.name != "images"),
    )  # fmt: skip


def detail_of(begun: Begun) -> dict[str, Any]:
    detail: dict[str, Any] = {"way": begun.way, "bytes": begun.size, "files": begun.files}
    for part in begun.done.values():
        detail = added(detail, part["detail"])
    return detail
