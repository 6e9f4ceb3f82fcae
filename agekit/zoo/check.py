"""A fixed input for any model, and what a model makes of it.

The input ``squares-1`` is four pictures of 8 x 8 squares, scaled up by repeating pixels to the
side the model takes; the squares' RGB values are the bytes that the 32-bit Mersenne Twister with
seed 1 gives (``numpy.random.RandomState(1).bytes``, whose stream numpy keeps for ever).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agekit.errors import ModelError
from agekit.onnx.card import INPUT
from agekit.onnx.session import run_session
from agekit.registry import TASKS
from agekit.task import Task
from agekit.zoo.config import ModelConfig
from agekit.zoo.entry import Check
from agekit.zoo.folder import load_network
from agekit.zoo.graphs import open_listed

if TYPE_CHECKING:
    from torch import nn

__all__ = ["graph_outputs", "outputs", "record", "squares"]

SEED = 1
PICTURES, SIDE = 4, 8
_DIGITS = 5


def squares(size: int) -> NDArray[np.uint8]:
    """The fixed input ``squares-1``, (4, size, size, 3) uint8 RGB."""
    data = np.random.RandomState(SEED).bytes(PICTURES * SIDE * SIDE * 3)
    small = np.frombuffer(data, np.uint8).reshape(PICTURES, SIDE, SIDE, 3)
    index = np.arange(size) * SIDE // size
    return small[:, index[:, None], index[None, :]]


def outputs(network: nn.Module, config: ModelConfig) -> dict[str, list[float]]:
    """The outputs of a network for the fixed input, in single precision.

    Args:
        network: in evaluation mode, on the CPU.
        config: of its model.

    Returns:
        The values by name, as the `outputs` of its task gives them.
    """
    import torch

    task: Task = TASKS.get(config.task)
    pictures = torch.from_numpy(squares(config.image.size))
    with torch.no_grad():
        found = task.outputs(network, pictures, config.image)
    return {name: _rounded(values.numpy()) for name, values in found.items()}


def graph_outputs(folder: Path, config: ModelConfig) -> dict[str, list[float]]:
    """The outputs of a model's ONNX files for the fixed input, taken as face chips.

    Args:
        folder: of the model.
        config: its configuration.

    Returns:
        The values by file and output: a number a picture, or the means of each quarter of a
        picture that comes out, -1 to 1; distributions are left out.

    Raises:
        ConfigError: ONNX Runtime is not installed.
        ModelError: a file is missing, damaged, of another model, or fails.
    """
    found = {}
    for name in config.onnx_sha256:
        session, card = open_listed(folder, config, name)
        pictures = squares(config.image.size)
        others = [name for name in card.inputs if name != INPUT]
        more = {  # as `SomeAges`: of 30 years, to look 60
            name: np.full(len(pictures), 30 * k, np.float32) for k, name in enumerate(others, 1)
        }
        made = run_session(session, [*card.outputs], pictures, **more)
        for output, values in zip(card.outputs, made, strict=True):
            if values.ndim == 1:
                found[f"{name}: {output}"] = _rounded(values)
            elif values.ndim == 4:
                n, side, _, _ = values.shape
                cut = values[:, : side // 2 * 2, : side // 2 * 2] / 127.5 - 1
                quarters = cut.reshape(n, 2, side // 2, 2, side // 2, -1).mean((2, 4))
                found[f"{name}: {output}"] = _rounded(quarters.transpose(0, 3, 1, 2))
    return found


def _rounded(values: NDArray[Any]) -> list[float]:
    return [round(value, _DIGITS) for value in values.flatten().tolist()]


def record(folder: Path) -> Check:
    """Runs a model on the fixed input.

    Raises:
        ModelError: it cannot be loaded, or gives something that is not a number.
    """
    network, config = load_network(folder)
    found, graphs = outputs(network, config), graph_outputs(folder, config)
    if not all(np.isfinite(values).all() for values in (*found.values(), *graphs.values())):
        raise ModelError(f"{folder}: the model's outputs are not numbers", "train it again")
    return Check(outputs=found, onnx=graphs, tolerance=TASKS.get(config.task).tolerance)
