"""The task of agers: faces to older and younger faces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from agekit.task import HubTask, Lazy, Task
from agekit.tasks.ager.config import AgerConfig, AgerGenerationMetrics, AgerMetrics
from agekit.tasks.ager.recipe import AgerRecipe
from agekit.zoo.metrics import MetricsSchema

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
    training: Lazy[Any] = Lazy("agekit.tasks.ager.training:AgerTraining")
    build: Lazy[Any] = Lazy("agekit.tasks.ager.build:build_model")
    untrained: Lazy[Any] = Lazy("agekit.tasks.ager.build:untrained")
    evaluation: Lazy[Any] = Lazy("agekit.tasks.ager.evaluate:AgerEvaluation")
    evaluation_options: ClassVar[Mapping[str, str]] = {
        "judges": "--judge",
        "domains": "--domains",
        "where": "--where",
    }
    outputs: Lazy[Any] = Lazy("agekit.tasks.ager.metrics:fixed_outputs")
    graphs: Lazy[Any] = Lazy("agekit.tasks.ager.graph:graphs")
    tolerance = 0.002
    unit = "on pixels from -1 to 1"
    card: Lazy[Any] = Lazy("agekit.tasks.ager.card:ager_card")
    scores: Lazy[Any] = Lazy("agekit.tasks.ager.card:ager_scores")
    hub: ClassVar[HubTask] = HubTask("image-to-image", "Face aging", ("face-aging", "face"))


TASK = AgerTask()
