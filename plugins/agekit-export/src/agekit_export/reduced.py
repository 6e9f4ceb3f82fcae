"""ONNX files with convolutions in 8-bit integers, measured beside the whole ones."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (  # type: ignore[import-untyped]
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import (  # type: ignore[import-untyped]
    quant_pre_process,
)

from agekit.errors import ModelError, one_line
from agekit.onnx.card import INPUT, OnnxCard
from agekit.onnx.session import open_session
from agekit_export.calibration import CalibrationFaces
from agekit_export.half import with_card

__all__ = ["Reduction", "measure", "quantise"]

MOST_YEARS = 2.0
"""The most that ages may move on average by integers; what moves further is broken."""
_BATCH = 16
_TURNS = 5


@dataclass(frozen=True)
class Reduction:
    """A smaller file beside the whole one, on faces that it was not calibrated on.

    Attributes:
        faces: how many.
        size: of the whole file, bytes.
        time: the time a face takes, as a share of what it takes by the whole file.
        mean: how far the ages move on average, years.
        most: how far one moves at most, years.
        mae: mean absolute error, years, where the true ages are known.
        mae_whole: of the whole file.
    """

    faces: int
    size: int
    time: float
    mean: float
    most: float
    mae: float | None = None
    mae_whole: float | None = None

    def text(self) -> str:
        """For people."""
        error = "" if self.mae is None else f"; error {self.mae_whole:.2f} -> {self.mae:.2f} years"
        return (
            f"{self.size / 1e6:.1f} MB before; {self.time:.2f} x the time; on {self.faces} faces "
            f"ages move by {self.mean:.2g} years, {self.most:.2g} at most{error}"
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def quantise(data: bytes, card: OnnxCard, faces: NDArray[np.uint8]) -> bytes:
    """Computes convolutions in 8-bit integers, their ranges being those that faces give.

    What comes before and after them, and all that makes ages of their features, stays as it is.

    Args:
        data: an ONNX file.
        card: what it says of itself.
        faces: to calibrate on, (N, S, S, 3).

    Raises:
        ModelError: there is no convolution in it, or ONNX Runtime cannot do it.
    """
    with TemporaryDirectory(prefix="agekit-int8-") as place, _quiet():
        whole, ready, small = (str(Path(place, f"{k}.onnx")) for k in range(3))
        Path(whole).write_bytes(data)
        try:
            quant_pre_process(whole, ready, skip_symbolic_shape=True)
            quantize_static(
                ready,
                small,
                _Faces(faces),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv"],
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
        except Exception as error:
            raise ModelError(f"{card.name} cannot be quantised: {one_line(error)}") from error
        model = onnx.load(small)
    if not any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        raise ModelError(f"{card.name} has no convolution: nothing to quantise", "use --half")
    return with_card(model, card)


def measure(whole: bytes, small: bytes, name: str, faces: CalibrationFaces) -> Reduction:
    """Runs a smaller file beside the whole one.

    Raises:
        ModelError: one of them cannot be run.
    """
    sessions = [open_session(data, name) for data in (whole, small)]
    feeds = [{INPUT: faces.held[k : k + _BATCH]} for k in range(0, len(faces.held), _BATCH)]
    before, after = (
        np.concatenate([session.run(["age"], feed)[0] for feed in feeds]) for session in sessions
    )
    spent: list[list[float]] = [[], []]
    for _ in range(_TURNS):
        for session, times in zip(sessions, spent, strict=True):
            began = time.perf_counter()
            session.run(["age"], feeds[0])
            times.append(time.perf_counter() - began)
    moved = np.abs(after - before)
    mae = [
        None if faces.ages is None else float(np.abs(ages - faces.ages).mean())
        for ages in (after, before)
    ]
    ratio = float(np.median(spent[1]) / np.median(spent[0]))
    return Reduction(len(moved), len(whole), ratio, float(moved.mean()), float(moved.max()), *mae)


class _Faces(CalibrationDataReader):  # type: ignore[misc]
    """Faces in batches, as the quantiser asks for them."""

    def __init__(self, faces: NDArray[np.uint8]) -> None:
        self._feeds: Iterator[dict[str, Any]] = iter(
            [{INPUT: faces[k : k + _BATCH]} for k in range(0, len(faces), _BATCH)]
        )

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)


@contextmanager
def _quiet() -> Iterator[None]:
    """While it lasts, the quantiser's own advice, which is followed here, is not printed."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
