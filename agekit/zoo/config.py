"""A model's ``config.json``: everything inference needs, as validated plain data."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field

from agekit._mistakes import StrictSchema
from agekit.data.alignment import Alignment
from agekit.recipe.schema import DataConfig
from agekit.zoo.files import ONNX_NAME

__all__ = ["DISTRIBUTIONS", "ImageConfig", "ModelConfig"]

DISTRIBUTIONS = "distributions"
"""The key of what gave the parts of a run: distribution → version; in `trained` too."""

Triple = tuple[float, float, float]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
OnnxName = Annotated[str, Field(pattern=ONNX_NAME)]
Spread = Annotated[float, Field(gt=0)]


class ImageConfig(StrictSchema):
    """The network's input: side in pixels, normalisation of RGB in [0, 1], the share kept."""

    size: Annotated[int, Field(ge=16, le=1024)]
    mean: Triple
    std: tuple[Spread, Spread, Spread]
    crop_pct: Annotated[float, Field(ge=0.5, le=1)] = 1.0

    @classmethod
    def of(cls, data: DataConfig) -> Self:
        """The input that the ``data`` of a recipe asks for."""
        return cls(**data.model_dump(include=set(cls.model_fields)))


class ModelConfig(StrictSchema):
    """The keys of the ``config.json`` of every model folder; each task adds its own.

    Parts are named as the registries know them; nothing else in the file can name code. The hashes
    are of the files beside it: the weights, and the ONNX files by name, which older models lack.
    """

    schema_version: Literal[1] = 1
    task: str
    name: str
    image: ImageConfig
    face: Alignment = Alignment()
    parameters: int
    weights_sha256: Sha256 | None = None
    onnx_sha256: dict[OnnxName, Sha256] = {}
    requires: dict[str, str] = {}
    trained: dict[str, Any] = {}

    @property
    def network(self) -> str:
        """The registry name of the part that does most of the work."""
        raise NotImplementedError

    @property
    def summary(self) -> str:
        """One line of what it does, by what network."""
        raise NotImplementedError
