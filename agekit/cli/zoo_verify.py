"""``agekit zoo verify``: whether models' files are what the index says, and the models too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agekit.cli._output import emit_json, json_option, only_json_on_stdout

if TYPE_CHECKING:
    from agekit.zoo.index import Known

__all__ = ["verify"]


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="Verify every model of the index that is here.")
@json_option
def verify(names: tuple[str, ...], every: bool, as_json: bool) -> None:
    """Verify models, with no network.

    NAME is a name of the zoo, or a model or run folder. Sizes and SHA-256 of the files are
    compared with the index, the header of the weights and the configuration are checked, names and
    shapes of the weights compared with the network of the recipe's parts, and the network is run
    on a fixed input whose output the index has. Exits with 1 if anything is wrong.
    """
    if bool(names) == every:
        raise click.UsageError("name models, or give --all.")
