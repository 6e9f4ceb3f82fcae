"""Sessions of ONNX Runtime."""

from __future__ import annotations

import os
from typing import Any

from agekit._loading import one_line
from agekit.errors import ConfigError, ModelError
from agekit.onnx.card import EXTRA
from agekit.tasks.ager.judges.packages import package_module

__all__ = ["MOST_BYTES", "open_session"]

MOST_BYTES = 2_000_000_000
"""What one ONNX file can hold, about."""

ERRORS_ONLY = 3


def open_session(model: bytes, name: str, device: str = "cpu") -> Any:
    """A model ready to run, on all cores; its threads sleep while they wait for each other.

    They share the cores with those that decode images, which spinning would take time from.

    Args:
        model: the bytes of an ONNX file; nothing outside of them is read.
        name: what to call it in errors.
        device: ``auto`` and ``cpu`` are the CPU; ``cuda`` or ``cuda:N``.

    Raises:
        ConfigError: ONNX Runtime is not installed, or cannot use that device.
        ModelError: it is no model that ONNX Runtime can run.
    """
    runtime = package_module("onnxruntime", "onnxruntime", EXTRA)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = _cores()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = ERRORS_ONLY
    providers = _providers(runtime, device)
    try:
        return runtime.InferenceSession(model, options, providers=providers)
    except Exception as error:
        raise ModelError(
            f"{name} is not a model that ONNX Runtime can run: {one_line(error)}",
            "it may be damaged: export it again",
        ) from error


def _providers(runtime: Any, device: str) -> list[Any]:
    if device in ("auto", "cpu"):
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in runtime.get_available_providers():
        raise ConfigError(
            f"this ONNX Runtime cannot compute on {device}",
            "use --device cpu, or install onnxruntime-gpu instead of onnxruntime",
        )
    number = int(device.partition(":")[2] or 0)
    return [("CUDAExecutionProvider", {"device_id": number}), "CPUExecutionProvider"]


def _cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
