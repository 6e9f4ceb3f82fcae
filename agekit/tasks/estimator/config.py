"""The files of an estimator's model folder: ``config.json`` and ``metrics.json``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from agekit._mistakes import StrictSchema
from agekit.recipe.schema import PartConfig
from agekit.tasks.estimator.recipe import HeadName
from agekit.zoo.config import ModelConfig
from agekit.zoo.metrics import Ends, MetricsSchema, Number

__all__ = ["EstimatorConfig", "EstimatorGenerationMetrics", "EstimatorMetrics", "IntervalConfig"]

Age = Annotated[int, Field(ge=0, le=150)]


class IntervalConfig(StrictSchema):
    """The share of faces an interval is meant to hold, and the years it is widened by."""

    level: Annotated[float, Field(gt=0, lt=1)]
    margin: float
    calibrated_on: str


class EstimatorConfig(ModelConfig):
    """The content of an estimator's ``config.json``."""

    task: Literal["estimator"] = "estimator"
    backbone: PartConfig
    heads: Annotated[dict[HeadName, PartConfig], Field(min_length=1)]
    ages: tuple[Age, Age]
    rule: Literal["expectation", "median"]
    mirror: bool = False
    interval: IntervalConfig

    @property
    def network(self) -> str:
        """The backbone."""
        return self.backbone.type

    @property
    def summary(self) -> str:
        """Ages, backbone and heads."""
        low, high = self.ages
        return f"ages {low} to {high}: {self.backbone.type}, {' and '.join(self.heads)}"


class _Part(MetricsSchema):
    """Of the faces of one gender, group or bin of ages."""

    n: int
    mae: Number = None
    bias: Number = None


class _Bin(_Part):
    ages: str


class _Figures(MetricsSchema):
    """Of faces of one split or dataset."""

    n: int | None = None
    mae: Number = None
    mae_interval: Ends = None
    bias: Number = None
    ca5: Number = None
    cs5: Number = None
    epsilon: Number = None
    coverage: Number = None
    interval_width: Number = None
    by_age: list[_Bin] | None = None
    by_gender: dict[str, _Part] | None = None
    by_group: dict[str, _Part] | None = None


class _Dataset(_Figures):
    """Of the faces of one of several datasets."""

    n: int


class _Errors(_Figures):
    """One split of an estimator."""

    by_dataset: dict[str, _Dataset] | None = None


class _Interval(MetricsSchema):
    level: float
    margin: float
    calibrated_on: str


class _ErrorSplits(MetricsSchema):
    train: _Errors | None = None
    val: _Errors | None = None
    test: _Errors | None = None


class EstimatorGenerationMetrics(_ErrorSplits):
    """Of a generation of a run."""

    interval: _Interval


class _Numbered(MetricsSchema):
    generation: int
    metrics: _ErrorSplits


class _Seed(MetricsSchema):
    mae: float


class EstimatorMetrics(_ErrorSplits):
    """Of a model."""

    operations: int | None = None
    generations: list[_Numbered] | None = None
    seeds: list[_Seed] | None = None
