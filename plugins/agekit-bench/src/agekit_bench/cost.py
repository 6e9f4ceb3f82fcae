"""Estimates of a suite's cost, and of the time left, from measured rates alone.

Work is counted as what an image asks for x training images x epochs x generations; a rate is work
by second. An image asks for the operations of a forward pass. Of cells of one running suite its
pixels tell enough, for which no model has to be built.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from agekit.errors import AgekitError, ConfigError
from agekit.recipe import Recipe
from agekit.registry import DATASETS, EVOLVERS, TASKS
from agekit_bench.cells import Cell
from agekit_bench.result import Result
from agekit_bench.result_files import read_results

if TYPE_CHECKING:
    from agekit_bench.plan import CellStatus

__all__ = [
    "MEASURED",
    "Costs",
    "Rates",
    "Size",
    "costs_of",
    "images",
    "operations",
    "pixels",
    "size_of",
    "work",
]


PerImage = Callable[[Recipe], float | None]
MEASURED: Mapping[str, float] = {"cpu": 1.8e10}
"""Operations of forward passes a second, by device, for want of results: one core of an AMD EPYC
trained ``reg-resnet10-tiny`` (41 million an image) for 20 epochs of 17,057 faces of UTKFace in 791
seconds (``benchmarks/results/methods``)."""
_SHARE = 0.8
"""Of a dataset's images that most protocols train on."""


class Rates:
    """Measured rates of training.

    Args:
        results: those there are; the median of the same recipe is taken, else of the same
            backbone, else of the device, else what was measured elsewhere.
        per_image: what an image of a recipe asks for; `operations` or `pixels`.
    """

    def __init__(self, results: Iterable[Result] = (), per_image: PerImage | None = None) -> None:
        self._per_image = per_image or operations
        self._by: dict[tuple[str, str], list[float]] = {}
        self._faces: dict[str, list[int]] = {}
        for result in results:
            self.learn(result)

    def seconds(self, cell: Cell, device: str) -> float | None:
        """The seconds that a cell will take; None where nothing is known of it.

        Args:
            cell: the cell.
            device: ``cpu`` or ``cuda``.
        """
        faces, rate = self.images(cell), self.rate(cell, device)
        amount = None if faces is None else work(cell.resolved.recipe, faces, self._per_image)
        return None if amount is None or rate is None else amount / rate

    def rate(self, cell: Cell, device: str) -> float | None:
        """Work by second; None where nothing was measured on such a device."""
        for key in (cell.recipe_name, cell.backbone, ""):
            if known := self._by.get((device, key)):
                return statistics.median(known)
        return MEASURED.get(device) if self._per_image is operations else None

    def images(self, cell: Cell) -> int | None:
        """The faces a cell is trained on: as other cells were, else about."""
        if known := self._faces.get(cell.protocol):
            return known[0]
        return images(cell.dataset)

    def left(
        self,
        todo: Iterable[Cell],
        running: Iterable[tuple[Cell, float]],
        width: int,
        device: str,
    ) -> float | None:
        """The seconds until all have ended; None while too little is known.

        Args:
            todo: the cells that are still to be started.
            running: those that are not, each with the seconds since.
            width: how many run at a time.
            device: ``cpu`` or ``cuda``.
        """
        rest = [(cell, 0.0) for cell in todo] + list(running)
        known = [(self.seconds(cell, device), since) for cell, since in rest]
        wanted = [max(0.0, whole - since) for whole, since in known if whole is not None]
        if not rest or len(wanted) < len(rest):
            return None
        return sum(wanted) / max(1, min(width, len(rest)))

    def _work_of(self, result: Result, faces: int) -> float | None:
        """The work behind a result; None where its recipe is none that this agekit can build."""
        try:
            schema = TASKS.get(result.kind).recipe
            recipe = schema.model_validate_json(json.dumps(result.recipe))
            return work(recipe, faces, self._per_image)
        except (AgekitError, ValueError, TypeError, ArithmeticError):
            return None

    def learn(self, result: Result) -> None:
        """Takes a cell that is done into account."""
        seconds = result.wall_seconds.get("train", 0.0)
        faces = result.facts.get("train_faces")
        if result.status != "done" or seconds <= 0 or not isinstance(faces, int):
            return
        self._faces.setdefault(result.protocol, []).append(faces)
        amount = self._work_of(result, faces)
        if amount is None or result.machine is None:
            return
        rate = amount / seconds
        for key in (result.recipe_name, result.backbone, ""):
            self._by.setdefault((result.machine.device, key), []).append(rate)


