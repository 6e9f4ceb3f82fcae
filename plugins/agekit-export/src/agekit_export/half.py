"""ONNX files with weights in half precision, which are computed with in single precision."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from safetensors import safe_open

from agekit.data.notes import tell
from agekit.errors import ModelError
from agekit.onnx.card import METADATA, OnnxCard, OnnxGraph
from agekit.onnx.program import CheckedGraph, compare
from agekit.zoo.files import WEIGHTS, tensor_types
from agekit.zoo.graphs import Reduce

__all__ = ["as_stored", "half_graph", "half_weights", "with_card"]

_SMALL = 1024
"""Numbers of a tensor that is not worth halving."""
_SAME = 1e-6
"""The share of the largest number of a tensor by which another may differ and be the same."""


def as_stored(folder: Path) -> Reduce | None:
    """What makes the ONNX files of a model hold half precision where its weights do; else None.

    A file that cannot be halved stays as it is, which is told.

    Raises:
        ModelError: the weights cannot be read.
    """
    types = {*tensor_types(folder / WEIGHTS).values()}
    if "F16" not in types or {"F32", "F64", "BF16"} & types:
        return None
    weights = half_weights(folder)

    def reduce(graph: OnnxGraph, card: OnnxCard, whole: CheckedGraph) -> CheckedGraph:
        try:
            return half_graph(graph, card, whole, weights)
        except ModelError as error:
            tell(f"the ONNX file holds single precision: {error.message}")
            return whole

    return reduce


def half_weights(folder: Path) -> dict[str, NDArray[Any]]:
    """The weights of a model that are stored in half precision, by name.

    Raises:
        ModelError: they cannot be read.
    """
    types = tensor_types(folder / WEIGHTS)
    with safe_open(folder / WEIGHTS, "numpy") as tensors:
        return {name: tensors.get_tensor(name) for name, kind in types.items() if kind == "F16"}


def half_graph(
    graph: OnnxGraph, card: OnnxCard, whole: CheckedGraph, weights: Mapping[str, NDArray[Any]]
) -> CheckedGraph:
    """An ONNX file with its weights in half precision, run beside torch as `make_graph` does.

    Args:
        graph: of the model.
        card: what it says of itself.
        whole: the same in single precision.
        weights: those of the model that are stored in half precision.

    Raises:
        ModelError: a weight is too large for it, or its first output changes by too much.
    """
    data = _halve(whole.data, card, weights)
    differences = compare(graph, card, data)
    first, moved = next(iter(differences.items()))
    if not moved <= (100 * graph.tolerance[first] if graph.half is None else graph.half):
        raise ModelError(
            f"{card.name} comes out too different in float16: its {first} by {moved:.2g} "
            f"{graph.unit}",
            "leave out --half",
        )
    return CheckedGraph(data, differences)


def _halve(data: bytes, card: OnnxCard, weights: Mapping[str, NDArray[Any]]) -> bytes:
    """Stores the large weights in half precision; they are computed with in single precision.

    A convolution's weights are a tensor of the model's, each channel of it times a number that the
    export has made of the normalisation behind it. Where that tensor is in half precision already
    it is kept as it is, the numbers beside it, and nothing is rounded twice.

    Raises:
        ModelError: a weight is too large for half precision.
    """
    model = onnx.load_model_from_string(data)
    nodes, scales = [], []
    for weight in model.graph.initializer:
        dims = [*weight.dims]
        if weight.data_type != onnx.TensorProto.FLOAT or np.prod(dims) < _SMALL or len(dims) < 2:
            continue
        if dims[-2:] == [card.size, card.size]:
            continue  # How images are cut or pixels lie: rounded, it would move colours.
        whole, value = weight.name, numpy_helper.to_array(weight)
        with np.errstate(over="ignore"):
            half, scale = value.astype(np.float16), None
        if not np.array_equal(half, value):
            half, scale = _scaled(value, weights) or (half, None)
        if not np.isfinite(half).all():
            raise ModelError(
                f"{card.name}: a weight is too large for half precision", "leave out --half"
            )
        stored, single = f"{whole}.half", whole if scale is None else f"{whole}.single"
        weight.CopyFrom(numpy_helper.from_array(half, stored))
        nodes.append(onnx.helper.make_node("Cast", [stored], [single], to=onnx.TensorProto.FLOAT))
        if scale is not None:
            scales.append(numpy_helper.from_array(scale, f"{whole}.scale"))
            nodes.append(onnx.helper.make_node("Mul", [single, scales[-1].name], [whole]))
    model.graph.initializer.extend(scales)
    nodes += model.graph.node
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return with_card(model, card.model_copy(update={"precision": "float16"}))


def _scaled(
    value: NDArray[Any], weights: Mapping[str, NDArray[Any]]
) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """The tensor that another one is by channels, and how many times, (N, 1, ...); None of none."""
    for one in weights.values():
        if one.shape != value.shape:
            continue
        rows = tuple(range(1, value.ndim))
        times = (value * one).sum(rows, keepdims=True)
        scale = times / np.maximum(np.square(one, dtype=np.float32).sum(rows, keepdims=True), 1e-30)
        if np.abs(value - one * scale).max() <= _SAME * np.abs(value).max():
            return one, scale
    return None


def with_card(model: onnx.ModelProto, card: OnnxCard) -> bytes:
    """The bytes of an ONNX model that says this of itself."""
    about = {one.key: one.value for one in model.metadata_props}
    about[METADATA] = card.model_dump_json(exclude_none=True)
    onnx.helper.set_model_props(model, about)
    return bytes(model.SerializeToString())
