"""report: what a night was, as Markdown or as one HTML file that needs nothing else. Only reads."""

from __future__ import annotations

import os
import re
import time
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import click
from jinja2 import Environment, StrictUndefined

from cockpit import __version__
from cockpit.cli.errors import MEND, plainly, stop
from cockpit.journal.clock import LiveClock
from cockpit.journal.lanes import Lanes
from cockpit.journal.lease import SessionDir
from cockpit.journal.reader import Reader
from cockpit.state.tail import Tail
from cockpit.units import rfc3339
from cockpit.views import foretold
from cockpit.views.night import NightBuilder
from cockpit.views.paper import Report, Section
from cockpit.views.report import report as report_of

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~&])")


@click.command("report", epilog="Example: cockpit report 20261127 -o night.html")
@click.argument("session", required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE",
              help="A .html or .md file; left out, Markdown to stdout.")
@plainly
def report(session: str | None, output: Path | None) -> None:
    """Planned against actual, transfers, proofs, decisions and who made them."""
    if output is not None and output.suffix not in (".html", ".md"):
        stop(MEND, f"{output} is neither .html nor .md: give a name that ends in one of them")
    made = read_report(SessionDir.find(session))
    if output is None:
        click.echo(markdown(made), nl=False)
        return
    try:
        _write(output, html(made) if output.suffix == ".html" else markdown(made))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as problem:
        stop(MEND, f"{output} can't be written: {problem.strerror}; give a path in a directory where you may write")
    click.echo(f"{output} written")


def read_report(session: SessionDir) -> Report:
    """From the journal alone, as it is now. JournalProblem."""
    with closing(Reader.open(session.journal_path)) as reader:
        night = NightBuilder(Tail(reader), reader, LiveClock(since=reader.newest())).night()
        series = [foretold.NIGHT, *(f"{foretold.NIGHT}/{t.id}" for t in night.state.tasks.values() if t.kind == "copy")]
        return report_of(night, Lanes(reader).facts(), {name: reader.samples(name, 0.0, night.now) for name in series})


def markdown(report: Report) -> str:
    parts = [f"# {_escaped(report.title)}"]
    for section in report.sections:
        parts += [f"## {_escaped(section.title)}", *map(_escaped, section.words), *_table(section)]
    return "\n\n".join([*parts, _escaped(_made())]) + "\n"


def _table(section: Section) -> list[str]:
    if section.table is None or not section.table.rows:
        return []
    titles = [column.title for column in section.table.columns]
    rows = [titles, ["---"] * len(titles), *([_escaped(c.text) for c in row.cells] for row in section.table.rows)]
    return ["\n".join(f"| {' | '.join(row)} |" for row in rows)]


def _escaped(text: str) -> str:
    """Words are words: nothing that a server or a person wrote becomes markup, a link or another column."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def html(report: Report) -> str:
    """One file: no script, no font, nothing fetched."""
    page = (files("cockpit.cli") / "report.html").read_text()
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(page)
    return template.render(report=report, made=_made())


def _made() -> str:
    return f"Made by cockpit {__version__} at {rfc3339(time.time())} from the session's journal."


def _write(path: Path, text: str) -> None:
    """Whole or not at all: a reader never finds half a report."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
