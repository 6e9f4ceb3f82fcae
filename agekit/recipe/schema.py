"""What a recipe may say: every key, its type, its default."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from agekit._mistakes import KeyMistake, StrictSchema

__all__ = [
    "AgerDataConfig",
    "AgerRecipe",
    "AugmentConfig",
    "DataConfig",
    "EstimateConfig",
    "EstimatorRecipe",
    "HeadName",
    "LossTerm",
    "LossTerms",
    "OptimizerConfig",
    "PartConfig",
    "Recipe",
    "SampleConfig",
    "ScheduleConfig",
    "TrainConfig",
]

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Below1 = Annotated[float, Field(ge=0, lt=1)]
Range = tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]
AgeRange = tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]]
LabelAge = Annotated[int, Field(ge=0, le=150)]
Triple = tuple[float, float, float]
Spread = Annotated[float, Field(gt=0)]


def _check_head_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        raise ValueError("a head's name is letters, digits, '-' and '_', a letter first")
    return name


HeadName = Annotated[str, AfterValidator(_check_head_name)]
"""What a recipe calls a head; torch names its weights after it."""


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
    """What the network sees: image side in pixels, normalisation, augmentation; the label ages.

    ``crop_pct`` is the share of each side, in the middle, that evaluation takes. ``ages`` are the
    first and the last label age, whole years; without it those of the training faces.
    """

    size: Annotated[int, Field(ge=16, le=1024)] = 224
    mean: Triple = (0.485, 0.456, 0.406)
    std: tuple[Spread, Spread, Spread] = (0.229, 0.224, 0.225)
    augment: AugmentConfig | None = AugmentConfig()
    crop_pct: Annotated[float, Field(ge=0.5, le=1)] = 1.0
    ages: tuple[LabelAge, LabelAge] | None = None

    @model_validator(mode="after")
    def _ascending(self) -> DataConfig:
        if self.ages is not None and self.ages[0] >= self.ages[1]:
            raise KeyMistake("ages", "ages must be [first, last], first < last", list(self.ages))
        return self


class EstimateConfig(StrictSchema):
    """How a distribution becomes an age, and the share its interval is meant to hold.

    ``mirror`` averages the outputs over a face and its mirror image. ``holdout`` is a share of the
    training faces that is not trained on: the intervals are calibrated on it, in place of the
    validation split.
    """

    rule: Literal["expectation", "median"] = "expectation"
    level: Annotated[float, Field(gt=0, lt=1)] = 0.9
    mirror: bool = False
    holdout: Below1 = 0.0


class SampleConfig(StrictSchema):
    """Faces drawn at random from each domain, in place of the protocol's split.

    As many as `per_domain`, or all; the share `test` of them is to test on, the others to train
    on. Which ones depends on the pictures and on `seed`, not on the seed of the run.
    """

    per_domain: Annotated[int, Field(ge=3)] | None = None
    test: Annotated[float, Field(gt=0, lt=1)] = 0.05
    seed: Annotated[int, Field(ge=0)] = 0


class AgerDataConfig(StrictSchema):
    """What an ager sees: faces of two domains, a young one and an old one.

    Images are stored at `load_size` and cropped at random to `size`, pixel by pixel; without it
    they are stored at 286/256 of `size`, as CycleGAN does. `domains` are two ranges of ages, both
    ends included; without it the dataset's groups ``A`` and ``B`` are the domains. `where` keeps
    the rows of one gender or group, such as ``{gender: male}``. `sample` draws faces of these.
    """

    size: Annotated[int, Field(ge=16, le=1024, multiple_of=4)] = 256
    load_size: Annotated[int, Field(ge=16, le=2048)] | None = None
    flip: Share = 0.5
    domains: tuple[AgeRange, AgeRange] | None = None
    where: dict[Literal["gender", "group"], str | None] = {}
    sample: SampleConfig | None = None

    @property
    def kept(self) -> dict[str, str]:
        """`where`, without what is not asked for."""
        return {str(key): value for key, value in self.where.items() if value is not None}

    @property
    def stored(self) -> int:
        """The side at which images are kept, pixels."""
        return self.load_size or round(self.size * 286 / 256)

    @model_validator(mode="after")
    def _fits(self) -> AgerDataConfig:
        if self.stored < self.size:
            text = f"load_size must not be below size ({self.size})"
            raise KeyMistake("load_size", text, self.stored)
        for index, (low, high) in enumerate(self.domains or ()):
            if low > high:
                text = "a domain is [low, high] with low <= high"
                raise KeyMistake(f"domains.{index}", text, [low, high])
        return self


class _Recipe(StrictSchema):
    description: str = ""
    source: str = ""
    expected: dict[str, Any] = {}
    evolver: PartConfig
    train: TrainConfig


class EstimatorRecipe(_Recipe):
    """A recipe of an estimator with its backbone chosen and its preset applied."""

    kind: Literal["estimator"] = "estimator"
    backbone: PartConfig
    heads: dict[HeadName, PartConfig]
    data: DataConfig = DataConfig()
    estimate: EstimateConfig = EstimateConfig()

    @model_validator(mode="after")
    def _batched(self) -> EstimatorRecipe:
        if self.train.batch_size < 2:
            text = "an estimator's batch normalisation needs more than 1"
            raise KeyMistake("train.batch_size", text, self.train.batch_size)
        return self


class AgerRecipe(_Recipe):
    """A recipe of an ager with its generator chosen and its preset applied."""

    kind: Literal["ager"] = "ager"
    generator: PartConfig
    data: AgerDataConfig = AgerDataConfig()

    @model_validator(mode="after")
    def _keeps_the_last(self) -> AgerRecipe:
        for key in ("keep", "keep_generation"):
            if (value := getattr(self.train, key)) != "last":
                text = "an ager is watched on no validation split: it keeps the last"
                raise KeyMistake(f"train.{key}", text, value)
        return self


Recipe = EstimatorRecipe | AgerRecipe
