"""The contract of tasks: what a kind of model is, and where the rest of it lies."""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar, Generic, TypeVar

from agekit.errors import PluginError, one_line

__all__ = ["Lazy", "Task"]

T = TypeVar("T")


class Lazy(Generic[T]):
    """An attribute of a task that is imported when it is asked for.

    So a listing, or the check of a recipe, needs neither torch nor the code of a training.

    Args:
        target: ``module:object``.
    """

    def __init__(self, target: str) -> None:
        self.target = target

    def __get__(self, task: Task | None, owner: type[Task]) -> T:
        """The object.

        Raises:
            PluginError: its module cannot be imported, or lacks it.
        """
        module, _, name = self.target.partition(":")
        try:
            found: T = getattr(import_module(module), name)
        except Exception as error:
            raise PluginError(
                f"the task {owner.name!r} cannot be used: {self.target} cannot be imported: "
                f"{type(error).__name__}: {one_line(error)}"
            ) from error
        return found


class Task:
    """A kind of model: its recipes, their training, and all that is done with a trained one.

    A plugin registers an object of a subclass in the entry-point group ``agekit.tasks``, under its
    `name`, which recipes give as their ``kind`` and models as their ``task``. What has a default
    here may be left out.

    Attributes:
        name: of the registry.
        title: with its article, for messages.
        recipe: the schema of its recipes, a `agekit.recipe.Recipe`.
        training: the `agekit.training.task.TrainingTask` of its runs.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    recipe: ClassVar[Any]
    training: Lazy[Any]
