"""``agekit train``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from agekit.cli.dataset_options import Domains, dataset_options
from agekit.cli.options import (
    device_option,
    given,
    json_option,
    seed_option,
    set_option,
)
from agekit.cli.output import emit_json, only_json_on_stdout, print_table
from agekit.errors import ConfigError
from agekit.extras import LOGS, require
from agekit.recipe import resolve

__all__ = ["train"]

_COLUMN = "data.columns."
"""The beginning of a setting that is of the dataset, not of the recipe: as ``--columns`` has it."""
_SETTINGS = {
    "--domains": "data.domains",
    "--where": "data.where",
    "--generations": "'generations'",
}
"""What mistakes of a recipe say where it lacks the setting of an option."""
_LACKS = ("there is no such key", "there is no key", "has no argument")
_TITLES = {"mae": "MAE", "cycle_young": "cycle error, young", "cycle_old": "old"}
"""The metrics that are shown at the end, and what they are called."""


@click.command()
@click.argument("recipe", required=False)
@click.argument("dataset", required=False)
@dataset_options
@click.option("--preset", metavar="NAME", help="One of the recipe's presets, such as quick.")
@click.option("--epochs", type=click.IntRange(1), help="Epochs of each generation.")
@click.option("--generations", type=click.IntRange(1), help="Generations of the evolution.")
@click.option(
    "--init", metavar="MODEL", help="Start from the weights of a run, a model or a state dict."
)
@click.option(
    "--detector",
    metavar="NAME",
    help="What measures where faces lie in images that do not say it; else that of --init, mtcnn.",
)
@set_option
@device_option
@seed_option
@click.option(
    "--out",
    metavar="RUN",
    type=click.Path(path_type=Path),
    help="The run's folder; else a new one in runs/.",
)
@click.option(
    "--resume",
    "resumed",
    metavar="RUN",
    type=click.Path(path_type=Path),
    help="Go on with a run: with a stopped one to the same result; with any one beyond its end, "
    "by more --epochs or --generations.",
)
@click.option(
    "--log",
    "logs",
    multiple=True,
    type=click.Choice(LOGS),
    help="Write losses, learning rate and errors for one of these too; may be repeated.",
)
@json_option
def train(
    recipe: str | None,
    dataset: str | None,
    resumed: Path | None,
    as_json: bool,
    settings: tuple[str, ...],
    domains: Domains | None,
    where: dict[str, str],
    **options: Any,
) -> None:
    """Train RECIPE on DATASET.

    RECIPE is a method and a backbone (cen-resnet18, cen-timm/convnext_tiny), a method that ages
    faces (cyclegan), or a YAML file. DATASET is one of `agekit list datasets`.
    """
    if resumed is None and (recipe is None or dataset is None):
        raise click.UsageError("name a RECIPE and a DATASET, or go on with --resume RUN")
    if resumed is not None:
        if recipe is not None or dataset is not None:
            raise click.UsageError("--resume RUN takes no RECIPE and no DATASET: the run has them")
        known = ("resumed", "epochs", "generations", "device", "as_json")
        if others := given(but=known):
            raise click.UsageError(
                f"--resume RUN takes no {', '.join(others)}: the run has what it was begun with; "
                "only --epochs, --generations, --device and --json go with it"
            )
    if options["out"] is not None and options["out"].is_file():
        raise click.UsageError(f"--out {options['out']} is not a folder.")
    named = [text.removeprefix(_COLUMN) for text in settings if text.startswith(_COLUMN)]
    options["columns"] |= dict(pair.split("=", 1) for pair in named)
    settings = tuple(text for text in settings if not text.startswith(_COLUMN))
    settings += tuple(f"data.where.{key}={value}" for key, value in where.items())
    if domains is not None:
        settings += (f"data.domains={[list(domain) for domain in domains]}",)
    require("train", "training")
    resolved = None
    if resumed is None:
        assert recipe is not None
        with _naming_options():
            resolved = resolve(
                recipe,
                dataset=dataset,
                preset=options["preset"],
                epochs=options["epochs"],
                generations=options["generations"],
                overrides=settings,
            )
    from rich.console import Console

    from agekit.device import rank_and_world
    from agekit.training.resume import resume as resume_run
    from agekit.training.train import train as train_run

    console = Console(stderr=as_json)
    with only_json_on_stdout(as_json), _in_processes():
        if resumed is not None:
            more = {key: options[key] for key in ("epochs", "generations", "device")}
            result = resume_run(resumed, **more, console=console)
        else:
            assert resolved is not None and dataset is not None
            result = train_run(resolved, dataset, overrides=settings, console=console, **options)
        main = rank_and_world()[0] == 0
    if not main:
        return
    if as_json:
        emit_json(result.to_json())
        return
    scores = [
        (f"{split} {_TITLES.get(name, name.replace('_', ' '))}", split, name)
        for split in ("val", "test")
        for name in _shown(result.metrics.get(split, {}))
    ]
    rows = [
        [g.generation, *(f"{g.metrics[split][name]:.2f}" for _, split, name in scores)]
        for g in result.generations
    ]
    print_table(["generation", *(title for title, _, _ in scores)], rows)
    click.echo(f"model: {result.model}")


def _shown(metrics: Mapping[str, Any]) -> list[str]:
    """The figures of a split that are shown: those that have a title, or else all."""
    known = [name for name in _TITLES if name in metrics]
    return known or [name for name, value in metrics.items() if isinstance(value, float)]


@contextmanager
def _in_processes() -> Iterator[None]:
    """Leaves the process group that a training joined; one that fails waits for nobody."""
    from agekit.device import close_processes

    try:
        yield
    except BaseException:
        close_processes(together=False)
        raise
    close_processes()


@contextmanager
def _naming_options() -> Iterator[None]:
    """Says of a setting that a recipe lacks by which option it came.

    Raises:
        ConfigError: the recipe has mistakes.
    """
    try:
        yield
    except ConfigError as error:
        lacking = [line for line in error.mistakes if any(text in line for text in _LACKS)]
        asked = [
            option
            for option in given()
            if option in _SETTINGS and any(_SETTINGS[option] in line for line in lacking)
        ]
        if not asked:
            raise
        hint = f"leave out {', '.join(asked)}, which this recipe has no use for"
        raise ConfigError(error.mistakes, hint, error.where) from error
