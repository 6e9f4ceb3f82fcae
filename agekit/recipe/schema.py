"""The schema of recipes: every key, its type, its default."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agekit._mistakes import KeyMistake, StrictSchema
from agekit.kinds import HUB_PREFIX, KINDS

__all__ = [
    "DEFAULT_KIND",
    "AugmentConfig",
    "BalanceConfig",
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


class OptimizerConfig(PartConfig):
    """An optimiser by its registry name, and its hyper-parameters.

    The keys here mean the same to every optimiser that takes them, and others may be beside them.
    ``layer_decay`` multiplies the rate of each layer of the backbone by itself, for every layer
    that lies between it and the heads.
    """

    type: str = "SGD"
    lr: Annotated[float, Field(gt=0)] = 0.01
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    layer_decay: Annotated[float, Field(gt=0, le=1)] | None = None
    momentum: Share | None = None
    nesterov: bool | None = None
    betas: tuple[Below1, ...] | None = None
    eps: Annotated[float, Field(gt=0)] | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """The optimiser's keyword arguments."""
        given = {"lr": self.lr, "weight_decay": self.weight_decay}
        common = {name: getattr(self, name) for name in ("momentum", "nesterov", "betas", "eps")}
        given |= {name: value for name, value in common.items() if value is not None}
        return given | super().arguments

    @model_validator(mode="after")
    def _with_momentum(self) -> OptimizerConfig:
        if self.type == "SGD" and self.nesterov and not self.momentum:
            raise KeyMistake("nesterov", "nesterov needs a momentum above 0")
        return self


SCHEDULE_KEYS = KINDS["schedule"].beside


class ScheduleConfig(PartConfig):
    """The learning rate over a generation, by the registry name of a schedule.

    The keys here are given to every schedule that takes them, and others may be beside them:
    ``every`` epochs, times ``factor``, up over the share ``warmup`` of all steps, down over the
    share ``decay`` of the epochs.
    """

    type: str = "constant"
    every: Positive = 40
    factor: Annotated[float, Field(gt=0)] = 0.1
    warmup: Share = 0.25
    decay: Share = 0.5

    def taken_by(self, schedule: Callable[..., Any]) -> dict[str, Any]:
        """Those of the keys above that a schedule takes."""
        taken = inspect.signature(schedule).parameters
        return {key: getattr(self, key) for key in SCHEDULE_KEYS if key in taken}

    def idle(self, schedule: Callable[..., Any]) -> list[str]:
        """Those that a schedule does not take, and that a recipe sets nevertheless."""
        usual, taken = type(self)(), self.taken_by(schedule)
        other = [key for key in SCHEDULE_KEYS if getattr(self, key) != getattr(usual, key)]
        return [key for key in other if key not in taken]


class TrainConfig(StrictSchema):
    """The training of one generation, and which of its weights are kept.

    ``hooks`` of mmengine's kind act in every generation. ``accumulate`` batches make one update.
    ``init_lr`` is the learning rate in place of the optimizer's where a model is started from. Of
    the epochs ``keep`` keeps the ``last``, or the ``best`` on the validation split;
    ``keep_generation`` says the same of the generations.
    """

    epochs: Positive
    batch_size: Positive = 128
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    accumulate: Positive = 1
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    amp: Literal["auto", "bf16", "fp32"] = "auto"
    compile: bool = False
    hooks: list[PartConfig] = []
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


class BalanceConfig(StrictSchema):
    """Faces of rare ages are drawn more often, in a part of the epochs.

    As often as the density of their age to the power ``-power``: 0 changes nothing, with 1 all bins
    of ages come alike; 0.5 is square-root sampling (Mahajan et al., arXiv 1805.00932). The density
    is counted in ``bins`` of so many years, and smoothed by a Gaussian with a standard deviation of
    ``smooth`` years: label distribution smoothing (Yang et al., arXiv 2102.09554), whose inverse
    and square-root inverse are here the chance to be drawn in place of a weight of the loss, which
    is the same on average. It holds from the share ``since`` of a generation's epochs to ``until``.
    """

    bins: Annotated[int, Field(ge=1, le=120)] = 5
    smooth: Annotated[float, Field(ge=0, le=60)] = 0.0
    power: Share = 0.5
    since: Share = 0.0
    until: Share = 1.0

    @model_validator(mode="after")
    def _ordered(self) -> BalanceConfig:
        if not self.since < self.until:
            raise KeyMistake("until", f"until must be above since ({self.since:g})", self.until)
        return self

    def holds(self, epoch: int, epochs: int) -> bool:
        """True if an epoch, counted from 0, is one of those."""
        return self.since <= epoch / epochs < self.until


class DataConfig(StrictSchema):
    """A face as the network sees it: image side in pixels, normalisation, augmentation.

    ``augment`` crops and flips; ``augments`` come after that, in their order. ``crop_pct`` is the
    share of each side, in the middle, that evaluation takes.
    """

    size: Annotated[int, Field(ge=16, le=1024)] = 224
    mean: Triple = (0.485, 0.456, 0.406)
    std: tuple[Spread, Spread, Spread] = (0.229, 0.224, 0.225)
    augment: AugmentConfig | None = AugmentConfig()
    augments: list[PartConfig] = []
    crop_pct: Annotated[float, Field(ge=0.5, le=1)] = 1.0

    @property
    def stored(self) -> int:
        """The side at which images are kept, pixels."""
        return self.size


class Recipe(StrictSchema):
    """The keys of the recipes of every kind, their parts chosen and their preset applied.

    Attributes:
        parts: the keys that name parts, each with the kind of part; ``heads.*`` names one under
            each key of ``heads``. The evolver and its losses, the optimizer and the schedule are
            parts of every recipe.
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

    @property
    def pretrained(self) -> bool:
        """True if the network itself starts from weights of others."""
        return False

    @property
    def without_weights(self) -> dict[str, Any]:
        """The change by which the network has no weights of others to begin with, if any is."""
        own = self.network.arguments.get("pretrained")
        fetched = self.network.type.startswith(HUB_PREFIX)  # the architecture comes with them
        return {self.open_part: {"pretrained": False}} if own and not fetched else {}

    def named_parts(self) -> Iterator[tuple[str, PartConfig]]:
        """The parts beside the evolver: each one's kind, and the part."""
        for key, kind in self.all_parts().items():
            held: Any = reduce(getattr, key.removesuffix(".*").split("."), self)
            held = list(held.values()) if isinstance(held, dict) else held
            for part in held if isinstance(held, list) else [held]:
                yield kind, part

    @classmethod
    def all_parts(cls) -> dict[str, str]:
        """`parts`, and those of the training."""
        own = {"optimizer": "optimizer", "schedule": "schedule", "hooks.*": "hook"}
        return {**cls.parts, **{f"train.{key}": kind for key, kind in own.items()}}
