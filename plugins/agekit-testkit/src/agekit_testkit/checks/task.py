"""The check of a task."""

from __future__ import annotations

from agekit.recipe import Recipe
from agekit.registry import TASKS
from agekit.task import Lazy, Task
from agekit.training.task import TrainingTask
from agekit_testkit.checks.process import heavy_imports, run_python

__all__ = ["check_task"]

_LOADING = "from agekit.registry import TASKS; print(TASKS.get(sys.argv[1]))"


def check_task(name: str) -> None:
    """Checks a task: it names itself as it is registered, is light, and all of it is there.

    Args:
        name: the registry name, or `distribution:name`.

    Raises:
        AssertionError: saying what is wrong.
        AgekitError: it cannot be found, or a part of it cannot be imported.
    """
    entry = TASKS.find(name)
    task: Task = TASKS.get(name)
    label = f"task {entry.name!r}"
    if task.name != entry.name:
        raise AssertionError(f"{label}: it calls itself {task.name!r}")
    recipe = task.recipe
    if not (isinstance(recipe, type) and issubclass(recipe, Recipe)):
        raise AssertionError(f"{label}: its recipe is no subclass of agekit.recipe.Recipe")
    if recipe.model_fields["kind"].default != entry.name:
        raise AssertionError(f"{label}: the kind of its recipes is not {entry.name!r}")
    if recipe.open_part not in recipe.parts:
        raise AssertionError(f"{label}: {recipe.open_part!r}, its open part, is none of its parts")
    _, modules = run_python(_LOADING, name)
    if heavy := heavy_imports(modules):
        raise AssertionError(
            f"{label}: loading it imports {heavy}: put what needs them behind a Lazy"
        )
    for cls in type(task).__mro__:
        for attribute, value in vars(cls).items():
            if isinstance(value, Lazy):
                getattr(task, attribute)
    if task.attribute is not None and task.graphs is None:
        raise AssertionError(f"{label}: its attribute is made of its graphs, and it has none")
    if not issubclass(task.training, TrainingTask):
        raise AssertionError(f"{label}: its training is no agekit.training.task.TrainingTask")
