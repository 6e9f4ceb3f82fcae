"""Engines: face chips in, aged ones out, by whatever computes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agekit.onnx.session import run_session
from agekit_ager.image import Direction

__all__ = ["AgingEngine", "OnnxAging", "Wish"]

Wish = Direction | tuple[NDArray[np.float32], NDArray[np.float32]]
"""A direction or, of each face, its age and the age it is to look, (N,) years each."""


class AgingEngine(Protocol):
    """What computes the faces of an ager."""

    @property
    def runtime(self) -> str:
        """``torch`` or ``onnx``."""

    @property
    def device(self) -> Any:
        """Where it computes, a torch device or its name."""

    def run(self, pixels: NDArray[np.uint8], wish: Wish) -> NDArray[np.float32]:
        """Chips (N, S, S, 3) to the same, aged, from 0 to 255."""


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

    def run(self, pixels: NDArray[np.uint8], wish: Wish) -> NDArray[np.float32]:
        """See `AgingEngine.run`."""
        way = wish if isinstance(wish, str) else None
        if way not in self._sessions:
            self._sessions[way] = self._open(way)
        more = {} if isinstance(wish, str) else dict(zip(("age", "to"), wish, strict=True))
        [aged] = run_session(self._sessions[way], ["aged"], pixels, **more)
        return aged.astype(np.float32)
