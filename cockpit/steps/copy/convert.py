"""`convert`: the image that a copy has brought, in another format beside it, made by qemu-img on the server that has it.

A detached job of its own after the copy: made under another name, brought to the disk, compared with the image, and only then
given its name. What bears that name already is replaced only where it is this job's earlier work, unchanged. The image is read
as raw unless its own name says otherwise: a raw disk's first bytes are its guest's to write, and must not choose how the host
reads it. qemu-img knows no pace: it is stopped while the job is told 0, and no rate says anything to it, for nothing goes over
a wire.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from shlex import quote
from typing import Any

from cockpit import crash
from cockpit.fleet.api import JobReport, JobSpec
from cockpit.plan.model import Copy
from cockpit.steps.api import Outcome, StepContext
from cockpit.steps.copy.clock import left_to_a_job
from cockpit.steps.copy.onejob import pace_of, started, to_its_end
from cockpit.steps.copy.places import End, Refused, look_at_target
from cockpit.steps.job import HOW

FORMATS = ("qcow2", "raw", "vhdx", "vmdk")  # as qemu-img(1) calls them
STARTS = 3  # of one attempt, after losses of its job: it begins from zero each time
_PERCENT = re.compile(rb"\((\d+\.\d+)/100%\)")

# The mark says which file we made: anything else of that name is somebody's.
_PATHS = """image=__IMAGE__ out=__OUT__ part=__PART__ mark=__MARK__
of() { stat -c '%i %s %Y' -- "$1"; }
"""
_LOOK = _PATHS + """command -v qemu-img >/dev/null 2>&1 || { echo missing; exit; }
[ ! -e "$out" ] && [ ! -L "$out" ] && exit
[ -f "$mark" ] && [ "$(cat "$mark")" = "$(of "$out")" ] || echo foreign
"""
# A TERM is lost on a child that is yet to become qemu-img, and waits while it is stopped: it would make anew what is taken away.
# What the disk did not take is still read from memory and compares well, and the kernel may have told others of it: 3 was opened
# before anything was written, so its fsync hears it too. What syncfs tells of it is taken now, or it would fail the next try.
_JOB = _PATHS + """child= watch=
trap '[ -z "$child" ] || { kill -KILL $child $watch; wait; } 2>/dev/null; rm -f -- "$part"' EXIT
trap 'exit 143' TERM INT HUP
hold() {
  was=
  while :; do
    now=$(cat "$COCKPIT_JOB/told" 2>/dev/null)
    [ "$now" = 0 ] && sign=STOP || sign=CONT
    [ "$sign" = "${was:-CONT}" ] || kill -$sign "$1"
    was=$sign
    sleep 1
  done
}
run() {
  "$@" 3>&- & child=$!
  hold $child >/dev/null 2>&1 3>&- & watch=$!
  wait $child; code=$?
  { kill -KILL $watch; wait $watch; } 2>/dev/null
  child=
  return $code
}
rm -f -- "$part"
exec 3>"$part"
echo "size $(qemu-img info -f __FROM__ --output=json -- "$image" | sed -n 's/.*"virtual-size": *//p' | head -n 1 | tr -cd 0-9)"
echo convert
run qemu-img convert -p -f __FROM__ -O __TO__ -- "$image" "$part" || exit
chmod "$(stat -c %a -- "$image")" "$part"
said=$(dd if=/dev/null conv=notrunc,fsync 2>&1 >&3) || {
  printf '%s\\n' "$said" >&2
  rm -f -- "$part"
  sync -f -- "$image" 2>/dev/null
  exit 98
}
echo compare
run qemu-img compare -p -f __FROM__ -F __TO__ -- "$image" "$part" || exit $((100 + $?))
if [ -e "$out" ] || [ -L "$out" ]; then
  [ -f "$mark" ] && [ "$(cat "$mark")" = "$(of "$out")" ] || exit 99
fi
of "$part" > "$mark" && mv -f -- "$part" "$out" && sync
"""
LOST, FOREIGN, DIFFERS = 98, 99, 101


@dataclass(frozen=True, slots=True)
class Begun:
    """The job as the attempt's note keeps it (`convert`). image, out: paths on the target; copied: the copy's own detail.
    err: where the job's stderr begins in the attempt's."""

    job: str
    starts: int
    image: str
    out: str
    copied: Mapping[str, Any]
    err: int


@dataclass(slots=True)
class Heard:
    """qemu-img's progress: percents of the conversion and then of the comparison, which is the proof."""

    size: int = 0  # bytes of the disk in the image
    phase: str = "convert"
    percent: float = 0.0
    _rest: bytes = field(default=b"")

    def feed(self, data: bytes) -> None:
        *lines, self._rest = re.split(rb"[\r\n]", self._rest + data)
        for line in lines:
            if line.startswith(b"size ") and line[5:].strip().isdigit():
                self.size = int(line[5:])
            elif line in (b"convert", b"compare"):
                self.phase, self.percent = ("convert" if line == b"convert" else "verify"), 0.0
            elif found := _PERCENT.search(line):
                self.percent = max(self.percent, min(100.0, float(found[1])))

    @property
    def done(self) -> int:
        return int(self.size * self.percent / 100)


def result_of(image: str, to: str) -> str:
    """The name of what is made: beside the image, with the new format's ending in place of the old one's."""
    stem, ending = posixpath.splitext(image)
    return f"{stem if ending.lower() in ('.img', '.bin', '.dd', *(f'.{name}' for name in FORMATS)) else image}.{to}"


