"""The task of gender classifiers: faces to the gender they are labelled with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from agekit.plugin import HubTask, Lazy, MetricsSchema, Ranking, Task
from agekit_gender.config import GenderConfig, GenderMetrics
from agekit_gender.recipe import GenderRecipe

__all__ = ["TASK", "GenderTask"]


class GenderTask(Task):
    """Faces to the gender they are labelled with, and how probable it is."""

    name = "gender"
    title = "a gender classifier"
    command = "agekit predict --with"
    recipe: ClassVar[type[GenderRecipe]] = GenderRecipe
    config: ClassVar[type[GenderConfig]] = GenderConfig
    metrics: ClassVar[Mapping[str, type[MetricsSchema]]] = {
        "model": GenderMetrics,
        "generation": GenderMetrics,
    }
    training: Lazy[Any] = Lazy("agekit_gender.training:GenderTraining")
    build: Lazy[Any] = Lazy("agekit_gender.model:build_model")
    untrained: Lazy[Any] = Lazy("agekit_gender.model:untrained")
    evaluation: Lazy[Any] = Lazy("agekit_gender.evaluate:GenderEvaluation")
    ranked_by = Ranking(
        "balanced_accuracy",
        "Balanced accuracy",
        "faces told right, the mean over the genders",
        higher=True,
        percent=True,
    )
    inference: Lazy[Any] = Lazy("agekit_gender.model:inference")
    attribute: Lazy[Any] = Lazy("agekit_gender.attribute:GenderAttribute")
    graphs: Lazy[Any] = Lazy("agekit_gender.graph:graphs")
    outputs: Lazy[Any] = Lazy("agekit_gender.model:fixed_outputs")
    tolerance = 0.002
    unit = "of a probability"
    card: Lazy[Any] = Lazy("agekit_gender.card:gender_card")
    scores: Lazy[Any] = Lazy("agekit_gender.card:gender_scores")
    hub: ClassVar[HubTask] = HubTask(
        "image-classification", "Gender classification", ("gender-classification", "face")
    )


TASK = GenderTask()
