"""What a suite will cost: an estimate from measured rates, nothing more.

Work is counted as parameters x training images x epochs x generations x (size / 64)^2: the
operations of a convolutional network grow with the first and the last. A rate is work by second.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from agekit.bench.results.result import Result
from agekit.bench.suites.cells import Cell
from agekit.errors import AgekitError
from agekit.recipe import EstimatorRecipe, Recipe
from agekit.registry import DATASETS

__all__ = ["MEASURED", "Rates", "images", "parameters", "work"]

MEASURED: Mapping[str, float] = {"cpu": 5.0e8}
"""Parameters x images at 64 pixels a second, by device, for want of results: one core of an AMD
EPYC trained ``reg-resnet10-tiny`` (1.23 million) for 20 epochs of UTKFace in 841 seconds
(``benchmarks/results/utkface-quick.json``)."""
_PIXELS = 64
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
        weights, faces = parameters(cell.resolved.recipe), self.images(cell)
        rate = self.rate(cell, device)
        if weights is None or faces is None or rate is None:
            return None
        return work(_plain(cell.resolved.recipe), weights, faces) / rate

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
        if result.recipe is None or not result.parameters or result.machine is None:
            return
        rate = work(result.recipe, result.parameters, faces) / seconds
        for key in (result.recipe_name, result.backbone, ""):
            self._by.setdefault((result.machine.device, key), []).append(rate)


def work(recipe: Mapping[str, Any], weights: int, faces: int) -> float:
    """The work of a cell; see the module.

    Args:
        recipe: resolved, as plain data.
        weights: the number of parameters.
        faces: the number of training images.
    """
    generations = recipe["evolver"].get("generations", 1)
    scale = (recipe["data"]["size"] / _PIXELS) ** 2
    return float(weights * faces * recipe["train"]["epochs"] * generations * scale)


def _plain(recipe: Recipe) -> dict[str, Any]:
    """A recipe as plain data."""
    return recipe.model_dump(mode="json")


@cache
def images(dataset: str) -> int | None:
    """About how many faces a dataset gives to train on, by what its authors count."""
    reader = DATASETS.get(dataset)
    if not reader.needs_root:
        return round(_SHARE * len(reader().read(None)))
    counted: int | None = reader.official.get("images")
    return None if counted is None else round(_SHARE * counted)


def parameters(recipe: Recipe) -> int | None:
    """The number of parameters of a recipe's model, built without memory; imports torch.

    None where it cannot be built so.
    """
    import torch

    key = recipe.model_dump_json(include={"backbone", "heads", "generator"})
    size = recipe.data.size
    if (key, size) not in _counted:
        try:
            with torch.device("meta"):
                _counted[key, size] = _count(recipe)
        except (AgekitError, RuntimeError, NotImplementedError, ValueError, TypeError):
            _counted[key, size] = None
    return _counted[key, size]


_counted: dict[tuple[str, int], int | None] = {}


def _count(recipe: Recipe) -> int:
    from agekit.ager.build import build_ager
    from agekit.estimator.build import build_network

    if not isinstance(recipe, EstimatorRecipe):
        return sum(p.numel() for p in build_ager(recipe.generator).parameters())
    backbone = recipe.backbone
    if "pretrained" in backbone.arguments:
        backbone = backbone.model_copy(update={"pretrained": False})
    estimate = recipe.estimate
    network = build_network(
        backbone,
        recipe.heads,
        (0, 100),
        recipe.data.size,
        estimate.rule,
        estimate.level,
        estimate.mirror,
    )
    return sum(p.numel() for p in network.parameters())
