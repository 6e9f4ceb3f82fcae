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
from torch import nn

from agekit.errors import ModelError
from agekit.registry import TASKS
from agekit.task import Task
from agekit.zoo.config import ModelConfig
from agekit.zoo.entry import Check
from agekit.zoo.folder import load_network

__all__ = ["outputs", "record", "squares"]

SEED = 1
PICTURES, SIDE = 4, 8
_DIGITS = 5


def squares(size: int) -> NDArray[np.uint8]:
    """The fixed input ``squares-1``, (4, size, size, 3) uint8 RGB."""
    data = np.random.RandomState(SEED).bytes(PICTURES * SIDE * SIDE * 3)
    small = np.frombuffer(data, np.uint8).reshape(PICTURES, SIDE, SIDE, 3)
    index = np.arange(size) * SIDE // size
    return small[:, index[:, None], index[None, :]]


@torch.no_grad()
def outputs(network: nn.Module, config: ModelConfig) -> dict[str, list[float]]:
    """The outputs of a network for the fixed input, in single precision.

    Args:
        network: in evaluation mode, on the CPU.
        config: of its model.

    Returns:
        The values by name, as the `outputs` of its task gives them.
    """
    task: Task = TASKS.get(config.task)
    found = task.outputs(network, torch.from_numpy(squares(config.image.size)), config.image)
    return {
        name: [round(value, _DIGITS) for value in values.flatten().tolist()]
        for name, values in found.items()
    }


def record(folder: Path) -> Check:
    """Runs a model on the fixed input.

    Raises:
        ModelError: it cannot be loaded, or gives something that is not a number.
    """
    network, config = load_network(folder)
    found = outputs(network, config)
    if not all(np.isfinite(values).all() for values in found.values()):
        raise ModelError(f"{folder}: the model's outputs are not numbers", "train it again")
    return Check(outputs=found, tolerance=TASKS.get(config.task).tolerance)
