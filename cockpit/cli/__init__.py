"""The command line: thin commands over the rooms. `cockpit --help` lists them."""

from __future__ import annotations

import importlib
import io
import sys

import click

from cockpit import __version__
from cockpit.plan.problems import nearest

# Where each command lives: imported only when it is asked for, since Textual and asyncssh are slow to import.
COMMANDS = {
    "demo": "cockpit.cli.demo:demo",
    "new": "cockpit.cli.plans:new",
    "check": "cockpit.cli.plans:check",
    "preflight": "cockpit.cli.contact:preflight",
    "trust": "cockpit.cli.contact:trust",
    "run": "cockpit.cli.night:run",
    "attach": "cockpit.cli.screens:attach",
    "watch": "cockpit.cli.screens:watch",
    "resume": "cockpit.cli.night:resume",
    "replay": "cockpit.cli.screens:replay",
    "stop": "cockpit.cli.night:stop_engine",
    "sessions": "cockpit.cli.look:sessions",
    "status": "cockpit.cli.look:status",
    "log": "cockpit.cli.look:log",
    "do": "cockpit.cli.command:do",
    "amend": "cockpit.cli.command:amend",
    "report": "cockpit.cli.report:report",
    "doctor": "cockpit.cli.doctor:doctor",
    "completion": "cockpit.cli.completion:completion",
}


class Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        place = COMMANDS.get(name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str],
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"there is no command {args[0]!r}; {nearest(args[0], COMMANDS, write='did you mean {!r}?')}")
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cockpit")
def main() -> None:
    """Move servers at night, from one screen: plan, copy, prove, and know whether the business will open on time."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name that this terminal's encoding does not have is no reason to fail
        sys.stdout.reconfigure(errors="backslashreplace")
