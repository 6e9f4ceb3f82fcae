"""Engines: face chips in, ages out, by whatever computes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agekit.errors import ModelError
from agekit.onnx.card import OnnxCard
from agekit.onnx.session import run_session
from agekit.zoo.graphs import check_outputs

__all__ = ["AgeEngine", "OnnxAges"]

_AGES = ("age", "low", "high")


class AgeEngine(Protocol):
    """Computes the ages of an estimator."""

    @property
    def runtime(self) -> str:
        """``torch`` or ``onnx``."""

    @property
    def device(self) -> Any:
        """Its torch device or the name of that."""

    def run(self, pixels: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Chips (N, S, S, 3) to age, low, high (N,) in years and, where there is one, p (N, K)."""


class OnnxAges:
    """An estimator by ONNX Runtime.

    Args:
        path: of its file.
        session: of `agekit.zoo.graphs.open_graph`.
        card: what the model says of itself.

    Raises:
        ModelError: it is of another task, or does not give what it says.
    """

    runtime = "onnx"
    device = "cpu"

    def __init__(self, path: Path, session: Any, card: OnnxCard) -> None:
        if card.task != "estimator":
            raise ModelError(
                f"{path} is an {card.task}, not an estimator",
                "run it with onnxruntime yourself, or the model folder with `agekit age`",
            )
        wanted: dict[str, list[int]] = {name: [] for name in _AGES}
        self._names = [*_AGES]
        if "distribution" in card.outputs:
            low, high = card.ages or (0, 0)
            wanted["distribution"] = [high - low + 1]
            self._names.append("distribution")
        check_outputs(path, session, wanted if card.ages else {})
        self.path = path
        self.card = card
        self._session = session

    def run(self, pixels: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """See `AgeEngine.run`."""
        return run_session(self._session, self._names, pixels)
