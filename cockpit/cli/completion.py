"""completion: the shell's own script that completes cockpit's commands and options, by click's mechanism."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from cockpit.cli.errors import MEND, plainly, stop

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_COCKPIT_COMPLETE"
USE = {
    "bash": 'add to ~/.bashrc:  eval "$(cockpit completion bash)"',
    "zsh": 'add to ~/.zshrc, after compinit:  eval "$(cockpit completion zsh)"',
    "fish": "once:  cockpit completion fish > ~/.config/fish/completions/cockpit.fish",
}


@click.command("completion", epilog='Example: eval "$(cockpit completion bash)"')
@click.argument("shell", required=False, type=click.Choice(SHELLS))
@click.pass_context
@plainly
def completion(context: click.Context, shell: str | None) -> None:
    """Print the script that completes commands for SHELL (left out: the one in $SHELL). Its first line says how to use it."""
    name = shell or Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        stop(MEND, f"completion is offered for {', '.join(SHELLS)}: name one, as in cockpit completion bash")
    kind = get_completion_class(name)
    assert kind is not None
    script = kind(context.find_root().command, {}, "cockpit", VARIABLE).source()
    click.echo(f"# {USE[name]}\n{script}")
