"""What an ager's model folder says: ``config.json`` and ``metrics.json``."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from agekit._mistakes import KeyMistake
from agekit.recipe.schema import PartConfig
from agekit.zoo.config import ModelConfig
from agekit.zoo.metrics import Ends, MetricsSchema, Number

__all__ = ["AgerConfig", "AgerGenerationMetrics", "AgerMetrics"]


class AgerConfig(ModelConfig):
    """What the ``config.json`` of an ager's model folder holds.

    An ager goes by direction or by age. Of one by direction the weights have both, and `domains`
    says what was young and what was old, for people. Of one by age `ages` are the first and the
    last age that it was trained on, years.
    """

    task: Literal["ager"] = "ager"
    generator: PartConfig
    domains: dict[Literal["young", "old"], str] | None = None
    ages: tuple[float, float] | None = None

    guide: str | None = None
    """The estimator of the zoo by which an ager by age is steered; see `agekit_ager.steering`."""

    @model_validator(mode="after")
    def _goes_one_way(self) -> AgerConfig:
        if (self.domains is None) == (self.ages is None):
            raise KeyMistake("domains", "an ager has either domains or ages")
        return self

    @property
    def network(self) -> str:
        """The generator."""
        return self.generator.type

    @property
    def summary(self) -> str:
        """The generator and the domains, or the ages."""
        if self.domains is None:
            return f"{self.generator.type} to any age{_years(self.ages)}"
        young, old = self.domains["young"], self.domains["old"]
        return f"{self.generator.type} between {young} (young) and {old} (old)"


def _years(ages: tuple[float, float] | None) -> str:
    return "" if ages is None else f" from {ages[0]:g} to {ages[1]:g}"


class _Cycle(MetricsSchema):
    """One split of an ager, by direction or by age."""

    cycle_young: Number = None
    cycle_old: Number = None
    cycle: Number = None
    own_age: Number = None


class _Judged(MetricsSchema):
    """What one judge makes of the faces aged one way."""

    n: int
    shift: Number
    interval: Ends
    before: Number = None
    after: Number = None
    mae: Number = None


class _Same(MetricsSchema):
    n: int
    network: str
    cosine: Number
    interval: Ends
    others: Number = None
    same: Number = None
    nearer: Number = None


class _Way(MetricsSchema):
    judges: dict[str, _Judged]
    identity: _Same | None = None


class _Evaluation(MetricsSchema):
    dataset: str = ""
    protocol: str = ""
    split: str = ""
    split_hash: str = ""
    metrics: dict[str, _Way]


class AgerGenerationMetrics(MetricsSchema):
    """Of a generation of a run."""

    test: _Cycle


class AgerMetrics(MetricsSchema):
    """Of a model."""

    test: _Cycle | None = None
    evaluation: _Evaluation | None = None
