"""What a recipe may say: every key, its type, its default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agekit._mistakes import KeyMistake, StrictSchema

__all__ = [
    "DEFAULT_KIND",
    "AugmentConfig",
    "DataConfig",
    "LossTerm",
    "LossTerms",
    "OptimizerConfig",
    "PartConfig",
    "Recipe",
    "ScheduleConfig",
    "TrainConfig",
]

DEFAULT_KIND = "estimator"
"""The kind of a recipe that does not say it."""
Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Below1 = Annotated[float, Field(ge=0, lt=1)]
Range = tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]
Triple = tuple[float, float, float]
Spread = Annotated[float, Field(gt=0)]


class PartConfig(BaseModel):
    """A part by its registry name, with its own keyword arguments beside it."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    type: str

    @property
    def arguments(self) -> dict[str, Any]:
        """The part's keyword arguments."""
        return dict(self.model_extra or {})


class LossTerm(PartConfig):
    """One term of a generation's loss: a loss on a head's raw output, with its weight."""

    head: str
    weight: float = 1.0


LossTerms = list[LossTerm]
"""How an evolver annotates an argument that lists loss terms."""


_OPTIMIZER_TAKES = {
    "SGD": ("momentum", "nesterov"),
    "RMSprop": ("momentum", "eps"),
    "Adagrad": ("eps",),
}


class OptimizerConfig(StrictSchema):
    """An optimiser of torch by its class name, and its hyper-parameters."""

    type: Literal["SGD", "Adam", "AdamW", "NAdam", "RAdam", "RMSprop", "Adagrad"] = "SGD"
    lr: Annotated[float, Field(gt=0)] = 0.01
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    momentum: Share | None = None
    nesterov: bool | None = None
    betas: tuple[Below1, Below1] | None = None
    eps: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _taken(self) -> OptimizerConfig:
        takes = _OPTIMIZER_TAKES.get(self.type, ("betas", "eps"))
        for name in ("momentum", "nesterov", "betas", "eps"):
            if getattr(self, name) is not None and name not in takes:
                raise KeyMistake(
                    name, f"{self.type} takes no {name}; give the optimizer as a whole"
                )
        if self.nesterov and not self.momentum:
            raise KeyMistake("nesterov", "nesterov needs a momentum above 0")
        return self


class ScheduleConfig(StrictSchema):
    """The learning rate over a generation.

    ``step``: times `factor` after every `every` epochs. ``one-cycle``: up over the share `warmup`
    of all steps and down along a cosine. ``cosine``: down along a cosine. ``linear``: constant,
    then down to 0 over the share `decay` of the epochs. ``constant``.
    """

    type: Literal["step", "one-cycle", "cosine", "linear", "constant"] = "constant"
    every: Positive = 40
    factor: Annotated[float, Field(gt=0)] = 0.1
    warmup: Share = 0.25
    decay: Share = 0.5


class TrainConfig(StrictSchema):
    """How one generation is trained, and which weights are kept.

    ``init_lr`` is the learning rate in place of the optimizer's where a model is started from. Of
    the epochs ``keep`` keeps the ``last``, or the ``best`` on the validation split;
    ``keep_generation`` says the same of the generations.
    """

    epochs: Positive
    batch_size: Positive = 128
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    amp: Literal["auto", "bf16", "fp32"] = "auto"
    compile: bool = False
    init_lr: Annotated[float, Field(gt=0)] | None = None
    keep: Literal["last", "best"] = "last"
    keep_generation: Literal["last", "best"] = "last"


class AugmentConfig(StrictSchema):
    """Random resized crop and horizontal flip of the training images."""

    crop_scale: Range = (0.8, 1.0)
    crop_ratio: Range = (0.8, 1.25)
    flip: Share = 0.5

    @model_validator(mode="after")
    def _ordered(self) -> AugmentConfig:
        if self.crop_scale[0] > self.crop_scale[1] or self.crop_scale[1] > 1:
            text = "crop_scale must be [low, high] with low <= high <= 1"
            raise KeyMistake("crop_scale", text, list(self.crop_scale))
        if self.crop_ratio[0] > self.crop_ratio[1]:
            text = "crop_ratio must be [low, high] with low <= high"
            raise KeyMistake("crop_ratio", text, list(self.crop_ratio))
        return self


class DataConfig(StrictSchema):
    """What a network sees of a face: image side in pixels, normalisation, augmentation.

    ``crop_pct`` is the share of each side, in the middle, that evaluation takes.
    """

    size: Annotated[int, Field(ge=16, le=1024)] = 224
    mean: Triple = (0.485, 0.456, 0.406)
    std: tuple[Spread, Spread, Spread] = (0.229, 0.224, 0.225)
    augment: AugmentConfig | None = AugmentConfig()
    crop_pct: Annotated[float, Field(ge=0.5, le=1)] = 1.0


class Recipe(StrictSchema):
    """What the recipes of every kind say, their parts chosen and their preset applied.

    Attributes:
        parts: the keys that name parts, each with the kind of part; ``heads.*`` names one under
            each key of ``heads``. The evolver and its losses are parts of every recipe.
        open_part: the key whose part the name of what is trained may choose.
        example: a name for it.
        sections: what an override may reach into though a recipe leaves it to its defaults.
    """

    parts: ClassVar[Mapping[str, str]] = {}
    open_part: ClassVar[str]
    example: ClassVar[str]
    sections: ClassVar[Mapping[str, Any]] = {}

    kind: str
    description: str = ""
    source: str = ""
    expected: dict[str, Any] = {}
    evolver: PartConfig
    train: TrainConfig
    data: Any

    @property
    def network(self) -> PartConfig:
        """The part that the name of what is trained may choose."""
        part: PartConfig = getattr(self, self.open_part)
        return part

    def named_parts(self) -> Iterator[tuple[str, PartConfig]]:
        """The parts beside the evolver: each one's kind, and the part."""
        for key, kind in self.parts.items():
            held = getattr(self, key.removesuffix(".*"))
            for part in held.values() if key.endswith(".*") else (held,):
                yield kind, part
