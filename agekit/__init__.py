"""agekit: train, compare, publish and run models of the face and its age."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from agekit.tasks.estimator.build import build
    from agekit.tasks.estimator.predictor import load
    from agekit.tasks.evaluate import evaluate
    from agekit.training.train import train

    __version__: str

# Before ONNX Runtime is imported: its wheels carry telemetry, which keeps an id of a session among
# temporary files and knows where to report it. What is looked at here leaves no trace.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
if sys.platform == "darwin":
    # Before torch is imported: what Apple's GPUs cannot do runs on the CPU, and torch says so once.
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")

__all__ = ["__version__", "build", "evaluate", "load", "load_aging", "train"]

_MODULES = {
    "build": "agekit.tasks.estimator.build",
    "evaluate": "agekit.tasks.evaluate",
    "load": "agekit.tasks.estimator.predictor",
    "train": "agekit.training.train",
}
"""Where each function is: one that runs models needs no library of training."""


def load_aging(model: str | Path | None = None, device: str = "auto", runtime: str = "auto") -> Any:
    """Loads an ager for use.

    Args:
        model: as `agekit.load` takes it; None takes the zoo's default ager.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        runtime: as `agekit.load` takes it.

    Returns:
        An `agekit_ager.FaceAging`.

    Raises:
        UnknownNameError: agekit-ager is not installed, which gives the task.
        ModelError: there is no such model, its files are damaged, or it is an estimator's.
    """
    from agekit.extras import explained
    from agekit.registry import TASKS

    with explained():
        return TASKS.get("ager").load(model, device, runtime)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from agekit.discovery import core_version

        return core_version()
    if name in _MODULES:
        from importlib import import_module

        from agekit.extras import explained

        with explained():
            return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'agekit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
