"""``agekit search``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agekit.atomic import make_folders, remove_folders
from agekit.cli.options import json_option
from agekit.cli.output import console as make_console
from agekit.cli.output import only_json_on_stdout, say
from agekit.data.home import locked
from agekit.errors import ConfigError, ModelError, TrainingError, counted
from agekit.extras import package_module, require
from agekit.progress import ProgressBar, print_line
from agekit_search.asked import Asked
from agekit_search.options import training_options
from agekit_search.space import Choice, Range

if TYPE_CHECKING:
    from agekit_search.answer import Answer
    from agekit_search.trials import Search

__all__ = ["search"]

_LOCK = ".lock"
_STAMP = len("2000-01-01 00:00:00 ")
"""Before each line of a run's log."""


def _parse_ranges(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> list[Range]:
    return [_parsed(Range, value) for value in values]


def _parse_choices(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> list[Choice]:
    return [_parsed(Choice, value) for value in values]


def _parsed(kind: Any, value: str) -> Any:
    try:
        return kind.parse(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


@click.command()
@click.option(
    "--set-range",
    "ranges",
    multiple=True,
    callback=_parse_ranges,
    metavar="A.B=LOW..HIGH[:log]",
    help="Search a number of the recipe, :log by its logarithm; may be repeated. Without this and "
    "--choice: learning rate, weight decay and the strength of random crops.",
)
@click.option(
    "--choice",
    "choices",
    multiple=True,
    callback=_parse_choices,
    metavar="A.B=V,W,...",
    help="Search which of some values is best; may be repeated.",
)
@click.option(
    "--trials",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="How many, those counted that --out holds already.",
)
@click.option("--epochs", type=click.IntRange(1), help="Epochs of each generation in a trial.")
@click.option("--generations", type=click.IntRange(1), help="Generations of the evolution.")
@click.option(
    "--prune",
    type=click.Choice(["median", "hyperband", "none"]),
    default="median",
    show_default=True,
    help="How trials are ended early that go worse than others did.",
)
@training_options
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="The search's folder; one that was stopped goes on. Else a new one in runs/.",
)
@json_option
def search(
    recipe: str,
    dataset: str,
    ranges: list[Range],
    choices: list[Choice],
    trials: int,
    out: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Search the values of RECIPE that are best on DATASET.

    RECIPE and DATASET are those of `agekit train`. Every trial trains with other values and is
    compared by its error on the validation split; the test split is not looked at. The first trial
    is the recipe as it is. Stopped at any moment, the same command with the same --out goes on.
    """
    require("train", "training")
    package_module("optuna", "optuna", "search", "agekit-search")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError("a search runs in one process", "start it without torchrun")
    pruner, device = options.pop("prune"), options.pop("device")
    asked = Asked(recipe, dataset, options.pop("settings"), options.pop("epochs"), options)
    space = asked.space([*ranges, *choices])
    if out is None:
        name = f"{Path(recipe).stem}-{dataset}".replace("/", "-")
        out = Path("runs", f"search-{name}-{datetime.now():%Y%m%d-%H%M%S}")
    from agekit.training.task import training_of
    from agekit_search.answer import Answer
    from agekit_search.trials import Search

    made = Search(
        folder=out,
        space=space,
        resolve=asked.trial,
        train=partial(asked.train, device=device),
        own=asked.own(),
        seed=asked.options["seed"],
        pruner=pruner,
    )
    training = training_of(asked.trial().recipe)
    answer = Answer(made, asked, training.trainer_type.watched.label)
    show = answer.print_json if as_json else answer.print
    with _held(made):
        asked.keep(out, space, pruner)
        try:
            with only_json_on_stdout(as_json):
                _carry_out(made, answer, trials)
        except KeyboardInterrupt:
            if answer.outcomes:
                show()
                say(f"stopped; the same command with --out {out} goes on")
            raise
        show()
    if answer.best is None:
        why = next((one.why for one in answer.outcomes if one.why), "all were ended early")
        raise TrainingError(f"no trial was finished: {why}", "search other values")


@contextmanager
def _held(made: Search) -> Iterator[None]:
    """Keeps other processes out of a search's folder; of one that found nothing, nothing stays."""
    new = make_folders(made.folder)
    hint = "wait for it, or choose another --out"
    busy = ModelError(f"another process searches in {made.folder}", hint)
    with locked(made.folder / _LOCK, busy):
        empty = not any(made.folder.glob("[!.]*"))
        try:
            yield
        finally:
            if empty and not made.outcomes():
                for path in made.folder.iterdir():
                    path.unlink()
                remove_folders(new)


def _carry_out(made: Search, answer: Answer, trials: int) -> None:
    """Makes the trials, and tells how they go."""
    console = make_console()
    there = len(answer.outcomes)
    if there:
        done = counted(there, "trial is", "trials are")
        print_line(console, f"going on in {made.folder}: {done} there")
    print_line(console, "faces of the test split are not looked at")
    told = False

    def notes(log: str) -> None:
        nonlocal told
        for line in () if told else log.splitlines():
            print_line(console, line[_STAMP:])
        told = True

    with ProgressBar(console, "epochs trained") as progress:
        made.notes = notes
        made.progress = lambda done, total: progress.at(
            (len(answer.outcomes) - there) * total + done, (trials - there) * total
        )
        for outcome in made.run(trials):
            print_line(console, answer.told(outcome, trials))
