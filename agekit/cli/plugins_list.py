"""`agekit plugins list`: what is installed, and what each distribution gives."""

from __future__ import annotations

import click

from agekit.cli.options import json_option
from agekit.cli.output import emit_json
from agekit.discovery import distributions
from agekit.kinds import KINDS

__all__ = ["list_"]

_WIDTH = max(map(len, KINDS))


@click.command("list")
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
