"""`agekit plugins`: what is installed, whether it works, and the start of a new one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from agekit.cli._doctor import DoctorReport, examine
from agekit.cli.options import json_option
from agekit.cli.output import emit_json, print_table
from agekit.discovery import distributions
from agekit.errors import ConfigError, counted
from agekit.kinds import KINDS
from agekit.scaffold.names import name_plugin
from agekit.scaffold.write import LICENCE, PARTS, write_plugin

__all__ = ["plugins"]

_WIDTH = max(map(len, KINDS))


@click.group()
def plugins() -> None:
    """List and check the installed plugins, or begin one."""


@plugins.command("list", short_help="List the installed distributions and what each gives.")
@json_option
def list_(as_json: bool) -> None:
    """List the distributions that give parts, and what each gives; imports none."""
    found = distributions()
    if as_json:
        emit_json(
            [
                {
                    "name": one.name,
                    "version": one.version,
                    "api": one.api,
                    "summary": one.summary,
                    "disabled": one.disabled,
                    "parts": one.parts,
                }
                for one in found
            ]
        )
        return
    for one in found:
        state = " (disabled)" if one.disabled else ""
        click.echo(
            f"{click.style(one.name, bold=True)} {one.version}{state}  {one.summary}".rstrip()
        )
        for kind, names in one.parts.items():
            if names:
                click.echo(f"  {kind:<{_WIDTH}} {', '.join(names)}")


@plugins.command("doctor", short_help="Import and check every part; exit 1 on a failure.")
@click.argument("distribution", nargs=-1)
@click.option(
    "--check/--no-check",
    default=True,
    show_default=True,
    help="Run the check of each part's kind (agekit.testing), or import the parts only.",
)
@click.option(
    "--limit",
    type=click.FloatRange(1, 3600),
    default=120,
    show_default=True,
    metavar="SECONDS",
    help="How long one part may take.",
)
@json_option
def doctor(distribution: tuple[str, ...], check: bool, limit: float, as_json: bool) -> None:
    """Import and check every part of every plugin, each plugin in its own process.

    Exits 1 where one fails. DISTRIBUTION limits it to some, such as the plugin you are writing.
    """
    report = examine(distribution, check=check, limit=limit)
    if as_json:
        emit_json(report)
    else:
        _print(report)
    if not report.ok:
        raise click.exceptions.Exit(1)


def _print(report: DoctorReport) -> None:
    """Prints the table of findings, then each error with its hint, to stdout."""
    columns = ("distribution", "version", "group", "name", "status", "check")
    print_table(
        ["distribution", "version", "part", "name", "status", "check"],
        [[getattr(finding, column) for column in columns] for finding in report.findings],
    )
    parts = [f for f in report.findings if f.group]
    lacking = Counter(f.hint for f in parts if f.status == "warning")
    for finding in report.findings:
        if not finding.error:
            continue
        alike = 1
        if finding.group and finding.status == "warning":
            # One library that is missing is told once, whatever the number of its parts.
            alike = lacking.pop(finding.hint, 0)
        if alike:
            more = f"; {alike - 1} more need that extra" if alike > 1 else ""
            click.echo(f"\n{finding.status}: {finding.error}{more}")
            if finding.hint:
                click.echo(f"  hint: {finding.hint}")
    counts = Counter(f.status for f in parts)
    checked = Counter(f.check.partition(":")[0] for f in parts if f.check)
    told = [f"{count} {what}" for what, count in counts.items()]
    told += [f"{counted(count, 'check')} {what}" for what, count in checked.items()]
    click.echo(f"\n{counted(len(parts), 'part')}: {', '.join(told) or 'none'}")


@plugins.command("new", short_help="Write a plugin that works, to begin with.")
@click.argument("name")
@click.option(
    "--part",
    type=click.Choice(PARTS),
    default="loss",
    show_default=True,
    help="What the plugin gives, to begin with.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The folder to make; else ./agekit-NAME.",
)
@json_option
def new(name: str, part: str, out: Path | None, as_json: bool) -> None:
    """Write a plugin that works: NAME, with one part, a test of it and all a package needs.

    NAME gets the prefix agekit- where it lacks it. The plugin installs, passes its tests, and its
    part can be named in recipes and suites at once; change it into your own.
    """
    from agekit.cli import agekit

    names = name_plugin(name, part)
    if part == "command" and names.part in agekit.table:
        raise ConfigError(f"agekit has a command {names.part!r} of its own", "choose another name")
    folder = Path(names.distribution) if out is None else out
    files = write_plugin(names, folder)
    if as_json:
        emit_json(
            {
                "distribution": names.distribution,
                "package": names.package,
                "kind": names.kind,
                "name": names.part,
                "folder": folder,
                "files": files,
            }
        )
        return
    click.echo(f"{folder}: {names.distribution}, with the {names.kind} {names.part!r}")
    for file in files:
        click.echo(f"  {file}")
    click.echo(f"its licence is {LICENCE}: for another, change LICENSE and pyproject.toml")
    click.echo("next:")
    click.echo(f"  cd {folder}")
    click.echo("  pip install -e .")
    click.echo(f"  agekit plugins doctor {names.distribution}")
    click.echo("  pytest")
