"""The schema of an estimator's recipe."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from agekit._mistakes import KeyMistake, StrictSchema
from agekit.kinds import HUB_PREFIX
from agekit.recipe.schema import BalanceConfig, Below1, DataConfig, PartConfig, Recipe

__all__ = [
    "EstimateConfig",
    "EstimatorDataConfig",
    "EstimatorRecipe",
    "HeadName",
    "is_pretrained",
]

LabelAge = Annotated[int, Field(ge=0, le=150)]


def _check_head_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        raise ValueError("a head's name is letters, digits, '-' and '_', a letter first")
    return name


HeadName = Annotated[str, AfterValidator(_check_head_name)]
"""What a recipe calls a head; torch names its weights after it."""


def is_pretrained(backbone: PartConfig) -> bool:
    """True if a recipe's backbone starts from weights of others."""
    return backbone.type.startswith(HUB_PREFIX) or bool(backbone.arguments.get("pretrained"))


class EstimatorDataConfig(DataConfig):
    """A face as an estimator sees it; the first and the last of the label ages, whole years.

    Without ``ages`` they are those of the training faces. ``balance`` draws rare ages more often;
    ``weights`` says how often a face of each of several datasets is drawn beside one of another.
    """

    ages: tuple[LabelAge, LabelAge] | None = None
    balance: BalanceConfig | None = None
    weights: dict[str, Annotated[float, Field(gt=0)]] = {}

    @model_validator(mode="after")
    def _ascending(self) -> EstimatorDataConfig:
        if self.ages is not None and self.ages[0] >= self.ages[1]:
            raise KeyMistake("ages", "ages must be [first, last], first < last", list(self.ages))
        return self


class EstimateConfig(StrictSchema):
    """The way from a distribution to an age, and the share its interval is meant to hold.

    ``mirror`` averages the outputs over a face and its mirror image. ``holdout`` is a share of the
    training faces that is not trained on: the intervals are calibrated on it, in place of the
    validation split.
    """

    rule: Literal["expectation", "median"] = "expectation"
    level: Annotated[float, Field(gt=0, lt=1)] = 0.9
    mirror: bool = False
    holdout: Below1 = 0.0


class EstimatorRecipe(Recipe):
    """A recipe of an estimator with its backbone chosen and its preset applied."""

    parts: ClassVar[Mapping[str, str]] = {
        "backbone": "backbone",
        "heads.*": "head",
        "data.augments.*": "augment",
    }
    open_part: ClassVar[str] = "backbone"
    example: ClassVar[str] = "resnet18"
    sections: ClassVar[Mapping[str, Any]] = {
        "data": {"augment": {}, "balance": None, "weights": {}},
        "estimate": {},
    }

    kind: Literal["estimator"] = "estimator"
    backbone: PartConfig
    heads: dict[HeadName, PartConfig]
    data: EstimatorDataConfig = EstimatorDataConfig()
    estimate: EstimateConfig = EstimateConfig()

    @property
    def pretrained(self) -> bool:
        """True if the backbone starts from weights of others."""
        return is_pretrained(self.backbone)

    @model_validator(mode="after")
    def _batched(self) -> EstimatorRecipe:
        if self.train.batch_size < 2:
            text = "an estimator's batch normalisation needs more than 1"
            raise KeyMistake("train.batch_size", text, self.train.batch_size)
        return self