def format_of(path: str) -> str:
    ending = posixpath.splitext(path)[1].lower().removeprefix(".")
    return ending if ending in FORMATS else "raw"


def begun(ctx: StepContext) -> Begun | None:
    noted = ctx.detail.get("convert")
    return Begun(**noted) if noted else None


async def check(ctx: StepContext, source: End, target: End) -> None:
    """Before anything moves: qemu-img is there, one file is copied, and the name is free or ours. Refused."""
    to = _wanted(ctx)
    done = await source.remote.errand(f"[ -f {quote(source.path)} ] || [ -b {quote(source.path)} ]", become=source.become)
    if done.exit:
        raise Refused(f"{source.server}:{source.path} is not one file or device: convert = \"{to}\" needs an image")
    landing = (await look_at_target(target, source.path, "file")).landing
    out = result_of(landing, to)
    if out == landing:
        raise Refused(f"{target.server}:{landing} would be converted onto itself: copy it to a name that does not end in .{to}")
    seen = (await target.remote.errand(_fill(_LOOK, landing, out, to), become=target.become)).stdout.decode().strip()
    if seen == "missing":
        raise Refused(f"{target.server} has no qemu-img: install it there (qemu-utils), or take convert away")
    if seen == "foreign":
        raise Refused(f"{target.server}:{out} is there already and was not made by this step: move it away")


async def run(ctx: StepContext, source: End, target: End, copied: Mapping[str, Any]) -> Outcome:
    """After the copy: start the job, or go on with the one that is noted. Raises FleetError, Lost."""
    before = begun(ctx)
    while True:
        if before is not None:
            report = await target.remote.inspect_job(before.job, become=target.become)
            if report.phase in ("running", "ended"):
                return await _followed(ctx, target, before, heard=report.out)
            if before.starts >= STARTS:
                text = f"the conversion was lost {before.starts} times on {target.server}"
                return Outcome("failed", transient=True, error=text)
            if report.phase == "gone":  # what its leader left behind still writes
                await target.remote.cancel_job(before.job, become=target.become)
        before, report = await _begin(ctx, source, target, before, copied)
        if report.phase == "ended" and report.how and report.exit is None:
            return _judged(ctx, target, before, report)


async def _begin(
    ctx: StepContext, source: End, target: End, before: Begun | None, copied: Mapping[str, Any],
) -> tuple[Begun, JobReport]:  # fmt: skip
    to = _wanted(ctx)
    if before is None:
        landing = (await look_at_target(target, source.path, "file")).landing
        before = Begun("", 0, landing, result_of(landing, to), copied, 0)
    starts = before.starts + 1
    now = replace(before, job=f"{ctx.attempt}-{starts}-convert", starts=starts, err=ctx.offsets()[1])
    await ctx.note(convert=asdict(now))
    crash.point("copy.convert-noted")
    text = _fill(_JOB, now.image, now.out, to)
    spec = JobSpec(
        now.job, ctx.session, ctx.epoch, text, become=target.become, timeout=left_to_a_job(ctx), lock=now.out,
        told=pace_of(ctx).told,
    )  # fmt: skip
    return now, await started(ctx, target.server, spec)


async def _followed(ctx: StepContext, target: End, noted: Begun, *, heard: int) -> Outcome:
    seen = Heard()

    def fed(data: bytes) -> None:
        for line in data.splitlines(keepends=True):  # the end of the conversion may come together with the comparison's
            seen.feed(line)
            if seen.size:
                ctx.progress(seen.phase, seen.done, seen.size)

    ctx.progress("convert", 0)
    report = await to_its_end(ctx, target.server, noted.job, target.become, fed, heard=heard, err=noted.err)
    if report.phase != "ended":
        return Outcome("failed", transient=True, error=f"the conversion was lost on {target.server} ({report.phase})")
    return _judged(ctx, target, noted, report)


def _judged(ctx: StepContext, target: End, noted: Begun, report: JobReport) -> Outcome:
    place = f"{target.server}:{noted.out}"
    detail = {**noted.copied, "converted": noted.out}
    if report.how == "cancelled":
        return Outcome("cancelled", report.exit, "cancelled; the copied image stays", detail=noted.copied)
    if report.how:
        return Outcome("failed", report.exit, HOW.get(report.how, report.how), report.how == "locked", noted.copied)
    match report.exit:
        case 0:
            return Outcome("done", 0, detail=detail)
        case _ if report.exit == LOST:
            text = f"{target.server} did not get all of {noted.out} to its disk: mend the disk; the copied image stays"
        case _ if report.exit == FOREIGN:
            text = f"{place} came to be while this was made, and is left as it is"
        case _ if report.exit == DIFFERS:
            text = f"what qemu-img made of {noted.image} is not identical with it: {place} was not made"
        case _:
            text = f"qemu-img could not make {place} (exit {report.exit}): its words are in the log"
    return Outcome("failed", report.exit, report.error or text, detail=noted.copied)


def _wanted(ctx: StepContext) -> str:
    action = ctx.step.action
    assert isinstance(action, Copy) and action.convert is not None
    return action.convert


def _fill(script: str, image: str, out: str, to: str) -> str:
    folder, name = posixpath.split(out)
    part, mark = posixpath.join(folder, f".{name}.cockpit-part"), posixpath.join(folder, f".{name}.cockpit")
    for word, value in (("IMAGE", image), ("OUT", out), ("PART", part), ("MARK", mark)):
        script = script.replace(f"__{word}__", quote(value))
    return script.replace("__FROM__", format_of(image)).replace("__TO__", to)
