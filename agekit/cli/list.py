"""`agekit list`: every installed part, from metadata alone."""

from __future__ import annotations

from collections import Counter

import click

from agekit.cli.options import json_option
from agekit.cli.output import emit_json
from agekit.discovery import API_VERSION, OLDEST_API, Entry, distributions, entries
from agekit.errors import nearest
from agekit.kinds import KINDS

__all__ = ["list_"]

_PLURALS = {kind: row.plural for kind, row in KINDS.items()}


def _parse_kind(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> str | None:
    if value is None or value in _PLURALS:
        return value
    for kind, plural in _PLURALS.items():
        if value == plural:
            return kind
    plurals = list(_PLURALS.values())
    raise click.BadParameter(
        f"no kind {value!r}{nearest(value, plurals) or '.'} Kinds: {', '.join(plurals)}."
    )


@click.command(
    "list",
    help=f"""List the installed parts and recipes.

    KIND shows one kind of them: {", ".join(_PLURALS.values())}. No plugin is imported.
    """,
)
@click.argument("kind", required=False, callback=_parse_kind)
@json_option
def list_(kind: str | None, as_json: bool) -> None:
    """List the installed parts and recipes."""
    from agekit.cli import agekit

    found = entries(kind)
    given = Counter((entry.kind, entry.name) for entry in found)
    given.update(("command", name) for name in agekit.table)
    if as_json:
        emit_json(
            [
                {
                    "kind": entry.kind,
                    "name": entry.name,
                    "distribution": entry.distribution,
                    "version": entry.version,
                    "conflict": given[entry.kind, entry.name] > 1,
                }
                for entry in found
            ]
        )
        return
    rows = {
        one: [_row(entry, given[one, entry.name] > 1) for entry in found if entry.kind == one]
        for one in ([kind] if kind else KINDS)
    }
    for one, body in rows.items():
        if family := KINDS[one].family:
            body.append((family.pattern, family.title, ""))
    click.echo("\n\n".join(_section(_PLURALS[one], body) for one, body in rows.items()))
    off = [distribution.name for distribution in distributions() if distribution.disabled]
    if off:
        click.echo(f"disabled by AGEKIT_DISABLE_PLUGINS: {', '.join(off)}", err=True)


def _row(entry: Entry, conflict: bool) -> tuple[str, str, str]:
    remarks = []
    if conflict:
        remarks.append(f"conflict: say {entry.distribution}:{entry.name}")
    if not OLDEST_API <= entry.api <= API_VERSION:
        remarks.append(f"unusable: written for plugin interface {entry.api}")
    return entry.name, entry.provider, "; ".join(remarks)


def _section(title: str, rows: list[tuple[str, str, str]]) -> str:
    if not rows:
        return f"{click.style(title, bold=True)}\n  (none installed)"
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = (
        f"  {name:<{widths[0]}}  {giver:<{widths[1]}}  {remark}".rstrip()
        for name, giver, remark in rows
    )
    return "\n".join([click.style(title, bold=True), *lines])
