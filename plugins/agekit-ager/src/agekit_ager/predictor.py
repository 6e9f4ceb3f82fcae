"""A loaded ager: photos in, the same photos with older or younger faces out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agekit.data.images import ImageLike
from agekit.device import pick_device
from agekit.errors import ConfigError
from agekit.faces.align import cut, is_upright, known_points, similarity
from agekit.faces.base import Detection
from agekit.inference.chips import in_frame
from agekit.inference.face import Chip
from agekit.inference.inputs import Picture
from agekit.inference.model import FaceModel, WhichFaces
from agekit.zoo.folder import within_model
from agekit.zoo.index import default_model
from agekit.zoo.locate import locate
from agekit_ager.build import load_ager
from agekit_ager.config import AgerConfig
from agekit_ager.image import AgedFace, AgedImage
from agekit_ager.judges.base import Judge
from agekit_ager.model import DIRECTIONS, Direction, FaceAger
from agekit_ager.pairs import to_network
from agekit_ager.paste import CutFace, paste

__all__ = ["FaceAging", "load_aging"]

Pixels = NDArray[np.uint8]
BATCH = 8


class FaceAging(FaceModel):
    """An ager ready to use.

    Args:
        ager: in evaluation mode, on its device.
        config: the model's configuration.
    """

    def __init__(self, ager: FaceAger, config: AgerConfig) -> None:
        device = next(ager.parameters()).device
        super().__init__(
            config.name, config.face, config.image.size, device, partial(within_model, config)
        )
        self.ager = ager
        self.config = config

    def age(
        self,
        images: ImageLike | Iterable[ImageLike],
        to: Direction = "old",
        detect: bool | None = None,
        faces: WhichFaces = "all",
        judge: Judge | None = None,
        *,
        boxes: Any = None,
        points: Any = None,
    ) -> list[AgedImage]:
        """Makes the faces in images older or younger.

        Args:
            images: as `agekit.inference.model.PredictorBase.predict` takes them.
            to: ``old`` or ``young``.
            detect: whether the images are photos to find faces in and to put them back into, or
                face chips themselves; None decides by how the ager's own faces were cut.
            faces: of a photo, all of them or the largest alone.
            judge: says how old the faces look before and after. An estimator of faces from photos
                answers as it does for the photos themselves, before and after; others are shown
                chips as the ager takes them.
            boxes: of faces that another detector found, as `PredictorBase.predict` takes them.
            points: likewise.

        Returns:
            One for each image, in order; one that cannot be read has its `error` set, and one
            without a face has nothing `after`.

        Raises:
            ConfigError: an argument is wrong, something is no image, or the model's detector is
                not installed.
        """
        return list(self.stream(images, to, detect, faces, judge, boxes=boxes, points=points))

    def stream(
        self,
        images: ImageLike | Iterable[ImageLike],
        to: Direction = "old",
        detect: bool | None = None,
        faces: WhichFaces = "all",
        judge: Judge | None = None,
        *,
        boxes: Any = None,
        points: Any = None,
    ) -> Iterator[AgedImage]:
        """As `age`, one after the other: holds a few photos in memory, however many come."""
        if to not in DIRECTIONS:
            raise ConfigError(f"to={to!r} is neither 'old' nor 'young'")
        shown = self.faces_of(images, detect, faces, boxes=boxes, points=points)
        if judge is not None:
            judge.expect(self.face, "the ager's faces")
        return (self._answer(picture, chips, to, judge) for [(picture, chips)] in shown)

    def _answer(
        self, picture: Picture, chips: Sequence[Chip], to: Direction, judge: Judge | None
    ) -> AgedImage:
        if picture.pixels is None:
            return AgedImage(picture.name, None, None, error=picture.error)
        if not chips:
            return AgedImage(picture.name, picture.pixels, None)
        aged = self._aged([chip.pixels for chip in chips], to)
        if chips[0].placed is None:
            return self._chip(picture, picture.pixels, chips[0], aged[0], judge)
        return self._photo(picture.name, picture.pixels, chips, aged, judge)

    def _photo(
        self,
        name: str,
        photo: Pixels,
        chips: Sequence[Chip],
        aged: NDArray[np.float32],
        judge: Judge | None,
    ) -> AgedImage:
        placed = [np.asarray(chip.placed) for chip in chips]
        target = self.finder.target
        cuts = [
            CutFace(chip.pixels, after, similarity(at, target * self.size))
            for chip, after, at in zip(chips, aged, placed, strict=True)
        ]
        after = paste(photo, cuts)
        ages: list[Any] = [[None] * len(chips)] * 2
        if judge is not None and judge.finds:
            seen = [
                Detection(np.array(chip.box), chip.score or 0.0, at)
                for chip, at in zip(chips, placed, strict=True)
            ]
            ages = judge.in_photo(photo, after, seen)
        elif judge is not None:
            again = [cut(after, at, target, self.size) for at in placed]
            ages = _ages(judge, [chip.pixels for chip in chips], again)
        faces = tuple(
            AgedFace(chip.box, before, now, chip.points and is_upright(at))
            for chip, at, before, now in zip(chips, placed, *ages, strict=True)
        )
        return AgedImage(name, photo, after, faces)

    def _chip(
        self,
        picture: Picture,
        pixels: Pixels,
        chip: Chip,
        aged: NDArray[np.float32],
        judge: Judge | None,
    ) -> AgedImage:
        after = np.rint(aged).astype(np.uint8)
        ages: list[Any] = []
        if judge is not None:
            side = min(pixels.shape[:2])
            large = in_frame(picture.name, pixels, known_points(self.face), side)
            ages = _ages(judge, [large], [after])
        faces = tuple(map(AgedFace, [None], *ages))
        return AgedImage(picture.name, chip.pixels, after, faces, warning=chip.warning)

    @torch.no_grad()
    def _aged(self, chips: Sequence[Pixels], to: Direction) -> NDArray[np.float32]:
        """(N, S, S, 3), 0 to 255."""
        batches = torch.split(torch.from_numpy(np.stack(chips)), BATCH)
        aged = torch.cat([self.ager(to_network(b.to(self.device)), to).float() for b in batches])
        scaled: NDArray[np.float32] = (
            aged.add(1).mul(127.5).clamp(0, 255).permute(0, 2, 3, 1).cpu().numpy()
        )
        return scaled


def load_aging(model: str | Path | None = None, device: str = "auto") -> FaceAging:
    """Loads an ager for use.

    Args:
        model: as `agekit.load` takes it; None takes the zoo's default ager.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        ModelError: there is no such model, its files are damaged, or it is an estimator's.
    """
    folder = locate(default_model("ager") if model is None else model)
    return FaceAging(*load_ager(folder, pick_device(device)))


def _ages(
    judge: Judge, before: Sequence[Pixels], after: Sequence[Pixels]
) -> list[list[float | None]]:
    """How old faces look before and after, years; None where the judge finds none."""
    years = [judge.predict(np.stack(chips)).age.tolist() for chips in (before, after)]
    return [[None if math.isnan(age) else age for age in ages] for ages in years]
