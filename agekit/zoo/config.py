"""A model's ``config.json``: everything inference needs, as validated plain data."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from agekit._mistakes import StrictSchema
from agekit.data.alignment import Alignment
from agekit.recipe.schema import PartConfig
from agekit.tasks.estimator.recipe import HeadName

__all__ = [
    "DISTRIBUTIONS",
    "SCHEMA_VERSION",
    "AgerConfig",
    "AnyConfig",
    "ImageConfig",
    "IntervalConfig",
    "ModelConfig",
]

SCHEMA_VERSION = 1
DISTRIBUTIONS = "distributions"
"""The key of what gave the parts of a run: distribution → version; in `trained` too."""

Age = Annotated[int, Field(ge=0, le=150)]
Triple = tuple[float, float, float]
Spread = Annotated[float, Field(gt=0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ImageConfig(StrictSchema):
    """What the network takes: side in pixels, normalisation of RGB in [0, 1], the share kept."""

    size: Annotated[int, Field(ge=16, le=1024)]
    mean: Triple
    std: tuple[Spread, Spread, Spread]
    crop_pct: Annotated[float, Field(ge=0.5, le=1)] = 1.0


class IntervalConfig(StrictSchema):
    """The share of faces an interval is meant to hold, and the years it is widened by."""

    level: Annotated[float, Field(gt=0, lt=1)]
    margin: float
    calibrated_on: str


class ModelConfig(StrictSchema):
    """What the ``config.json`` of an estimator's model folder holds.

    Parts are named as the registries know them; nothing else in the file can name code.
    """

    schema_version: Literal[1] = 1
    task: Literal["estimator"] = "estimator"
    name: str
    backbone: PartConfig
    heads: Annotated[dict[HeadName, PartConfig], Field(min_length=1)]
    ages: tuple[Age, Age]
    image: ImageConfig
    face: Alignment = Alignment()
    rule: Literal["expectation", "median"]
    mirror: bool = False
    interval: IntervalConfig
    parameters: int
    weights_sha256: Sha256 | None = None
    requires: dict[str, str] = {}
    trained: dict[str, Any] = {}


class AgerConfig(StrictSchema):
    """What the ``config.json`` of an ager's model folder holds; the weights have both directions.

    `domains` says what was young and what was old, for people.
    """

    schema_version: Literal[1] = 1
    task: Literal["ager"] = "ager"
    name: str
    generator: PartConfig
    image: ImageConfig
    face: Alignment = Alignment()
    domains: dict[Literal["young", "old"], str]
    parameters: int
    weights_sha256: Sha256 | None = None
    requires: dict[str, str] = {}
    trained: dict[str, Any] = {}


AnyConfig = Annotated[ModelConfig | AgerConfig, Field(discriminator="task")]
"""The configuration of any model."""
