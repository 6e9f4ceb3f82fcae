"""The task of agers: faces to older and younger faces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from agekit.task import HubTask, Lazy, Ranking, Task
from agekit.zoo.metrics import MetricsSchema
from agekit_ager.config import AgerConfig, AgerGenerationMetrics, AgerMetrics
from agekit_ager.recipe import AgerRecipe

__all__ = ["TASK", "AgerTask"]


class AgerTask(Task):
    """Young faces to old ones and old ones to young ones."""

    name = "ager"
    title = "an ager"
    command = "agekit age"
    recipe: ClassVar[type[AgerRecipe]] = AgerRecipe
    config: ClassVar[type[AgerConfig]] = AgerConfig
    metrics: ClassVar[Mapping[str, type[MetricsSchema]]] = {
        "model": AgerMetrics,
        "generation": AgerGenerationMetrics,
    }
    training: Lazy[Any] = Lazy("agekit_ager.training:AgerTraining")
    build: Lazy[Any] = Lazy("agekit_ager.build:build_model")
    untrained: Lazy[Any] = Lazy("agekit_ager.build:untrained")
    load: Lazy[Any] = Lazy("agekit_ager.load:load_aging")
    evaluation: Lazy[Any] = Lazy("agekit_ager.evaluate:AgerEvaluation")
    ranked_by = Ranking(
        "avg", "Avg", "years that the first judge sees faces made older by, on average", higher=True
    )
    inference: Lazy[Any] = Lazy("agekit_ager.build:inference")
    evaluation_options: ClassVar[Mapping[str, str]] = {
        "judges": "--judge",
        "domains": "--domains",
        "where": "--where",
    }
    outputs: Lazy[Any] = Lazy("agekit_ager.metrics:fixed_outputs")
    graphs: Lazy[Any] = Lazy("agekit_ager.graph:graphs")
    tolerance = 0.002
    unit = "on pixels from -1 to 1"
    brief: Lazy[Any] = Lazy("agekit_ager.training:brief_options")
    card: Lazy[Any] = Lazy("agekit_ager.card:ager_card")
    scores: Lazy[Any] = Lazy("agekit_ager.card:ager_scores")
    hub: ClassVar[HubTask] = HubTask("image-to-image", "Face aging", ("face-aging", "face"))


TASK = AgerTask()
