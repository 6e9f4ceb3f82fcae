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
from typing import NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from agekit.errors import AgekitError, ConfigError
from agekit.recipe import Recipe
from agekit.registry import DATASETS, EVOLVERS, TASKS
from agekit_bench.cells import Cell
from agekit_bench.result import Result

__all__ = ["MEASURED", "Pace", "Rates", "Size", "images", "size_of", "work"]


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
    with suppress(ConfigError):
        size = size_of(recipe)
        if size is not None:
            generations: int = recipe.evolver.arguments.get("generations", 1)
            return size.operations * faces * recipe.train.epochs * generations
    return None


def _work_of(result: Result, faces: int) -> float | None:
    """The work behind a result; None where its recipe is none that this agekit can build."""
    try:
        kind = TASKS.get(result.kind).recipe
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


class Pace:
    """Seconds by work, which is told by the recipes alone: cells are on the same data."""

    def __init__(self) -> None:
        self._work = 0.0
        self._seconds = 0.0

    def add(self, cell: Cell, seconds: float) -> None:
        """Learns from a cell that has ended."""
        self._work += _work(cell)
        self._seconds += seconds

    def left(
        self, todo: Iterable[Cell], running: Iterable[tuple[Cell, float]], width: int
    ) -> float | None:
        """The seconds until all have ended; None while nothing is known.

        Args:
            todo: the cells that are still to be started.
            running: those that are not, each with the seconds since.
            width: how many run at a time.
        """
        if not self._work:
            return None
        rate = self._seconds / self._work
        rest = [_work(cell) * rate for cell in todo]
        rest += [max(0.0, _work(cell) * rate - seconds) for cell, seconds in running]
        return sum(rest) / max(1, min(width, len(rest)))


def _work(cell: Cell) -> float:
    recipe = cell.resolved.recipe
    generations = recipe.evolver.arguments.get("generations", 1)
    return float(recipe.train.epochs * generations * recipe.data.size**2)


_sizes: dict[tuple[str, int], Size | None] = {}


class Size(NamedTuple):
    """What training a recipe costs.

    Args:
        parameters: of the model; heads have label ages 0 to 100.
        operations: floating-point operations of the forward passes of one training image, of an
            ager of one pair.
    """

    parameters: int
    operations: float


def size_of(recipe: Recipe) -> Size | None:
    """The size of a recipe's model; None where that cannot be told without building it.

    Raises:
        ConfigError: its parts do not fit together, or not the size of its images.
    """
    key = (
        recipe.model_dump_json(exclude={"train", "data", "expected", "description", "source"}),
        recipe.data.size,
    )
    if key not in _sizes:
        try:
            with torch.device("meta"), torch.random.fork_rng(devices=[]):
                _sizes[key] = _measure(recipe)
        except ConfigError:
            raise
        except (RuntimeError, NotImplementedError, ValueError, TypeError):
            _sizes[key] = None
    return _sizes[key]


def _measure(recipe: Recipe) -> Size:
    model, counted = TASKS.get(recipe.kind).untrained(recipe)
    passes: int = EVOLVERS.get(recipe.evolver.type).passes
    side = recipe.data.size
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        counted.eval()(torch.empty(1, 3, side, side))
    return Size(sum(p.numel() for p in model.parameters()), float(passes * flops.get_total_flops()))
