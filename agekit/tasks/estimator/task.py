"""The task of estimators: faces to ages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from agekit.task import HubTask, Lazy, Ranking, Task
from agekit.tasks.estimator.config import (
    EstimatorConfig,
    EstimatorGenerationMetrics,
    EstimatorMetrics,
)
from agekit.tasks.estimator.recipe import EstimatorRecipe
from agekit.zoo.metrics import MetricsSchema

__all__ = ["TASK", "EstimatorTask"]


class EstimatorTask(Task):
    """Faces to ages, with a distribution and an interval."""

    name = "estimator"
    title = "an estimator"
    command = "agekit predict"
    recipe: ClassVar[type[EstimatorRecipe]] = EstimatorRecipe
    config: ClassVar[type[EstimatorConfig]] = EstimatorConfig
    metrics: ClassVar[Mapping[str, type[MetricsSchema]]] = {
        "model": EstimatorMetrics,
        "generation": EstimatorGenerationMetrics,
    }
    training: Lazy[Any] = Lazy("agekit.tasks.estimator.training:EstimatorTraining")
    build: Lazy[Any] = Lazy("agekit.tasks.estimator.build:build_model")
    untrained: Lazy[Any] = Lazy("agekit.tasks.estimator.build:untrained")
    evaluation: Lazy[Any] = Lazy("agekit.tasks.estimator.evaluate:EstimatorEvaluation")
    ranked_by = Ranking("mae", "MAE", "mean absolute error, years", of_faces=True)
    evaluation_options: ClassVar[Mapping[str, str]] = {
        "table": "--csv",
        "plot": "--plot",
        "worst": "--worst",
        "abstain": "--abstain",
        "challenge": "--challenge",
        "amp": "--amp",
    }
    inference: Lazy[Any] = Lazy("agekit.tasks.estimator.scoring:inference")
    outputs: Lazy[Any] = Lazy("agekit.tasks.estimator.scoring:fixed_outputs")
    graphs: Lazy[Any] = Lazy("agekit.tasks.estimator.graph:graphs")
    embedding_graphs: Lazy[Any] = Lazy("agekit.tasks.estimator.graph:embedding_graphs")
    tolerance = 0.01
    unit = "years"
    card: Lazy[Any] = Lazy("agekit.tasks.estimator.card:estimator_card")
    scores: Lazy[Any] = Lazy("agekit.tasks.estimator.card:estimator_scores")
    hub: ClassVar[HubTask] = HubTask(
        "image-classification", "Age estimation", ("age-estimation", "face")
    )


TASK = EstimatorTask()
