"""Which function runs which kind of step. Gates and manual steps are a person's: they have none."""

from __future__ import annotations

from collections.abc import Mapping

from cockpit.steps import reboot, run, wait
from cockpit.steps.api import StepKind
from cockpit.steps.copy import run as copy
from cockpit.steps.run import undo
from cockpit.steps.verify import step as verify

KINDS: Mapping[str, StepKind] = {
    "run": run.run,
    "script": run.script,
    "copy": copy,
    "verify": verify.run,
    "wait": wait.run,
    "reboot": reboot.run,
}
ON_SERVER = frozenset({"run", "script"})  # their timeout is kept by the wrapper on the server

__all__ = ["KINDS", "ON_SERVER", "undo"]
