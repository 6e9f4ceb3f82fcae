"""Engines: face chips in, aged ones out, by whatever computes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from agekit.onnx.session import run_session
from agekit_ager.image import Direction

__all__ = ["AgedChips", "AgingEngine", "OnnxAging", "Wish"]

Wish = Direction | tuple[NDArray[np.float32], NDArray[np.float32]]
"""A direction or, of each face, its age and the age it is to look, (N,) years each."""


class AgedChips(NamedTuple):
    """What an ager makes of chips.

    Attributes:
        pixels: (N, S, S, 3) from 0 to 255.
        moved: (N, S, S, 2) by how many pixels to the right and down what each shows lay in the
            chip; None of an ager that does not say so.
    """

    pixels: NDArray[np.float32]
    moved: NDArray[np.float32] | None = None


class AgingEngine(Protocol):
    """What computes the faces of an ager."""

    @property
    def runtime(self) -> str:
        """``torch`` or ``onnx``."""

    @property
    def device(self) -> Any:
        """Where it computes, a torch device or its name."""

    def run(self, pixels: NDArray[np.uint8], wish: Wish) -> AgedChips:
        """Chips (N, S, S, 3) to the same, aged."""


class OnnxAging:
    """An ager by ONNX Runtime.

    Args:
        session: opens the file of a direction, or of an ager by age, None; called once for each.
    """

    runtime = "onnx"
    device = "cpu"

    def __init__(self, session: Callable[[Direction | None], Any]) -> None:
        self._open = session
        self._sessions: dict[Direction | None, Any] = {}

    def run(self, pixels: NDArray[np.uint8], wish: Wish) -> AgedChips:
        """See `AgingEngine.run`."""
        way = wish if isinstance(wish, str) else None
        if way not in self._sessions:
            self._sessions[way] = self._open(way)
        more = {} if isinstance(wish, str) else dict(zip(("age", "to"), wish, strict=True))
        session = self._sessions[way]
        names = [one.name for one in session.get_outputs() if one.name in ("aged", "moved")]
        made = dict(zip(names, run_session(session, names, pixels, **more), strict=True))
        return AgedChips(made["aged"].astype(np.float32), made.get("moved"))
