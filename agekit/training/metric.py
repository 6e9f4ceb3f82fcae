"""What is watched on the validation split, over all processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from numpy.typing import NDArray

__all__ = ["Error", "WatchedMetric"]

Error = Callable[[Mapping[str, NDArray[Any]]], float]
"""The arrays that a step's ``val_step`` gives by name, of all faces, to one figure."""


class WatchedMetric(BaseMetric):  # type: ignore[misc]
    """One figure of all faces of the validation split.

    Args:
        key: what it is called.
        error: computes it.
    """

    default_prefix = "val"

    def __init__(self, key: str, error: Error) -> None:
        # By the process group: mmengine's other way is files in the working folder, which it
        # leaves behind, and which several machines would have to share.
        super().__init__(collect_device="gpu")
        self.key = key
        self.error = error

    def process(self, data_batch: Any, data_samples: Any) -> None:
        """Keeps what the step gave for a batch."""
        self.results += data_samples

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """The figure, by its key."""
        names = results[0]
        arrays = {name: np.concatenate([one[name] for one in results]) for name in names}
        return {self.key: self.error(arrays)}
