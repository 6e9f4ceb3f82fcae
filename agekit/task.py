"""The contract of tasks: what a kind of model is, and where the rest of it lies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from agekit.errors import PluginError, one_line

__all__ = ["HubTask", "Lazy", "Ranking", "Task"]

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


@dataclass(frozen=True)
class HubTask:
    """A task as the Hugging Face Hub files its models.

    Args:
        pipeline: one of the Hub's own tasks, such as ``image-classification``.
        title: of what is evaluated.
        tags: words to be found by.
    """

    pipeline: str
    title: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Ranking:
    """The figure that models of a task are ranked by.

    Args:
        name: as their evaluation calls it; of figures in figures ``outer/inner``.
        title: for people.
        help: one line.
        higher: whether more of it is better.
        percent: whether it is a share, shown in %.
        of_faces: whether it is a mean over faces whose estimated ages the evaluation tells too (it
            is an `agekit.tasks.evaluate.AgeEvaluation`), so that models are paired face by face.
    """

    name: str
    title: str
    help: str
    higher: bool = False
    percent: bool = False
    of_faces: bool = False


class Task:
    """A kind of model: its recipes, their training, and all that is done with a trained one.

    A plugin registers an object of a subclass in the entry-point group ``agekit.tasks``, under its
    `name`, which recipes give as their ``kind`` and models as their ``task``.

    Attributes:
        name: of the registry.
        title: with its article, for messages.
        command: runs a model.
        recipe: the schema of its recipes, a `agekit.recipe.Recipe`.
        config: the schema of a model's ``config.json``, a `agekit.zoo.config.ModelConfig`.
        metrics: the schemas, `agekit.zoo.metrics.MetricsSchema`, of what is measured of a ``model``
            and of a ``generation``.
        training: the `agekit.training.task.TrainingTask` of its runs.
        build: the network of a model from its `config`, its weights still to be loaded.
        untrained: the network of a recipe with new weights, and the part of it that one inference
            runs, images (N, 3, S, S) in; nothing is fetched.
        load: a trained model ready to use, from its name (None: the zoo's default), a device and a
            runtime; None of a task whose models are used by `attribute` alone.
        evaluation: the `agekit.tasks.evaluate.Evaluation` of its models.
        ranked_by: the figure that says which of two models is better; None where none does.
        evaluation_options: what only it takes, and how the command line writes each.
        inference: of a network what one prediction of it calls, normalised images (N, 3, S, S) in,
            and the part of it that this runs; None of a task whose models are not timed.
        attribute: the `agekit.inference.attribute.FaceAttribute` of what its models say of a face
            beside its age, which the one graph of `graphs` gives; None of a task that says nothing.
        outputs: what a network makes of pictures (N, S, S, 3) that are normalised as its model's
            `agekit.zoo.config.ImageConfig` says, tensors by name; the zoo verifies a model by them.
        tolerance: how far they may lie apart on two machines, in their `unit`.
        unit: of them.
        graphs: the `agekit.onnx.card.OnnxGraph`s that a model folder is exported as; None of a task
            whose models are not.
        brief: the options of ``agekit train`` by which a recipe is trained shortly on any faces,
            in checks of parts; None where there is no need of any.
        embedding_graphs: the same with pooled features as an output; None of a task without.
        card: the text of a model's card, from its `config` and metrics.
        scores: the same as `agekit.zoo.cards.results.Score`, for leaderboards.
        hub: how the Hugging Face Hub files its models.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    command: ClassVar[str]
    recipe: ClassVar[Any]
    config: ClassVar[Any]
    metrics: ClassVar[Mapping[str, Any]]
    training: Lazy[Any]
    build: Lazy[Callable[[Any], Any]]
    untrained: Lazy[Callable[[Any], tuple[Any, Any]]]
    load: Lazy[Callable[..., Any]] | None = None
    evaluation: Lazy[Any]
    ranked_by: ClassVar[Ranking | None] = None
    evaluation_options: ClassVar[Mapping[str, str]] = {}
    inference: Lazy[Callable[[Any], tuple[Callable[[Any], Any], Any]]] | None = None
    attribute: Lazy[Any] | None = None
    outputs: Lazy[Callable[[Any, Any, Any], Mapping[str, Any]]]
    graphs: Lazy[Callable[[Path], Sequence[Any]]] | None = None
    embedding_graphs: Lazy[Callable[[Path], Sequence[Any]]] | None = None
    tolerance: ClassVar[float]
    unit: ClassVar[str]
    brief: Lazy[Callable[[Any], Sequence[str]]] | None = None
    card: Lazy[Callable[[Any, Mapping[str, Any]], str]]
    scores: Lazy[Callable[[Any, Mapping[str, Any]], list[Any]]]
    hub: ClassVar[HubTask]
