"""The task of agers: faces to older and younger faces."""

from __future__ import annotations

from typing import Any, ClassVar

from agekit.task import Lazy, Task
from agekit.tasks.ager.recipe import AgerRecipe

__all__ = ["TASK", "AgerTask"]


class AgerTask(Task):
    """Young faces to old ones and old ones to young ones."""

    name = "ager"
    title = "an ager"
    recipe: ClassVar[type[AgerRecipe]] = AgerRecipe
    training: Lazy[Any] = Lazy("agekit.tasks.ager.training:AgerTraining")


TASK = AgerTask()
