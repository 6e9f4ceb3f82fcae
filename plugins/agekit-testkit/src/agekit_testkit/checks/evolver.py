"""The checks of an evolver."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from safetensors.torch import load_file

from agekit import signature
from agekit.recipe import resolve
from agekit.registry import EVOLVERS, TASKS
from agekit_testkit.checks.process import command_json, train_briefly
from agekit_testkit.checks.subject import Part, Subject

__all__ = ["check_evolver"]


def check_evolver(
    part: str, *, recipe: str, generations: int = 1, options: Sequence[str] = (), size: int = 32
) -> None:
    """Checks that an evolver keeps its contract, by training drawn faces for one epoch, twice.

    Its generations are numbered from 1, each has metrics, the last one's network is the model; one
    seed gives one result; a finished run that is resumed trains nothing and says the same.

    Args:
        part: its registry name.
        recipe: an installed recipe that uses it, with its backbone, and with a preset `quick`.
        generations: how many the recipe trains.
        options: more of the options of ``agekit train``.
        size: of the images, pixels.

    Raises:
        AssertionError: saying what is wrong.
    """
    subject = Subject("evolver", part)
    subject.require(
        getattr(subject.factory, "kind", None) in TASKS.names(),
        "its kind is no name of `agekit list tasks`",
    )
    subject.require(
        signature.parameters(EVOLVERS.find(part)) is not None,
        "its arguments cannot be read from its source; take them as keywords, with types",
    )
    used = resolve(recipe, preset="quick").recipe.evolver.type
    subject.require(_bare(used) == _bare(part), f"the recipe {recipe!r} uses the evolver {used!r}")
    with TemporaryDirectory() as folder:
        runs = [Path(folder, name) for name in ("one", "other")]
        tiny = ("--protocol", "tiny", "--set", "train.amp=fp32", *options)
        with subject.doing(f"training {recipe}"):
            answers = [
                train_briefly("synthfaces", None, *tiny, recipe=recipe, size=size, out=run)
                for run in runs
            ]
        _check_generations(subject, answers[0], generations)
        weights = [load_file(run / "model" / "model.safetensors") for run in runs]
        same = weights[0].keys() == weights[1].keys() and all(
            value.equal(weights[1][key]) for key, value in weights[0].items()
        )
        subject.require(same, "two trainings with one seed give two models")
        with subject.doing("resuming a finished run"):
            resumed = command_json("train", "--resume", str(runs[0]), "--device", "cpu")
        subject.require(
            resumed["generations"] == answers[0]["generations"],
            "a finished run that is resumed has other metrics",
        )


def _bare(name: Part) -> str:
    return str(name).rpartition(":")[2]


def _check_generations(subject: Subject, answer: dict[str, Any], generations: int) -> None:
    numbers = [one["generation"] for one in answer["generations"]]
    subject.require(
        numbers == list(range(1, generations + 1)),
        f"its generations are {numbers}, not 1 to {generations}",
    )
    for number, one in zip(numbers, answer["generations"], strict=True):
        subject.require(bool(one["metrics"]), f"generation {number} has no metrics")
    flat = [value for value in _numbers(answer["metrics"])]
    finite = bool(flat) and all(math.isfinite(value) for value in flat)
    subject.require(finite, "its model has no metrics, or some that are not finite")


def _numbers(metrics: object) -> list[float]:
    """Every number in nested metrics."""
    if isinstance(metrics, dict):
        return [number for value in metrics.values() for number in _numbers(value)]
    return [float(metrics)] if isinstance(metrics, int | float) else []
