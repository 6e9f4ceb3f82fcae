"""`agekit plugins`: what is installed, whether it works, and the start of a new one."""

from __future__ import annotations

import click

from agekit.cli.options import json_option
from agekit.cli.output import emit_json
from agekit.cli.plugins_new import new
from agekit.discovery import distributions
from agekit.kinds import KINDS

__all__ = ["plugins"]

_WIDTH = max(map(len, KINDS))


@click.group()
def plugins() -> None:
    """List and check the installed plugins, or begin one."""


plugins.add_command(new)


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
    from agekit.cli._doctor import examine

    report = examine(distribution, check=check, limit=limit)
    if as_json:
        emit_json(report)
    else:
        report.print()
    if not report.ok:
        raise click.exceptions.Exit(1)
