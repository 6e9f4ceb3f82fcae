"""What a suite will cost: an estimate from measured rates, nothing more.

Work is counted as operations of a forward pass x training images x epochs x generations; a rate is
work by second.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache

from agekit.errors import AgekitError, ConfigError
from agekit.recipe import Recipe
from agekit.registry import DATASETS
from agekit.tasks.ager.recipe import AgerRecipe
from agekit.tasks.estimator.recipe import EstimatorRecipe
from agekit_bench.results.result import Result
from agekit_bench.suites.cells import Cell

__all__ = ["MEASURED", "Rates", "images", "work"]

MEASURED: Mapping[str, float] = {"cpu": 1.8e10}
"""Operations of forward passes a second, by device, for want of results: one core of an AMD EPYC
trained ``reg-resnet10-tiny`` (41 million an image) for 20 epochs of 17,057 faces of UTKFace in 791
seconds (``benchmarks/results/methods``)."""
_SHARE = 0.8
"""Of a dataset's images that most protocols train on."""


class Rates:
    """How fast cells were trained.

    Args:
        results: those there are; the median of the same recipe is taken, else of the same
            backbone, else of the device, else what was measured elsewhere.
    """

    def __init__(self, results: Iterable[Result]) -> None:
        self._by: dict[tuple[str, str], list[float]] = {}
        self._faces: dict[str, list[int]] = {}
        for result in results:
            self._learn(result)

    def seconds(self, cell: Cell, device: str) -> float | None:
        """The seconds that a cell will take; None where nothing is known of it.

        Args:
            cell: the cell.
            device: ``cpu`` or ``cuda``.
        """
        faces, rate = self.images(cell), self.rate(cell, device)
        amount = None if faces is None else work(cell.resolved.recipe, faces)
        return None if amount is None or rate is None else amount / rate

    def rate(self, cell: Cell, device: str) -> float | None:
        """Work by second; None where nothing was measured on such a device."""
        for key in (cell.recipe_name, cell.backbone, ""):
            if known := self._by.get((device, key)):
                return statistics.median(known)
        return MEASURED.get(device)

    def images(self, cell: Cell) -> int | None:
        """The faces a cell is trained on: as other cells were, else about."""
        if known := self._faces.get(cell.protocol):
            return known[0]
        return images(cell.dataset)

    def _learn(self, result: Result) -> None:
        seconds = result.wall_seconds.get("train", 0.0)
        faces = result.facts.get("train_faces")
        if result.status != "done" or seconds <= 0 or not isinstance(faces, int):
            return
        self._faces.setdefault(result.protocol, []).append(faces)
        amount = _work_of(result, faces)
        if amount is None or result.machine is None:
            return
        rate = amount / seconds
        for key in (result.recipe_name, result.backbone, ""):
            self._by.setdefault((result.machine.device, key), []).append(rate)


def work(recipe: Recipe, faces: int) -> float | None:
    """The work of training a recipe, see the module; None where its model cannot be built.

    Args:
        recipe: resolved.
        faces: the number of training images.
    """
    from agekit_bench.running.size import size_of

    with suppress(ConfigError):
        size = size_of(recipe)
        if size is not None:
            generations: int = recipe.evolver.arguments.get("generations", 1)
            return size.operations * faces * recipe.train.epochs * generations
    return None


def _work_of(result: Result, faces: int) -> float | None:
    """The work behind a result; None where its recipe is none that this agekit can build."""
    kind = EstimatorRecipe if result.kind == "estimator" else AgerRecipe
    try:
        return work(kind.model_validate_json(json.dumps(result.recipe)), faces)
    except (AgekitError, ValueError, TypeError, ArithmeticError):
        return None


@cache
def images(dataset: str) -> int | None:
    """About how many faces a dataset gives to train on, by what its authors count."""
    reader = DATASETS.get(dataset)
    if not reader.needs_root:
        return round(_SHARE * len(reader().read(None)))
    counted: int | None = reader.official.get("images")
    return None if counted is None else round(_SHARE * counted)
