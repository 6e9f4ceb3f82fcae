"""`agekit plugins doctor`: every part of every plugin imported and checked."""

from __future__ import annotations

from collections import Counter

import click

from agekit.cli.options import FloatRange, json_option
from agekit.cli.output import emit_json, print_table
from agekit.errors import counted
from agekit_testkit.doctor.examine import DoctorReport, examine

__all__ = ["doctor"]


@click.command(short_help="Import and check every part; exit 1 on a failure.")
@click.argument("distribution", nargs=-1)
@click.option(
    "--check/--no-check",
    default=True,
    show_default=True,
    help="Run the check of each part's kind (agekit_testkit), or import the parts only.",
)
@click.option(
    "--limit",
    type=FloatRange(1, 3600),
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
