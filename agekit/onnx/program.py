"""Models as they are exported: pixels in, answers out; their bytes, and how far from torch."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor, nn

from agekit.errors import AgekitError, ModelError, one_line
from agekit.onnx.card import INPUT, METADATA, Direction, OnnxCard
from agekit.onnx.runtime import MOST_BYTES, open_session
from agekit.tasks.ager.model import FaceAger
from agekit.tasks.ager.pairs import to_network, to_pixels
from agekit.tasks.estimator.model import AgeEstimator
from agekit.zoo.config import ImageConfig

__all__ = [
    "FACES",
    "OPSET",
    "TOLERANCE",
    "AgedPixels",
    "PixelAges",
    "compare",
    "drawn_faces",
    "middle",
    "serialise",
]

OPSET = 18
TOLERANCE = {"age": 1e-3, "low": 1e-2, "high": 1e-2, "distribution": 1e-4, "aged": 1.0}
"""The most that an output may differ from torch's: years, a share, grey levels. The ends of an
interval lie where a millionth of the probability may be a hundredth of a year."""
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


def middle(size: int, crop_pct: float) -> Tensor:
    """The bilinear weights (S, S) that take the middle share of a side and scale it back to S.

    Row i holds the weights of the input's pixels in pixel i of the output, as
    `agekit.data.augment.crop` has them.

    Args:
        size: S.
        crop_pct: the share that is kept, 0 to 1.
    """
    centres = torch.arange(size, dtype=torch.float64) + 0.5
    at = (size * (1 - crop_pct) / 2 + crop_pct * centres).clamp(0.5, size - 0.5)
    return (1 - (at[:, None] - centres).abs()).clamp(min=0).float()


class PixelAges(nn.Module):
    """An estimator from pixels to ages.

    Args:
        network: in evaluation mode.
        image: how it is shown faces.
    """

    window: Tensor
    scale: Tensor
    shift: Tensor

    def __init__(self, network: AgeEstimator, image: ImageConfig) -> None:
        super().__init__()
        self.network = network
        self.cropped = image.crop_pct < 1
        mean, std = torch.tensor(image.mean), torch.tensor(image.std)
        self.register_buffer("window", middle(image.size, image.crop_pct))
        self.register_buffer("scale", (1 / (255 * std)).view(3, 1, 1))
        self.register_buffer("shift", (mean / std).view(3, 1, 1))

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Pixels (N, S, S, 3) uint8 to age, low, high (N,) and, where there is one, p (N, K)."""
        images = pixels.permute(0, 3, 1, 2).float()
        if self.cropped:
            images = self.window @ images @ self.window.T
        raw = self._look(images * self.scale - self.shift)
        found = self.network.estimate(raw)
        ages = (found.age, found.low, found.high)
        return ages if found.distribution is None else (*ages, found.distribution)

    def _look(self, images: Tensor) -> dict[str, Tensor]:
        """As `AgeEstimator.forward_tta`, the faces and their mirror images in one batch."""
        if not self.network.mirror:
            raw: dict[str, Tensor] = self.network(images)
            return raw
        both: dict[str, Tensor] = self.network(torch.cat([images, images.flip(-1)]))
        n = images.shape[0]
        return {name: (value[:n] + value[n:]) / 2 for name, value in both.items()}


class AgedPixels(nn.Module):
    """An ager in one direction, from pixels to pixels.

    Args:
        ager: in evaluation mode.
        to: which way.
    """

    def __init__(self, ager: FaceAger, to: Direction) -> None:
        super().__init__()
        self.generator = ager.old if to == "old" else ager.young

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Pixels (N, S, S, 3) uint8 to the same, aged."""
        return (to_pixels(self.generator(to_network(pixels))),)


def serialise(module: nn.Module, card: OnnxCard) -> bytes:
    """The bytes of a module as an ONNX model, its card in the metadata.

    Args:
        module: pixels (N, S, S, 3) uint8 to the outputs that the card names, in their order.
        card: what the model is to say of itself.

    Raises:
        ModelError: it cannot be exported.
    """
    names = list(card.outputs)
    faces = drawn_faces(card.size)[:2]
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program: Any = torch.onnx.export(
                module,
                (faces,),
                dynamo=True,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=names,
                dynamic_shapes=({0: torch.export.Dim("faces")},),
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


def compare(module: nn.Module, card: OnnxCard, data: bytes) -> dict[str, float]:
    """The largest difference of each output from torch's on drawn faces, in batches of any size.

    Args:
        module: what was exported.
        card: what it says of itself.
        data: the bytes it became.

    Raises:
        ModelError: the bytes cannot be run.
    """
    session = open_session(data, card.name)
    faces = drawn_faces(card.size)
    names = list(card.outputs)
    with torch.no_grad():
        wanted = [value.numpy() for value in module(faces)]
    largest = dict.fromkeys(names, 0.0)
    for rows in (slice(None), slice(0, 1), slice(1, FACES)):
        try:
            found: Sequence[NDArray[Any]] = session.run(names, {INPUT: faces[rows].numpy()})
        except Exception as error:
            raise ModelError(f"{card.name} fails as ONNX: {one_line(error)}") from error
        for name, ours, theirs in zip(names, found, wanted, strict=True):
            right = theirs[rows].astype(np.float64)
            same = ours.shape == right.shape
            gap = np.abs(ours - right).max() if same else np.inf
            largest[name] = max(largest[name], float(np.nan_to_num(gap, nan=np.inf)))
    return largest
