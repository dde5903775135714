"""check and new: a plan on paper. Contacts no server and starts nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from cockpit.cli.errors import FAILED, MEND, document, plainly, stop
from cockpit.plan.describe import check_lines, check_report, problems_report
from cockpit.plan.inventory import InventoryProblem, from_inventory, from_ssh_config
from cockpit.plan.model import Server
from cockpit.plan.new import new_plan
from cockpit.plan.problems import PlanProblems
from cockpit.plan.reader import load
from cockpit.units import format_duration, plural

SSH_CONFIG = "~/.ssh/config"
OTHERWISE = ("nothing was written. Leave --from-ssh-config away and write the servers into the plan, "
             "or take them from an Ansible inventory with --from-inventory FILE")


@click.command("check", epilog="Example: cockpit check night.toml --json | jq '.critical'")
@click.argument("plan_path", metavar="PLAN", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document: the schedule, or the problems.")
@plainly
def check(plan_path: Path, as_json: bool) -> None:
    """Every problem of PLAN at once; else its schedule as if it started now: start and end of each task, what it needs,
    the critical path and the slack, and warnings, for which it still exits with 0.

    Exit 2 when the plan has problems, 1 when it can't be done before the window closes."""
    try:
        plan = load(plan_path)
    except PlanProblems as problems:
        if not as_json:
            raise
        document(problems_report(str(plan_path), problems.problems))
        raise SystemExit(MEND) from None
    now = time.time()
    report = check_report(plan, now)
    if as_json:
        document(report)
    else:
        click.echo("\n".join(check_lines(plan, now)))
    if report["slack_s"] < 0:
        late = format_duration(-report["slack_s"])
        stop(FAILED, f"started now, this night ends {late} after its window closes: shorten what stands on the critical path, "
                     "begin earlier, or move what may come later to stage = \"after\"")


@click.command("new", epilog="Example: cockpit new night.toml --from-inventory hosts.yml")
@click.argument("plan_path", metavar="PLAN", type=click.Path(path_type=Path))
@click.option("--from-ssh-config", is_flag=True, help="A server for every host of ~/.ssh/config.")
@click.option("--from-inventory", type=click.Path(path_type=Path), metavar="FILE",
              help="A server for every host of an Ansible inventory (INI or YAML), its groups as tags.")
@plainly
def new(plan_path: Path, from_ssh_config: bool, from_inventory: Path | None) -> None:
    """Write a commented starting plan to PLAN. Never overwrites."""
    try:
        servers = _servers(from_ssh_config, from_inventory)
    except InventoryProblem as problem:
        stop(MEND, str(problem))
    try:
        with plan_path.open("x", encoding="utf-8") as file:
            file.write(new_plan(servers))
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        stop(MEND, f"{plan_path} is there already and is not overwritten; give another name, or move it away first")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as problem:
        stop(MEND, f"{plan_path} can't be written: {problem.strerror}; give a path in a directory where you may write")
    click.echo(f"{plan_path} written with {plural(len(servers), 'server')}. Next: edit it, then cockpit check {plan_path}")


def _servers(from_config: bool, inventory: Path | None) -> list[Server]:
    """Of both sources where both are asked for; one that both name is taken from the inventory, which knows more."""
    found: dict[str, Server] = {}
    if from_config:
        found = {server.name: server for server in _configured(Path(SSH_CONFIG).expanduser())}
    if inventory is not None:
        mine = from_inventory(inventory)
        if not mine:
            raise InventoryProblem(f"{inventory} names no host; nothing was written")
        found |= {server.name: server for server in mine}
    return list(found.values())


def _configured(path: Path) -> list[Server]:
    try:
        servers = from_ssh_config(path)
    except InventoryProblem as problem:
        raise InventoryProblem(f"{problem}; {OTHERWISE}") from None
    if not servers:
        raise InventoryProblem(f"{path} names no host (patterns are passed over); {OTHERWISE}")
    return servers
