"""Models of other tasks that add to the answer about a face, such as its gender."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agekit.errors import ConfigError
from agekit.extras import require
from agekit.inference.chips import ChipTaker
from agekit.inference.face import Answer, Chip
from agekit.inference.given import GivenFaces
from agekit.inference.inputs import Picture
from agekit.inference.model import FaceModel, Seen
from agekit.inference.runtime import Runtime, choose_runtime
from agekit.onnx.session import run_session
from agekit.registry import TASKS
from agekit.task import Task
from agekit.zoo.folder import read_config, within_model
from agekit.zoo.graphs import open_listed
from agekit.zoo.index import default_model
from agekit.zoo.locate import find, locate

__all__ = ["FaceAttribute", "find_attribute", "load_attribute"]

Outputs = Mapping[str, NDArray[Any]]
Run = Callable[[NDArray[np.uint8]], Outputs]


class FaceAttribute(FaceModel, ABC):
    """A loaded model that says one thing of each face beside its age.

    Args:
        run: computes the graph of its task, by torch or ONNX Runtime: chips (N, S, S, 3) uint8,
            cut as the model was trained to see them, to the outputs by name, of N rows each.
        config: of its model, a `agekit.zoo.config.ModelConfig`; its `task` is the key of the
            answers.
        device: where it is computed.
    """

    def __init__(self, run: Run, config: Any, device: Any) -> None:
        super().__init__(config.name, config.face, config.image.size, device)
        self.run = run
        self.config = config

    @abstractmethod
    def answer(self, outputs: Outputs) -> list[Answer]:
        """One answer a face, from what the graph gives of N faces."""

    @property
    def key(self) -> str:
        """The name of the answers."""
        return str(self.config.task)

    def answers(self, group: Sequence[Seen], most: int) -> list[Answer]:
        """The answers about the faces that another model was shown, in their order.

        Args:
            group: images, and the faces of them.
            most: how many faces go through the network at once.
        """
        cut = [self._cut(picture, chip) for picture, chips in group for chip in chips]
        starts = range(0, len(cut), most)
        return [one for k in starts for one in self.answer(self.run(np.stack(cut[k : k + most])))]

    @cached_property
    def _taker(self) -> ChipTaker:
        return ChipTaker(self.face, self.size, lambda: self.finder, self.name)

    def _cut(self, picture: Picture, chip: Chip) -> NDArray[np.uint8]:
        """A face as this model sees it; of one without points, as it usually lies in its box."""
        if chip.box is None or picture.pixels is None:
            return self._taker.take([picture])[0].pixels
        points = None if chip.points is None else np.array([chip.points], np.float64)
        given = GivenFaces(np.array([chip.box], np.float64), points)
        return self.finder.take([picture.pixels], [given], most=None)[0][0].pixels


def load_attribute(name: str, device: str = "auto", runtime: Runtime = "auto") -> FaceAttribute:
    """Loads what is to be said of faces beside their age.

    Args:
        name: a task, whose default model of the zoo is taken, or a model.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        runtime: what computes, as `agekit.load` takes it.

    Raises:
        ConfigError: models of its task say nothing of a face, or the runtime cannot be had.
        ModelError: there is no such model, or its files are damaged.
    """
    folder = locate(find_attribute(name)[0])
    config = read_config(folder)
    task: Task = TASKS.get(config.task)
    _must_say(name, task)
    run, place = _engine(folder, config, task, device, runtime)
    with within_model(config):
        made: Any = task.attribute
        attribute: FaceAttribute = made(run, config, place)
        attribute.finder  # noqa: B018
    return attribute


def find_attribute(name: str) -> tuple[str, str | None]:
    """The model that a name means, see `load_attribute`, and its task.

    Nothing is fetched; what is on the Hub alone has an unknown task, None.

    Raises:
        ConfigError: models of its task say nothing of a face.
        ModelError: there is no such model.
    """
    if name in TASKS.names():
        _must_say(name, TASKS.get(name))
        return default_model(name), name
    found = find(name)
    task = found.indexed.entry.task if found.indexed else None
    if found.indexed is None and found.folder is not None:
        task = read_config(found.folder).task
    if task is not None:
        _must_say(name, TASKS.get(task))
    return name, task


def _engine(
    folder: Path, config: Any, task: Task, device: str, runtime: Runtime
) -> tuple[Run, Any]:
    """The function that computes a model's graph, and its device."""
    if choose_runtime(config, runtime, device) == "onnx":
        session, card = open_listed(folder, config, device=device)
        names = [*card.outputs]

        def by_onnx(chips: NDArray[np.uint8]) -> Outputs:
            return dict(zip(names, run_session(session, names, chips), strict=True))

        return by_onnx, "cpu"
    require("torch", f"the model {config.name}, by torch")
    import torch

    from agekit.device import pick_device

    graphs: Any = task.graphs
    place = pick_device(device)
    [graph] = graphs(folder)
    module = graph.module.to(place)

    def by_torch(chips: NDArray[np.uint8]) -> Outputs:
        with torch.inference_mode():
            made = module(torch.from_numpy(chips).to(place))
        return {name: one.cpu().numpy() for name, one in zip(graph.outputs, made, strict=True)}

    return by_torch, place


def _must_say(name: str, task: Task) -> None:
    if task.attribute is None:
        able = [one for one in TASKS.names() if TASKS.get(one).attribute is not None]
        raise ConfigError(
            f"{name} is {task.title}, which adds nothing to the answer about a face",
            f"what does: {', '.join(able) or 'nothing installed here'}; see `agekit list tasks`",
        )
