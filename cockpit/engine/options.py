"""What a session was started with, beside its plan: kept in its directory, read by the engine that starts its first night."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cockpit.journal.lease import SessionDir
from cockpit.plan.model import Plan, Script

OPTIONS = "start.json"
TRUSTED = "trusted_hosts"  # the session's copy of PLAN.known_hosts


@dataclass(frozen=True, slots=True)
class Options:
    person: str
    mode: str = "live"  # live | dry-run
    inputs: Mapping[str, str] = field(default_factory=dict)  # never a secret one

    @classmethod
    def read(cls, session: SessionDir) -> Options:
        return cls(**json.loads((session.path / OPTIONS).read_text()))


def create_session(plan: Plan, options: Options) -> SessionDir:
    """A session directory with the frozen plan, its scripts, the host keys that `cockpit trust` wrote beside it, and the options:
    all of it before anybody can see it, for a session that lacks a part could not be resumed."""
    trusted = trust_file(Path(plan.path))
    beside = {OPTIONS: json.dumps(asdict(options)).encode()} | ({TRUSTED: trusted.read_bytes()} if trusted.exists() else {})
    return SessionDir.create(plan.name, plan.text, plan_files(plan), beside=beside)


def keep_trusted(session: SessionDir, plan: Plan) -> None:
    """The session's own copy of what `cockpit trust` wrote beside this plan."""
    trusted = trust_file(Path(plan.path))
    if trusted.exists():
        (session.path / TRUSTED).write_bytes(trusted.read_bytes())


def trust_file(plan: Path) -> Path:
    """Where `cockpit trust` keeps the host keys of a plan."""
    return plan.with_name(plan.name + ".known_hosts")


def known_hosts(session: SessionDir) -> list[Path]:
    """What this night believes of host keys, beside what it accepts itself; any of them may come to be only later."""
    return [session.path / TRUSTED, Path("~/.ssh/known_hosts").expanduser(), Path("/etc/ssh/ssh_known_hosts")]


def plan_files(plan: Plan) -> dict[str, bytes]:
    """The scripts that a plan names, by the path that it gives them."""
    steps = (*plan.steps, *plan.backout)
    names = {s.action.path for s in steps if isinstance(s.action, Script)}
    return {name: (Path(plan.path).parent / name).read_bytes() for name in names}