def work(recipe: Recipe, faces: int, per_image: PerImage | None = None) -> float | None:
    """The work of training a recipe, see the module; None where its model cannot be built.

    Args:
        recipe: resolved.
        faces: the number of training images.
        per_image: see `Rates`.
    """
    with suppress(ConfigError):
        each = (per_image or operations)(recipe)
        if each is not None:
            generations: int = recipe.evolver.arguments.get("generations", 1)
            return each * faces * recipe.train.epochs * generations
    return None


def operations(recipe: Recipe) -> float | None:
    """The operations of a forward pass of one image; builds the model, without memory.

    Raises:
        ConfigError: the parts of the recipe do not fit together.
    """
    size = size_of(recipe)
    return None if size is None else size.operations


def pixels(recipe: Recipe) -> float:
    """The pixels of one image."""
    return float(recipe.data.size**2)


@cache
def images(dataset: str) -> int | None:
    """About how many faces a dataset gives to train on, by what its authors count."""
    reader = DATASETS.get(dataset)
    if not reader.needs_root:
        return round(_SHARE * len(reader().read(None)))
    counted: int | None = reader.official.get("images")
    return None if counted is None else round(_SHARE * counted)


_sizes: dict[tuple[str, int], Size | None] = {}


class Size(NamedTuple):
    """The cost of training a recipe.

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
        import torch

        try:
            with torch.device("meta"), torch.random.fork_rng(devices=[]):
                _sizes[key] = _measure(recipe)
        except ConfigError:
            raise
        except (RuntimeError, NotImplementedError, ValueError, TypeError):
            _sizes[key] = None
    return _sizes[key]


def _measure(recipe: Recipe) -> Size:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    model, counted = TASKS.get(recipe.kind).untrained(recipe)
    passes: int = EVOLVERS.get(recipe.evolver.type).passes
    side = recipe.data.size
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        counted.eval()(torch.empty(1, 3, side, side))
    return Size(sum(p.numel() for p in model.parameters()), float(passes * flops.get_total_flops()))


@dataclass(frozen=True)
class Costs:
    """An estimate.

    Attributes:
        parameters: of the model of each cell, by name; None where they cannot be counted.
        seconds: that each cell takes; None where nothing is known.
        device: what it is for.
        from_results: whether results in the folder were made use of.
    """

    parameters: Mapping[str, int | None]
    seconds: Mapping[str, float | None]
    device: str
    from_results: bool

    def total(self, planned: Sequence[CellStatus]) -> tuple[float, int]:
        """The seconds of the cells that are to be trained, and how many of them are unknown."""
        todo = [self.seconds[p.cell.name] for p in planned if p.state not in ("done", "failed")]
        return sum(s for s in todo if s is not None), sum(s is None for s in todo)


def costs_of(planned: Sequence[CellStatus], out: Path, device: str) -> Costs:
    """Estimates the cells; imports torch to build their models without memory.

    Args:
        planned: the cells.
        out: a folder with results to learn rates from.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        ConfigError: the parts of a row do not fit together; every such row is told.
    """
    results = read_results(out, [])
    rates = Rates(results)
    if device == "auto":
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
    device = device.partition(":")[0]
    mistakes: dict[str, None] = {}
    counts: dict[str, int | None] = {}
    for p in planned:
        try:
            size = size_of(p.cell.resolved.recipe)
            counts[p.cell.name] = None if size is None else size.parameters
        except ConfigError as error:
            mistakes |= dict.fromkeys(f"{p.cell.row}: {line}" for line in error.mistakes)
    if mistakes:
        raise ConfigError(list(mistakes), "correct the suite, or leave these rows out with --only")
    return Costs(
        counts,
        {p.cell.name: rates.seconds(p.cell, device) for p in planned},
        device,
        any(r.machine is not None and r.machine.device == device for r in results),
    )
