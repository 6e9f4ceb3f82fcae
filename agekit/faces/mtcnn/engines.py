"""The networks of MTCNN as functions: by ONNX Runtime on a CPU, by torch on another device."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from numpy.typing import NDArray

__all__ = ["MTCNN_GRAPHS", "Floats", "Networks", "Stage", "onnx_networks", "torch_networks"]

Floats = NDArray[np.floating]
Stage = Callable[[Floats], tuple[Floats, ...]]
"""One network: float32 images (N, 3, H, W), -1 to 1, to its outputs."""

MTCNN_GRAPHS = {n: Path(__file__).with_name(f"{n}.onnx") for n in ("pnet", "rnet", "onet")}
"""Their ONNX files."""
_ERRORS_ONLY = 3
"""The severity from which ONNX Runtime speaks on stderr."""


@dataclass(frozen=True)
class Networks:
    """The three; `agekit.faces.mtcnn.networks` says what each gives."""

    pnet: Stage
    rnet: Stage
    onet: Stage


def onnx_networks() -> Networks:
    """Of the ONNX files beside this module.

    The sessions have no threads: the networks are too small to gain from them, and a process
    forked from this one can go on with the sessions.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY

    def stage(path: Path) -> Stage:
        file, providers = os.fspath(path), ["CPUExecutionProvider"]
        session = onnxruntime.InferenceSession(file, options, providers=providers)
        return lambda images: tuple(session.run(None, {"images": images}))

    return Networks(**{name: stage(path) for name, path in MTCNN_GRAPHS.items()})


def torch_networks(device: Any) -> Networks:
    """Of the weights, in single precision.

    Args:
        device: a torch device, or its name.

    Raises:
        ModelError: the weights are missing or damaged.
    """
    import torch

    from agekit.faces.mtcnn.networks import ONet, PNet, RNet, load_weights

    def stage(name: str, network: torch.nn.Module) -> Stage:
        loaded = load_weights(network, name).to(device)

        def run(images: Floats) -> tuple[Floats, ...]:
            # Neither TF32, nor a search for algorithms at every new size of picture.
            steady = torch.backends.cudnn.flags(
                enabled=True, benchmark=False, deterministic=True, allow_tf32=False
            )
            with torch.inference_mode(), steady:
                outputs = loaded(torch.tensor(images, device=device))
            return tuple(output.cpu().numpy() for output in outputs)

        return run

    return Networks(stage("pnet", PNet()), stage("rnet", RNet()), stage("onet", ONet()))
