"""A training through the command line, as short as it gets."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agekit.testing.process import command_json

__all__ = ["train_briefly"]


def train_briefly(
    dataset: str,
    root: Path | None = None,
    *options: str,
    recipe: str = "reg-resnet10-tiny",
    size: int = 32,
    out: Path | None = None,
) -> dict[str, Any]:
    """Trains one epoch on a dataset by ``agekit train --as-chips`` and gives its answer.

    Args:
        dataset: its registry name.
        root: where it lies; a few faces of each split will do. None where it needs none.
        options: more of the command's options.
        recipe: what to train.
        size: of the images, in pixels.
        out: the run's folder; None keeps nothing.

    Returns:
        The JSON document of ``agekit train --json``.

    Raises:
        AgekitError: as the command would tell it.
    """
    with TemporaryDirectory() as folder:
        return command_json(
            *("train", recipe, dataset, "--out", str(out or f"{folder}/run")),
            *(() if root is None else ("--root", str(root))),
            *("--preset", "quick", "--epochs", "1", "--device", "cpu", "--as-chips"),
            *("--set", f"data.size={size}", "--set", "train.batch_size=8", *options),
        )
