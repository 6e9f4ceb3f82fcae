"""ONNX files opened and run by ONNX Runtime: no torch is needed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agekit.errors import ConfigError, ModelError, one_line
from agekit.extras import package_module
from agekit.onnx.card import EXTRA, INPUT

__all__ = ["MOST_BYTES", "open_session", "run_session"]

MOST_BYTES = 2_000_000_000
"""The most that one ONNX file can hold, about."""
ERRORS_ONLY = 3
"""The severity from which ONNX Runtime speaks on stderr."""


def open_session(model: bytes, name: str, device: str = "cpu") -> Any:
    """A model ready to run.

    The session has no threads of its own, so that a process forked from this one can go on with
    it; `run_session` shares a batch among the cores.

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
    options.intra_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    providers = _providers(runtime, device)
    try:
        return runtime.InferenceSession(model, options, providers=providers)
    except Exception as error:
        raise ModelError(
            f"{name} is not a model that ONNX Runtime can run: {one_line(error)}",
            "it may be damaged: export it again",
        ) from error


def run_session(
    session: Any, names: Sequence[str], pixels: NDArray[np.uint8], **more: NDArray[np.float32]
) -> list[NDArray[Any]]:
    """The outputs of a model for a batch, which the cores share where they compute.

    Args:
        session: of `open_session`.
        names: of the outputs.
        pixels: (N, S, S, 3).
        more: what else it takes, (N,) each.
    """
    given: dict[str, NDArray[Any]] = {INPUT: pixels, **more}
    run = partial(session.run, [*names])
    parts = min(_cores(), len(pixels)) if session.get_providers()[0].startswith("CPU") else 1
    if parts <= 1:
        return [np.asarray(one) for one in run(given)]
    split = zip(*(np.array_split(value, parts) for value in given.values()), strict=True)
    feeds = [dict(zip(given, part, strict=True)) for part in split]
    with ThreadPoolExecutor(parts) as pool:
        return [np.concatenate(column) for column in zip(*pool.map(run, feeds), strict=True)]


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
    """The number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
