"""Writes the ONNX files of MTCNN's networks from their weights, and says how far they are off.

Run with `python benchmarks/mtcnn_onnx.py`; needs the extra `onnx`. The files lie beside the
weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from agekit.faces.mtcnn import weights
from agekit.faces.mtcnn.engines import onnx_networks
from agekit.faces.mtcnn.networks import ONet, PNet, RNet

OPSET = 18
OUTPUTS = ("faces", "shifts", "points")


def main() -> None:
    """Exports each network and compares the two on random images."""
    folder = Path(weights.__file__).parent
    batch, height, width = (torch.export.Dim(name) for name in ("images", "height", "width"))
    parts: list[tuple[str, Any, int, dict[int, Any]]] = [
        ("pnet", PNet(), 36, {0: batch, 2: height, 3: width}),
        ("rnet", RNet(), 24, {0: batch}),
        ("onet", ONet(), 48, {0: batch}),
    ]
    random = np.random.default_rng(0)
    torch_networks = {}
    for name, network, side, free in parts:
        torch_networks[name] = weights.load_weights(network, name)
        program: Any = torch.onnx.export(
            torch_networks[name],
            (torch.zeros(2, 3, side, side + (name == "pnet")),),
            dynamo=True,
            opset_version=OPSET,
            input_names=["images"],
            output_names=list(OUTPUTS[: 3 if name == "onet" else 2]),
            dynamic_shapes=(free,),
            verbose=False,
        )
        for node in program.model.graph.all_nodes():
            node.metadata_props.clear()
        program.model.metadata_props.clear()
        program.model.graph.metadata_props.clear()
        (folder / f"{name}.onnx").write_bytes(program.model_proto.SerializeToString())
    ours = onnx_networks()
    for name, _, side, _ in parts:
        images = random.uniform(-1, 1, (16, 3, side, side)).astype(np.float32)
        with torch.inference_mode():
            right = torch_networks[name](torch.from_numpy(images))
        found = getattr(ours, name)(images)
        gap = max(np.abs(a - b.numpy()).max() for a, b in zip(found, right, strict=True))
        size = (folder / f"{name}.onnx").stat().st_size
        print(f"{name}: {size:,} bytes, at most {gap:.1e} from torch")


if __name__ == "__main__":
    main()
