"""The runtime of a model: torch, or ONNX Runtime, which needs no torch."""

from __future__ import annotations

import ctypes
import os
import sys
from importlib.util import find_spec
from typing import Literal

from agekit.errors import ConfigError
from agekit.zoo.config import ModelConfig

__all__ = ["RUNTIMES", "Runtime", "choose_runtime", "has_gpu"]

Runtime = Literal["auto", "onnx", "torch"]
RUNTIMES = ("auto", "onnx", "torch")
_DRIVERS = ("libcuda.so.1", "nvcuda.dll", "libamdhip64.so")


def choose_runtime(config: ModelConfig, runtime: str, device: str) -> Literal["onnx", "torch"]:
    """The runtime that is to compute a model folder.

    Args:
        config: the folder's.
        runtime: what was asked for. ``auto`` is ONNX Runtime on a CPU where the folder has an ONNX
            file, else torch.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        ConfigError: there is no such runtime.
    """
    if runtime not in RUNTIMES:
        raise ConfigError(f"there is no runtime {runtime!r}", f"use {', '.join(RUNTIMES)}")
    if runtime == "auto":
        on_cpu = device == "cpu" or (device == "auto" and not has_gpu())
        return "onnx" if config.onnx_sha256 and on_cpu else "torch"
    return "onnx" if runtime == "onnx" else "torch"


def has_gpu() -> bool:
    """True if torch would compute on a GPU; it is asked, and imported, only where one may be."""
    if "torch" not in sys.modules and not (find_spec("torch") and _may_have_gpu()):
        return False
    from agekit.device import pick_device

    return pick_device("auto").type != "cpu"


def _may_have_gpu() -> bool:
    """True if a driver of GPUs is installed; a library is looked at in a moment, torch is not."""
    if sys.platform == "darwin":
        return True
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    for name in _DRIVERS:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False
