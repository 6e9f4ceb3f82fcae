"""What an ager's model folder says: ``config.json`` and ``metrics.json``."""

from __future__ import annotations

from typing import Literal

from agekit.recipe.schema import PartConfig
from agekit.zoo.config import ModelConfig
from agekit.zoo.metrics import Ends, MetricsSchema, Number

__all__ = ["AgerConfig", "AgerGenerationMetrics", "AgerMetrics"]


class AgerConfig(ModelConfig):
    """What the ``config.json`` of an ager's model folder holds; the weights have both directions.

    `domains` says what was young and what was old, for people.
    """

    task: Literal["ager"] = "ager"
    generator: PartConfig
    domains: dict[Literal["young", "old"], str]

    @property
    def network(self) -> str:
        """The generator."""
        return self.generator.type

    @property
    def summary(self) -> str:
        """The generator and the domains."""
        young, old = self.domains["young"], self.domains["old"]
        return f"{self.generator.type} between {young} (young) and {old} (old)"


class _Cycle(MetricsSchema):
    """One split of an ager."""

    cycle_young: Number = None
    cycle_old: Number = None


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
