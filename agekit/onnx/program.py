"""From a torch module to the bytes of an ONNX model, run beside torch before they are written."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from agekit.errors import AgekitError, ModelError, one_line
from agekit.onnx.card import INPUT, METADATA, OnnxCard, OnnxGraph
from agekit.onnx.session import MOST_BYTES, open_session

__all__ = [
    "FACES",
    "OPSET",
    "CheckedGraph",
    "compare",
    "drawn_faces",
    "make_graph",
    "serialise",
]

OPSET = 18
FACES = 6


_OVALS = (
    ((0.2, 0.1, 0.8, 0.95), (235, 195, 165)),
    ((0.32, 0.42, 0.44, 0.49), (60, 40, 30)),
    ((0.56, 0.42, 0.68, 0.49), (60, 40, 30)),
    ((0.38, 0.7, 0.62, 0.77), (190, 90, 90)),
)
"""Head, eyes and mouth: x0, y0, x1, y1 in shares of the side, and RGB."""


def drawn_faces(size: int) -> Tensor:
    """Plain drawn faces, each of another tone and background, (FACES, S, S, 3) uint8."""
    random = np.random.default_rng(5)
    drawn = []
    for tone in np.linspace(0.3, 1, FACES):
        noise = Image.fromarray(random.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        picture = noise.resize((size, size), Image.Resampling.BICUBIC)
        pen = ImageDraw.Draw(picture)
        for box, colour in _OVALS:
            pen.ellipse([size * end for end in box], tuple(round(tone * c) for c in colour))
        drawn.append(np.asarray(picture))
    return torch.from_numpy(np.stack(drawn))


class CheckedGraph(NamedTuple):
    """A graph as it is written.

    Args:
        data: the bytes of the ONNX file.
        differences: the largest difference of each output from torch's on drawn faces.
    """

    data: bytes
    differences: dict[str, float]


def make_graph(graph: OnnxGraph, card: OnnxCard) -> CheckedGraph:
    """Makes an ONNX file and runs it beside torch on drawn faces.

    Raises:
        ModelError: it cannot be exported, or comes out different by more than its tolerance.
    """
    data = serialise(graph, card)
    differences = compare(graph, card, data)
    most = graph.tolerance
    wrong = [f"{name} by {d:.2g}" for name, d in differences.items() if not d <= most[name]]
    if wrong:
        raise ModelError(
            f"{card.name} comes out different as ONNX ({', '.join(wrong)}): nothing written",
            "report it with the model's config.json and the versions of torch and onnxscript",
        )
    return CheckedGraph(data, differences)


def serialise(graph: OnnxGraph, card: OnnxCard) -> bytes:
    """The bytes of a module as an ONNX model, its card in the metadata.

    Args:
        graph: its module takes pixels (N, S, S, 3) uint8, and more, to the outputs that the card
            names, in their order.
        card: what the model is to say of itself.

    Raises:
        ModelError: it cannot be exported.
    """
    names = list(card.outputs)
    given = [value[:2] for value in _tried(graph, card).values()]
    rows = {0: torch.export.Dim("faces")}
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program: Any = torch.onnx.export(
                graph.module,
                tuple(given),
                dynamo=True,
                opset_version=OPSET,
                input_names=[INPUT, *graph.more],
                output_names=names,
                dynamic_shapes=(rows,) * len(given),
                verbose=False,
            )
        model = program.model
    except Exception as error:
        if isinstance(error, AgekitError):
            raise
        reason = textwrap.shorten(one_line(error), 300, placeholder=" ...")
        raise ModelError(
            f"{card.name} cannot be exported: {type(error).__name__}: {reason}",
            "a part of it does something that ONNX lacks, or that depends on the number of faces",
        ) from error
    if model.opset_imports.get("") != OPSET:
        raise ModelError(f"{card.name} cannot be exported with ONNX operators of {OPSET}")
    _forget_sources(model)
    model.metadata_props[METADATA] = card.model_dump_json(exclude_none=True)
    proto = program.model_proto
    if proto.ByteSize() > MOST_BYTES:
        raise ModelError(f"{card.name} is too large to be exported: 2 GB are the most")
    data: bytes = proto.SerializeToString()
    return data


def _tried(graph: OnnxGraph, card: OnnxCard) -> dict[str, Tensor]:
    """Inputs to try it with, `FACES` rows each."""
    more = {name: np.resize(values, FACES) for name, (_, values) in graph.more.items()}
    return {INPUT: drawn_faces(card.size)} | {
        name: torch.from_numpy(values.astype(np.float32)) for name, values in more.items()
    }


def _forget_sources(model: Any) -> None:
    """Takes out where in this machine's files each operator came from."""
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        node.doc_string = None
        for value in node.outputs:
            value.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.initializers.values()):
        value.metadata_props.clear()
    model.graph.metadata_props.clear()
    model.metadata_props.clear()


def compare(graph: OnnxGraph, card: OnnxCard, data: bytes) -> dict[str, float]:
    """The largest difference of each output from torch's on drawn faces, in batches of any size.

    Args:
        graph: what was exported.
        card: what it says of itself.
        data: the bytes it became.

    Raises:
        ModelError: the bytes cannot be run.
    """
    session = open_session(data, card.name)
    given = _tried(graph, card)
    names = list(card.outputs)
    with torch.no_grad():
        wanted = [value.numpy() for value in graph.module(*given.values())]
    largest = dict.fromkeys(names, 0.0)
    for rows in (slice(None), slice(0, 1), slice(1, FACES)):
        try:
            found: Sequence[NDArray[Any]] = session.run(
                names, {name: value[rows].numpy() for name, value in given.items()}
            )
        except Exception as error:
            raise ModelError(f"{card.name} fails as ONNX: {one_line(error)}") from error
        for name, ours, theirs in zip(names, found, wanted, strict=True):
            right = theirs[rows].astype(np.float64)
            same = ours.shape == right.shape
            gap = np.abs(ours - right).max() if same else np.inf
            largest[name] = max(largest[name], float(np.nan_to_num(gap, nan=np.inf)))
    return largest
