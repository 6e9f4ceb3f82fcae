"""``agekit compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
        _print(answer)
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


def _print(answer: dict[str, Any]) -> None:
    """The figures of each model, then each but the first beside it, on each part of the faces."""
    from agekit_bench.report.format import ends, signed
    from agekit_bench.stats.intervals import Interval

    def between(figure: str, pair: list[float]) -> str:
        return f"{figure} ({ends(Interval(*pair))})"

    title = f"{answer['protocol']}, {answer['split']}, {answer['n']:,} faces"
    rows = [
        [
            m["model"],
            between(f"{m['mae']:.2f}", m["interval"]),
            signed(m["bias"]),
            f"{100 * m['coverage']:.1f}",
        ]
        for m in answer["models"]
    ]
    heads = ["model", "MAE, 95 %", "bias", "coverage, %"]
    print_table(heads, rows, title=f"{title} (split {answer['split_hash']})")
    words = {True: "errs less", False: "errs more", None: "cannot be told"}
    first, *others = [m["model"] for m in answer["models"]]
    for k, name in enumerate(others):
        click.echo("")
        rows = []
        for part in ({"name": "all", **answer}, *answer["parts"]):
            one = part["differences"][k]
            errors = [f"{part['models'][i]['mae']:.2f}" for i in (0, k + 1)]
            apart = between(signed(one["by"]), one["interval"])
            rows.append([part["name"], f"{part['n']:,}", *errors, apart, words[one["errs_less"]]])
        heads = ["faces", "n", first, name, "apart, 95 %", ""]
        print_table(heads, rows, title=f"MAE of {name} beside {first}")
