"""A fixed input for any model, and what a model makes of it.

The input ``squares-1`` is four pictures of 8 x 8 squares, scaled up by repeating pixels to the
side the model takes; the squares' RGB values are the bytes that the 32-bit Mersenne Twister with
seed 1 gives (``numpy.random.RandomState(1).bytes``, whose stream numpy keeps for ever).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agekit.errors import ModelError
from agekit.tasks.ager.model import DIRECTIONS, Direction, FaceAger
from agekit.tasks.ager.pairs import to_network
from agekit.tasks.estimator.model import AgeEstimator
from agekit.zoo.config import ImageConfig, ModelConfig
from agekit.zoo.entry_schema import Check
from agekit.zoo.folder import load_ager, load_model, read_config

__all__ = ["TOLERANCE", "load_network", "outputs", "record", "squares"]

TOLERANCE = {"estimator": 0.01, "ager": 0.002}
"""Years of an estimator, and of an ager pixels' values from -1 to 1: many times what other
processors and versions of torch change, in single precision."""
SEED = 1
PICTURES, SIDE = 4, 8
_DIGITS = 5


def squares(size: int) -> NDArray[np.uint8]:
    """The fixed input ``squares-1``, (4, size, size, 3) uint8 RGB."""
    data = np.random.RandomState(SEED).bytes(PICTURES * SIDE * SIDE * 3)
    small = np.frombuffer(data, np.uint8).reshape(PICTURES, SIDE, SIDE, 3)
    index = np.arange(size) * SIDE // size
    return small[:, index[:, None], index[None, :]]


def load_network(folder: Path) -> tuple[AgeEstimator | FaceAger, ImageConfig]:
    """The network of a model folder of either task, on the CPU, and what it takes.

    Raises:
        ModelError: a file is missing, damaged, or does not fit the others.
    """
    if isinstance(read_config(folder), ModelConfig):
        network, config = load_model(folder)
        return network, config.image
    ager, ager_config = load_ager(folder)
    return ager, ager_config.image


@torch.no_grad()
def outputs(network: AgeEstimator | FaceAger, image: ImageConfig) -> dict[str, list[float]]:
    """What a network makes of the fixed input, normalised and not cropped, in single precision.

    Args:
        network: in evaluation mode, on the CPU.
        image: what it takes.

    Returns:
        Of an estimator `age`, `low` and `high` of each picture, years. Of an ager, of `old` and
        `young`, the means of each quarter of each picture, by channel: 4 x 3 x 2 x 2 values.
    """
    pictures = torch.from_numpy(squares(image.size))
    if isinstance(network, FaceAger):
        found: dict[str, Tensor] = {to: _quarters(network, pictures, to) for to in DIRECTIONS}
    else:
        batch = (pictures / 255 - torch.tensor(image.mean)) / torch.tensor(image.std)
        batch = batch.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        estimate = network.estimate(network.look(batch))
        found = {"age": estimate.age, "low": estimate.low, "high": estimate.high}
    return {
        name: [round(value, _DIGITS) for value in values.flatten().tolist()]
        for name, values in found.items()
    }


def record(folder: Path) -> Check:
    """Runs a model on the fixed input.

    Raises:
        ModelError: it cannot be loaded, or gives something that is not a number.
    """
    network, image = load_network(folder)
    found = outputs(network, image)
    if not all(np.isfinite(values).all() for values in found.values()):
        raise ModelError(f"{folder}: the model's outputs are not numbers", "train it again")
    task = "ager" if isinstance(network, FaceAger) else "estimator"
    return Check(outputs=found, tolerance=TOLERANCE[task])


def _quarters(ager: FaceAger, pictures: Tensor, to: Direction) -> Tensor:
    made = [ager(to_network(picture[None]), to) for picture in pictures]
    return torch.nn.functional.adaptive_avg_pool2d(torch.cat(made), 2)
