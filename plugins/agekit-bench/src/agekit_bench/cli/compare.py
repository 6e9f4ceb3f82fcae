"""``agekit compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agekit.cli.dataset_options import (
    as_chips_option,
    columns_option,
    protocol_option,
    roots_option,
    split_option,
)
from agekit.cli.options import check_png, device_option, json_option
from agekit.cli.output import (
    STDOUT,
    check_table,
    console,
    csv_table,
    emit_json,
    only_json_on_stdout,
    print_table,
    printable,
)

if TYPE_CHECKING:
    from agekit_bench.compare import ModelComparison

__all__ = ["compare"]


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL MODEL...")
@click.argument("dataset")
@roots_option
@columns_option
@protocol_option
@as_chips_option
@split_option
@click.option(
    "--plot",
    callback=check_png,
    metavar="FILE.png",
    help="Draw the differences, over all faces and on each part of them.",
)
@click.option(
    "--csv",
    "table",
    metavar="FILE",
    help="Write a row a face: path, true age, and what each model estimates; - is stdout.",
)
@device_option
@json_option
def compare(
    models: tuple[str, ...],
    dataset: str,
    plot: Path | None,
    table: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Compare models on the same faces of DATASET.

    MODEL is a name of the zoo, a model folder or a run folder, of an estimator. All are shown the
    same split, and the errors of each are paired with those of the first face by face: how far they
    lie apart, with an interval of 95 %, over all faces and by age, gender and group. A model that
    was trained on some of the faces is named as such.
    """
    from agekit_bench.compare import compare_models

    if len(models) < 2:
        raise click.UsageError("name two models or more, and then the dataset.")
    if twice := next((name for name in models if models.count(name) > 1), None):
        raise click.UsageError(f"{twice} is named twice.")
    check_table(table, as_json)
    with only_json_on_stdout(as_json or table == STDOUT):
        found = compare_models(models, dataset, console=console(), **options)
        if plot is not None:
            from agekit_bench.difference_plot import draw_differences

            draw_differences(plot, found)
    if table is not None:
        with csv_table(table, found.columns) as write:
            for row in found.rows():
                write(row)
    answer = found.to_json()
    if as_json:
        emit_json(answer)
    elif table != STDOUT:
        _print(answer, found)
        for path in filter(None, (table, plot)):
            click.echo(printable(str(path)))
    for remark in answer["remarks"]:
        click.echo(f"note: {remark}", err=True)
    if not as_json:
        click.echo(
            "note: intervals are over faces alone: another training of the same recipe may "
            "turn a small difference round; see `agekit bench`",
            err=True,
        )


def _print(answer: dict[str, Any], found: ModelComparison) -> None:
    """The figures of each model, then their errors on each part."""
    from agekit_bench.report.format import ends, signed
    from agekit_bench.stats.intervals import Interval

    def between(pair: list[float]) -> str:
        return ends(Interval(*pair))

    def told(one: dict[str, Any] | None) -> list[str]:
        if one is None:
            return ["", "", ""]
        words = {True: "errs less", False: "errs more", None: "cannot be told"}
        return [signed(one["by"]), between(one["interval"]), words[one["errs_less"]]]

    title = f"{answer['protocol']}, {answer['split']}, {answer['n']:,} faces"
    differences = [None, *answer["differences"]]
    rows = [
        [
            m["model"],
            f"{m['mae']:.2f}",
            between(m["interval"]),
            signed(m["bias"]),
            f"{100 * m['coverage']:.1f}",
            *told(one),
        ]
        for m, one in zip(answer["models"], differences, strict=True)
    ]
    heads = ["model", "MAE", "95 %", "bias", "coverage, %", f"to {answer['baseline']}", "95 %", ""]
    print_table(heads, rows, title=f"{title} (split {answer['split_hash']})")
    click.echo("")
    names = [m["model"] for m in answer["models"]]
    rows = [
        [
            part["name"],
            f"{part['n']:,}",
            *(f"{m['mae']:.2f}" for m in part["models"]),
            *(cell for one in part["differences"] for cell in told(one)),
        ]
        for part in answer["parts"]
    ]
    heads = ["faces", "n", *(f"MAE {name}" for name in names)]
    heads += [head for name in names[1:] for head in (f"{name} to {names[0]}", "95 %", "")]
    print_table(heads, rows)
