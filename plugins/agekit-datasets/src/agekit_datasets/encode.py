"""Encoding RGB arrays as image files."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agekit.errors import ConfigError

__all__ = ["DEFAULT_FORMAT", "QUALITY", "Encoding", "Format"]

Format = Literal["jpeg", "png", "webp"]

DEFAULT_FORMAT: Format = "webp"
QUALITY = {"jpeg": 90, "webp": 82}
"""By default; at 82 a face of 128 pixels takes about 1.9 kB in WebP."""


@dataclass(frozen=True)
class Encoding:
    """A format of image files, in which images are encoded anew.

    Attributes:
        size: side of the square in pixels; None keeps the images' own sizes.
        format: of the files.
        quality: 1 to 100; None for PNG, which loses nothing.
    """

    size: int | None
    format: Format
    quality: int | None

    @property
    def ending(self) -> str:
        """Of the files' names."""
        return ".jpg" if self.format == "jpeg" else f".{self.format}"

    @classmethod
    def choose(
        cls, size: int | None, format: Format | None, quality: int | None
    ) -> Encoding | None:
        """An encoding as asked for, the rest by default; None where images are kept as they are.

        Raises:
            ConfigError: a quality without anything to encode, or for PNG.
        """
        if size is None and format is None:
            if quality is not None:
                raise ConfigError("a quality says nothing where the images are packed as they are")
            return None
        chosen = format or DEFAULT_FORMAT
        if chosen == "png" and quality is not None:
            raise ConfigError("PNG has no quality, it loses nothing")
        return cls(size, chosen, QUALITY.get(chosen) if quality is None else quality)

    def encode(self, image: NDArray[np.uint8]) -> bytes:
        """The bytes of an image, (H, W, 3) RGB."""
        file = io.BytesIO()
        options = {} if self.quality is None else {"quality": self.quality}
        Image.fromarray(image).save(file, self.format, **options)
        return file.getvalue()
