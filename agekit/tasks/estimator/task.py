"""The task of estimators: faces to ages."""

from __future__ import annotations

from typing import Any, ClassVar

from agekit.task import Lazy, Task
from agekit.tasks.estimator.recipe import EstimatorRecipe

__all__ = ["TASK", "EstimatorTask"]


class EstimatorTask(Task):
    """Faces to ages, with a distribution and an interval."""

    name = "estimator"
    title = "an estimator"
    recipe: ClassVar[type[EstimatorRecipe]] = EstimatorRecipe
    training: Lazy[Any] = Lazy("agekit.tasks.estimator.training:EstimatorTraining")


TASK = EstimatorTask()
