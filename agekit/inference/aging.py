"""A loaded ager: photos in, the same photos with older or younger faces out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from agekit.data.images import ImageLike, several
from agekit.device import pick_device
from agekit.errors import ConfigError, DataError
from agekit.faces.align import cut, is_upright, similarity
from agekit.faces.base import Detection
from agekit.inference.chips import ChipTaker
from agekit.inference.draw import side_by_side
from agekit.inference.face import AgedFace, Box
from agekit.inference.inputs import Picture, read_ahead
from agekit.inference.paste import CutFace, paste
from agekit.tasks.ager.build import load_ager
from agekit.tasks.ager.config import AgerConfig
from agekit.tasks.ager.judges.base import Judge
from agekit.tasks.ager.model import DIRECTIONS, Direction, FaceAger
from agekit.tasks.ager.pairs import to_network
from agekit.zoo.folder import within_model
from agekit.zoo.index.default import default_model
from agekit.zoo.index.locate import locate

if TYPE_CHECKING:
    from PIL.Image import Image

    from agekit.inference.finder import FaceFinder

__all__ = ["AgedFace", "AgedImage", "FaceAging", "load_aging"]

Pixels = NDArray[np.uint8]
BATCH = 8


@dataclass(frozen=True, eq=False)
class AgedImage:
    """What became of one image.

    Attributes:
        path: its path; empty for one that came in memory.
        before: (H, W, 3) uint8, the upright photo, or the chip as the ager takes it; None if it
            could not be read.
        after: the same, aged; None if there is no face in it.
        faces: those that were aged, the largest first.
        error: why it could not be read, or None.
        warning: of an image taken as a face chip: how it was reframed, or why it is none.
    """

    path: str
    before: Pixels | None
    after: Pixels | None
    faces: tuple[AgedFace, ...] = ()
    error: str | None = None
    warning: str | None = None

    def __repr__(self) -> str:
        size = (
            "" if self.after is None else f", {self.after.shape[1]} x {self.after.shape[0]} pixels"
        )
        error = "" if self.error is None else f", error={self.error!r}"
        return f"AgedImage({self.path!r}{size}, faces={self.faces}{error})"

    def to_dict(self) -> dict[str, Any]:
        """Ages before and after, of the first face and of each, and where the faces are."""
        faces = [face.to_dict() for face in self.faces]
        first = faces[0] if faces else {"before": None, "after": None}
        ages = {"before": first["before"], "after": first["after"]}
        return {"path": self.path, **ages, "faces": faces, "error": self.error}

    def plot(self) -> Image:
        """Draws before and after side by side, with the ages where they are known.

        Raises:
            DataError: the image could not be read, or there is no face in it.
        """
        if self.before is None or self.after is None:
            raise DataError(self.error or f"{self.path or 'the image'}: no face found")
        return side_by_side(self.before, self.after, self.faces)


class FaceAging:
    """An ager ready to use.

    Args:
        ager: in evaluation mode, on its device.
        config: the model's configuration.
    """

    def __init__(self, ager: FaceAger, config: AgerConfig) -> None:
        self.ager = ager
        self.config = config
        self.device = next(ager.parameters()).device

    def __repr__(self) -> str:
        size = self.config.image.size
        return f"FaceAging({self.config.name!r}, size={size}, device='{self.device}')"

    @property
    def detects(self) -> bool:
        """Whether it looks for faces when not told: it was trained on faces cut from photos."""
        return self.config.face.align == "five-points"

    @property
    def guesses_the_cut(self) -> bool:
        """Whether faces found in photos are cut in a way the model says nothing of."""
        return not self.detects and self.config.face.points is None

    @cached_property
    def finder(self) -> FaceFinder:
        """What finds faces; made when first needed.

        Raises:
            UnknownNameError: the model's detector is not installed.
        """
        from agekit.inference.finder import FaceFinder

        with within_model(self.config):
            return FaceFinder(self.config.face, self.config.image.size, self.device)

    def age(
        self,
        images: ImageLike | Iterable[ImageLike],
        to: Direction = "old",
        detect: bool | None = None,
        faces: Literal["all", "largest"] = "all",
        judge: Judge | None = None,
    ) -> list[AgedImage]:
        """Makes the faces in images older or younger.

        Args:
            images: as `agekit.inference.streaming.PredictorBase.predict` takes them.
            to: ``old`` or ``young``.
            detect: whether the images are photos to find faces in and to put them back into, or
                face chips themselves; None decides by how the ager's own faces were cut.
            faces: of a photo, all of them or the largest alone.
            judge: says how old the faces look before and after. An estimator of faces from photos
                answers as it does for the photos themselves, before and after; others are shown
                chips as the ager takes them.

        Returns:
            One for each image, in order; one that cannot be read has its `error` set, and one
            without a face has nothing `after`.

        Raises:
            ConfigError: an argument is wrong, something is no image, or the model's detector is
                not installed.
        """
        return list(self.stream(images, to, detect, faces, judge))

    def stream(
        self,
        images: ImageLike | Iterable[ImageLike],
        to: Direction = "old",
        detect: bool | None = None,
        faces: Literal["all", "largest"] = "all",
        judge: Judge | None = None,
    ) -> Iterator[AgedImage]:
        """As `age`, one after the other: holds a few photos in memory, however many come."""
        if to not in DIRECTIONS:
            raise ConfigError(f"to={to!r} is neither 'old' nor 'young'")
        if faces not in ("all", "largest"):
            raise ConfigError(f"faces={faces!r} is neither 'all' nor 'largest'")
        checked = several(images)
        detect = self.detects if detect is None else detect
        if detect:
            self.finder  # noqa: B018
        most = 1 if faces == "largest" else None
        if judge is not None:
            judge.expect(self.config.face, "the ager's faces")
        return self._stream(checked, to, detect, most, judge)

    def _stream(
        self,
        images: Iterable[ImageLike],
        to: Direction,
        detect: bool,
        most: int | None,
        judge: Judge | None,
    ) -> Iterator[AgedImage]:
        face, size = self.config.face, self.config.image.size
        taker = ChipTaker(face, size, lambda: self.finder, self.config.name)
        for picture in read_ahead(images):
            if picture.pixels is None:
                yield AgedImage(picture.name, None, None, error=picture.error)
            elif detect:
                yield self._photo(picture.name, picture.pixels, to, most, judge)
            else:
                yield self._chip(picture, picture.pixels, taker, to, judge)

    def _photo(
        self, name: str, photo: Pixels, to: Direction, most: int | None, judge: Judge | None
    ) -> AgedImage:
        size, target = self.config.image.size, self.finder.target
        height, width = photo.shape[:2]
        boxes: list[Box] = []
        taken: list[Detection] = []
        chips: list[Pixels] = []
        for found in self.finder.detect([photo])[0]:
            if len(chips) != most:
                with suppress(DataError):
                    chips.append(cut(photo, found.points, target, size))
                    taken.append(found)
                    x0, y0, x1, y1 = np.clip(found.box, 0, [width, height, width, height]).tolist()
                    boxes.append((x0, y0, x1, y1))
        if not chips:
            return AgedImage(name, photo, None)
        there = [similarity(face.points, target * size) for face in taken]
        after = paste(photo, [*map(CutFace, chips, self._aged(chips, to), there)])
        ages: list[Any] = []
        if judge is not None and judge.finds:
            ages = judge.in_photo(photo, after, taken)
        elif judge is not None:
            ages = _ages(judge, chips, [cut(after, face.points, target, size) for face in taken])
        faces = zip(map(AgedFace, boxes, *ages), taken, strict=True)
        shown = [replace(face, upright=is_upright(seen.points)) for face, seen in faces]
        return AgedImage(name, photo, after, tuple(shown))

    def _chip(
        self,
        picture: Picture,
        pixels: Pixels,
        taker: ChipTaker,
        to: Direction,
        judge: Judge | None,
    ) -> AgedImage:
        [chip] = taker.take([picture])
        after = np.rint(self._aged([chip.pixels], to)[0]).astype(np.uint8)
        ages: list[Any] = []
        if judge is not None:
            large = taker.frame(picture.name, pixels, min(pixels.shape[:2]))
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
