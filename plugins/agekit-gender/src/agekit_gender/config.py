"""The files of a gender classifier's model folder: ``config.json`` and ``metrics.json``."""

from __future__ import annotations

from typing import Literal

from agekit.plugin import MetricsSchema, ModelConfig, PartConfig

__all__ = ["GenderConfig", "GenderMetrics"]


class GenderConfig(ModelConfig):
    """What the ``config.json`` of a gender classifier's model folder holds."""

    task: Literal["gender"] = "gender"
    backbone: PartConfig

    @property
    def network(self) -> str:
        """The backbone."""
        return self.backbone.type

    @property
    def summary(self) -> str:
        """The classes and the backbone."""
        return f"male or female: {self.backbone.type}"


class _Bin(MetricsSchema):
    ages: str
    n: int
    accuracy: float


class _Split(MetricsSchema):
    n: int
    accuracy: float
    balanced_accuracy: float
    error: float
    by_age: list[_Bin] | None = None


class GenderMetrics(MetricsSchema):
    """Of a model, or of a generation of a run."""

    train: _Split | None = None
    val: _Split | None = None
    test: _Split | None = None
