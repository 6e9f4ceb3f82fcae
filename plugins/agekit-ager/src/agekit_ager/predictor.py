"""A loaded ager: photos in, the same photos with older or younger faces out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agekit.data.alignment import Alignment
from agekit.data.images import ImageLike
from agekit.errors import ConfigError, DataError, ModelError
from agekit.inference.face import Chip
from agekit.inference.inputs import Picture
from agekit.inference.model import FaceModel, WhichFaces
from agekit.zoo.folder import within_model
from agekit.zoo.index import default_model, find_model
from agekit_ager.config import AgerConfig
from agekit_ager.engine import AgingEngine
from agekit_ager.image import DIRECTIONS, AgedImage, Direction
from agekit_ager.passage import STEPS
from agekit_ager.seen import SeenFaces
from agekit_ager.steering import Steering
from agekit_ager.wishes import Target, targets

if TYPE_CHECKING:
    from agekit_ager.judges.base import Judge

__all__ = ["FaceAging"]

Pixels = NDArray[np.uint8]
To = str | float | Sequence[float] | None


class FaceAging(FaceModel):
    """An ager ready to use, the same whatever computes.

    Args:
        engine: what computes.
        name: what the model is called.
        face: how the faces it was trained on were cut.
        size: side of the face chips it takes, pixels.
        ways: the directions that it goes.
        ages: instead, the first and the last age it was trained on, years.
        guide: the estimator of the zoo that steers it; None of one that is not steered.
        config: of its folder; None of a file that was exported.
    """

    def __init__(
        self,
        engine: AgingEngine,
        name: str,
        face: Alignment,
        size: int,
        *,
        ways: Sequence[Direction] = DIRECTIONS,
        ages: tuple[float, float] | None = None,
        guide: str | None = None,
        config: AgerConfig | None = None,
    ) -> None:
        scope = nullcontext if config is None else partial(within_model, config)
        super().__init__(name, face, size, engine.device, scope)
        self.engine = engine
        self.ways = ways
        self.ages = ages
        self.guide = guide
        self._estimators: dict[str, Judge] = {}

    @property
    def runtime(self) -> str:
        """What computes: ``torch`` or ``onnx``."""
        return self.engine.runtime

    def targets(self, to: To = None, by: float | None = None) -> tuple[list[Target], list[str]]:
        """What is asked of this ager, and what people should know of it; see `age`.

        Raises:
            ConfigError: it does not do that.
        """
        asked, notes = targets(self.name, self.ages, to, by)
        if self.ages is None and asked[0].direction not in self.ways:
            raise ConfigError(
                f"{self.name} goes to {self.ways[0]} alone",
                f"use --to {self.ways[0]}, or the file of the other direction",
            )
        return asked, notes

    @property
    def steering(self) -> dict[str, float]:
        """The numbers by which it is steered; see `agekit_ager.steering`."""
        return Steering.rules

    def age(
        self,
        images: ImageLike | Iterable[ImageLike],
        to: To = None,
        detect: bool | None = None,
        faces: WhichFaces = "all",
        judge: Judge | None = None,
        *,
        by: float | None = None,
        steer: bool = True,
        boxes: Any = None,
        points: Any = None,
    ) -> list[AgedImage]:
        """Makes the faces in images older or younger.

        Args:
            images: as `agekit.inference.model.PredictorBase.predict` takes them.
            to: ``old`` (as None) or ``young``. Of an ager by age the age that faces are to look, in
                years, or several, which are as many results of each image; ``old`` is 65 there,
                ``young`` is 25.
            detect: whether the images are photos to find faces in and to put them back into, or
                face chips themselves; None decides by how the ager's own faces were cut.
            faces: of a photo, all of them or the largest alone.
            judge: says how old the faces look before and after. An estimator of faces from photos
                answers as it does for the photos themselves, before and after; others are shown
                chips as the ager takes them. An ager by age has to know how old faces are: without
                one it asks the zoo's default estimator.
            by: instead of `to`, how many years older, or younger, of an ager by age.
            steer: whether an ager that has a guide looks at what it made and corrects it, see
                `agekit_ager.steering`; its guide then is no independent judge of it.
            boxes: of faces that another detector found, as `PredictorBase.predict` takes them.
            points: likewise.

        Returns:
            One for each image, or for each image and age, in order; one that cannot be read has
            its `error` set, and one without a face has nothing `after`.

        Raises:
            ConfigError: an argument is wrong, something is no image, the ager does not do what is
                asked, or the model's detector is not installed.
        """
        options: dict[str, Any] = {"by": by, "steer": steer, "boxes": boxes, "points": points}
        return list(self.stream(images, to, detect, faces, judge, **options))

    def stream(
        self,
        images: ImageLike | Iterable[ImageLike],
        to: To = None,
        detect: bool | None = None,
        faces: WhichFaces = "all",
        judge: Judge | None = None,
        *,
        by: float | None = None,
        steer: bool = True,
        boxes: Any = None,
        points: Any = None,
    ) -> Iterator[AgedImage]:
        """As `age`, one after the other: holds a few photos in memory, however many come."""
        asked, _ = self.targets(to, by)
        judge = self._judge(judge)
        steering = self._steering if steer else None
        shown = self.faces_of(images, detect, faces, boxes=boxes, points=points)
        answers = (
            self._answer(picture, chips, asked, judge, steering) for [(picture, chips)] in shown
        )
        return (result for results in answers for result in results)

    def passage(
        self,
        image: ImageLike,
        to: To = None,
        detect: bool | None = None,
        faces: WhichFaces = "all",
        judge: Judge | None = None,
        *,
        by: float | None = None,
        steer: bool = True,
        boxes: Any = None,
        points: Any = None,
        count: int = STEPS,
    ) -> Iterator[Pixels]:
        """An image as the years pass, of an ager by age.

        Args:
            image: see `age`, as for what follows.
            to: likewise; of one age the years pass from how old each face looks, of several
                through all of them.
            detect: likewise.
            faces: likewise.
            judge: likewise.
            by: likewise.
            steer: likewise.
            boxes: likewise.
            points: likewise.
            count: how many pictures.

        Yields:
            (H, W, 3) uint8 each.

        Raises:
            ConfigError: see `age`; or the ager goes by direction.
            DataError: the image cannot be read, or there is no face in it.
        """
        asked, _ = self.targets(to, by)
        if self.ages is None:
            raise ConfigError(
                f"{self.name} knows no ages, and no years can pass", "use a model that goes by age"
            )
        judge = self._judge(judge)
        [[(picture, chips)]] = self.faces_of([image], detect, faces, boxes=boxes, points=points)
        if picture.pixels is None or not chips:
            raise DataError(picture.error or f"{picture.name or 'the image'}: no face found")
        seen = SeenFaces(self, picture, chips, judge, self._steering if steer else None)
        return seen.passage(asked, count)

    def _judge(self, judge: Judge | None) -> Judge | None:
        """Who says how old faces look, told of the frame: whoever was given, or who has to be."""
        if judge is None:
            return None if self.ages is None else self.estimator(default_model("estimator"))
        judge.expect(self.face, "the ager's faces")
        return judge

    @cached_property
    def _steering(self) -> Steering | None:
        if self.guide is None or self.ages is None:
            return None
        if find_model(self.guide) is None:
            raise ModelError(
                f"{self.name} is steered by {self.guide}, which the zoo does not have",
                "install what brings it, or do without: --no-steer, or steer=False",
            )
        return Steering(self.estimator(self.guide), self.ages)

    def estimator(self, name: str) -> Judge:
        """An estimator of the zoo as a judge of these faces, loaded once.

        Raises:
            ConfigError, ModelError: see `agekit_ager.judges.load.load_judges`.
        """
        if name not in self._estimators:
            from agekit_ager.judges.load import load_judges

            [judge] = load_judges([name], self.device, features=False)
            judge.expect(self.face, "the ager's faces")
            self._estimators[name] = judge
        return self._estimators[name]

    def _answer(
        self,
        picture: Picture,
        chips: Sequence[Chip],
        asked: Sequence[Target],
        judge: Judge | None,
        steering: Steering | None,
    ) -> Iterator[AgedImage]:
        seen = None
        if picture.pixels is not None and chips:
            seen = SeenFaces(self, picture, chips, judge, steering)
        for target in asked:
            if seen is None:
                yield AgedImage(
                    picture.name, picture.pixels, None, to=target.label, error=picture.error
                )
            else:
                yield seen.aged(target)
