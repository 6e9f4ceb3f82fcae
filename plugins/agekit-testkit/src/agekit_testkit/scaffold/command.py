"""`agekit plugins new`: the start of a plugin."""

from __future__ import annotations

from pathlib import Path

import click

from agekit.cli import agekit
from agekit.cli.options import json_option
from agekit.cli.output import emit_json
from agekit.errors import ConfigError
from agekit_testkit.scaffold.names import name_plugin
from agekit_testkit.scaffold.parts import PARTS
from agekit_testkit.scaffold.write import LICENCE, write_plugin

__all__ = ["new"]


@click.command(short_help="Write a plugin that works, to begin with.")
@click.argument("name")
@click.option(
    "--part",
    type=click.Choice([*PARTS]),
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
    click.echo("  python -m pip install --upgrade pip  # --group needs 25.1")
    click.echo("  pip install -e . --group dev")
    click.echo("  pytest")
