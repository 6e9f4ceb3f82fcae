"""What a model of another task adds to the answer about a face, such as its gender."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agekit.errors import ConfigError
from agekit.inference.chips import ChipTaker
from agekit.inference.face import Answer, Chip
from agekit.inference.given import GivenFaces
from agekit.inference.inputs import Picture
from agekit.inference.model import FaceModel, Seen
from agekit.registry import TASKS
from agekit.task import Task

__all__ = ["FaceAttribute", "load_attribute"]


class FaceAttribute(FaceModel, ABC):
    """A loaded model that says one thing of each face beside its age.

    Args:
        network: in evaluation mode, on its device.
        config: of its model, a `agekit.zoo.config.ModelConfig`; its `task` is the key of the
            answers.
        device: where the network is.
    """

    def __init__(self, network: Any, config: Any, device: Any) -> None:
        super().__init__(config.name, config.face, config.image.size, device)
        self.network = network
        self.config = config

    @abstractmethod
    def answer(self, chips: NDArray[np.uint8]) -> list[Answer]:
        """One answer a face, (N, S, S, 3) uint8, cut as the model was trained to see them."""

    @property
    def key(self) -> str:
        """What the answers are called."""
        return str(self.config.task)

    def answers(self, group: Sequence[Seen], most: int) -> list[Answer]:
        """The answers about the faces that another model was shown, in their order.

        Args:
            group: images, and the faces of them.
            most: how many faces go through the network at once.
        """
        cut = [self._cut(picture, chip) for picture, chips in group for chip in chips]
        starts = range(0, len(cut), most)
        return [one for k in starts for one in self.answer(np.stack(cut[k : k + most]))]

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


def load_attribute(name: str, device: str = "auto") -> FaceAttribute:
    """Loads what is to be said of faces beside their age.

    Args:
        name: a task, whose default model of the zoo is taken, or a model.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        ConfigError: models of its task say nothing of a face.
        ModelError: there is no such model, or its files are damaged.
    """
    from agekit.device import pick_device
    from agekit.zoo.folder import load_network, read_config, within_model
    from agekit.zoo.index import default_model
    from agekit.zoo.locate import locate

    if name in TASKS.names():
        _must_say(name, TASKS.get(name))
        name = default_model(name)
    folder = locate(name)
    task: Task = TASKS.get(read_config(folder).task)
    _must_say(name, task)
    place = pick_device(device)
    network, config = load_network(folder, place)
    with within_model(config):
        made: Any = task.attribute
        attribute: FaceAttribute = made(network, config, place)
        attribute.finder  # noqa: B018
    return attribute


def _must_say(name: str, task: Task) -> None:
    if task.attribute is None:
        able = [one for one in TASKS.names() if TASKS.get(one).attribute is not None]
        raise ConfigError(
            f"{name} is {task.title}, which adds nothing to the answer about a face",
            f"what does: {', '.join(able) or 'nothing installed here'}; see `agekit list tasks`",
        )
