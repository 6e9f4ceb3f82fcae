"""A loaded model: images in, ages with intervals and distributions out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from agekit.data.augment import normalise
from agekit.data.decode import decode, decode_image
from agekit.device import pick_device
from agekit.errors import DataError
from agekit.estimator.model import AgeEstimator
from agekit.zoo.config import ModelConfig
from agekit.zoo.folder import find_model, load_model

__all__ = ["Face", "Prediction", "Predictor", "load"]

ImageLike = str | Path | Image.Image | NDArray[np.uint8]


@dataclass(frozen=True)
class Face:
    """One face's age.

    Attributes:
        age: years.
        interval: the calibrated interval (low, high), years.
        box: where the face is in the image (x0, y0, x1, y1), pixels, or None for a chip.
        ages: the label ages of `p`.
        p: the distribution over `ages`, or None.
    """

    age: float
    interval: tuple[float, float]
    box: tuple[float, float, float, float] | None = None
    ages: tuple[int, ...] = ()
    p: tuple[float, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """As ``agekit predict --json`` prints it."""
        distribution = None if self.p is None else {"ages": list(self.ages), "p": list(self.p)}
        return {
            "age": round(self.age, 2),
            "interval": [round(end, 2) for end in self.interval],
            "box": None if self.box is None else list(self.box),
            "distribution": distribution,
        }


@dataclass(frozen=True)
class Prediction:
    """What was found in one image: its faces, or why there is nothing."""

    path: str
    faces: tuple[Face, ...]
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As ``agekit predict --json`` prints it."""
        faces = [face.to_json() for face in self.faces]
        return {"path": self.path, "faces": faces, "error": self.error}


class Predictor:
    """A model ready to estimate.

    Args:
        network: in evaluation mode, on its device.
        config: the model's configuration.
    """

    def __init__(self, network: AgeEstimator, config: ModelConfig) -> None:
        self.network = network
        self.config = config
        self.device = next(network.parameters()).device
        self._mean = torch.tensor(config.image.mean, device=self.device)
        self._std = torch.tensor(config.image.std, device=self.device)

    def predict(
        self, images: ImageLike | Iterable[ImageLike], *, batch_size: int = 64
    ) -> list[Prediction]:
        """Estimates the age of the face in each image.

        Args:
            images: paths, Pillow images, or RGB arrays (H, W, 3) uint8, or one of them; face chips.
            batch_size: how many go through the network at once.

        Returns:
            One prediction an image, in order; one that cannot be read has its `error` set.
        """
        out: list[Prediction] = []
        for chunk in _chunks(_several(images), batch_size):
            out += self._predict(chunk)
        return out

    def _predict(self, images: Sequence[ImageLike]) -> list[Prediction]:
        size = self.config.image.size
        names = [str(i) if isinstance(i, str | Path) else "" for i in images]
        pixels: list[NDArray[np.uint8]] = []
        errors: list[str | None] = []
        for image in images:
            try:
                if isinstance(image, str | Path):
                    pixels.append(decode(Path(image), size))
                else:
                    pixels.append(decode_image(image, size))
                errors.append(None)
            except DataError as error:
                errors.append(error.message)
            except OSError as error:
                errors.append(f"{image}: {error.strerror or error}")
        faces = iter(self._faces(np.stack(pixels)) if pixels else [])
        return [
            Prediction(name, (next(faces),) if error is None else (), error)
            for name, error in zip(names, errors, strict=True)
        ]

    @torch.no_grad()
    def _faces(self, pixels: NDArray[np.uint8]) -> list[Face]:
        batch = normalise(
            torch.from_numpy(pixels).to(self.device),
            self._mean,
            self._std,
            crop_pct=self.config.image.crop_pct,
        )
        estimate = self.network.estimate(self.network.look(batch))
        ages = tuple(range(self.network.ages[0], self.network.ages[1] + 1))
        columns = [x.cpu().tolist() for x in (estimate.age, estimate.low, estimate.high)]
        p = estimate.distribution
        rows = [None] * len(pixels) if p is None else [tuple(row) for row in p.cpu().tolist()]
        return [
            Face(age, (low, high), None, () if row is None else ages, row)
            for age, low, high, row in zip(*columns, rows, strict=True)
        ]


def load(model: str | Path, device: str = "auto") -> Predictor:
    """Loads a model for prediction.

    Args:
        model: a model folder or a run folder.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        ModelError: there is no such model, or its files are damaged.
    """
    return Predictor(*load_model(find_model(model), pick_device(device)))


def _several(images: ImageLike | Iterable[ImageLike]) -> Iterable[ImageLike]:
    """An image itself as a list of one; an array of four dimensions is a batch."""
    if isinstance(images, np.ndarray):
        return [images] if images.ndim < 4 else list(images)
    return [images] if isinstance(images, str | Path | Image.Image) else images


def _chunks(images: Iterable[ImageLike], size: int) -> Iterator[list[ImageLike]]:
    chunk: list[ImageLike] = []
    for image in images:
        chunk.append(image)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
