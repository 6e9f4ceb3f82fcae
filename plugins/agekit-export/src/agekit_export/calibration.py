"""The faces that a smaller file is calibrated and measured on, cut as the model takes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from agekit.data.notes import tell
from agekit.data.split import load_faces
from agekit.data.table import SPLITS
from agekit.errors import DataError, counted
from agekit.inference.inputs import find_images
from agekit.inference.model import FaceModel
from agekit.registry import DATASETS
from agekit.training.display import Display
from agekit.training.faces import evaluation_faces
from agekit.training.framing import find_framing
from agekit.zoo.config import ModelConfig
from agekit.zoo.folder import within_model

__all__ = ["CalibrationFaces", "calibration_faces"]

CALIBRATED, HELD = 200, 400
"""The most faces of each kind; which they are is drawn once and for all."""
LEAST = 20
_SEED = 7


@dataclass(frozen=True)
class CalibrationFaces:
    """Faces as a model takes them.

    Attributes:
        calibrated: those that ranges are taken from, (N, S, S, 3) uint8.
        held: others, to measure on, (M, S, S, 3) uint8.
        ages: of the latter, years, (M,); None where they are not known.
    """

    calibrated: NDArray[np.uint8]
    held: NDArray[np.uint8]
    ages: NDArray[np.float32] | None


def calibration_faces(source: str, root: Path | None, config: ModelConfig) -> CalibrationFaces:
    """Draws faces of a dataset, or of a folder of images.

    Args:
        source: the name of a dataset, whose training split is calibrated on and whose test or
            validation split is measured on; or a folder of photos or face chips.
        root: where the dataset lies.
        config: of the model.

    Raises:
        DataError: there are too few faces.
        UnknownNameError: there is no such dataset, nor a folder.
    """
    if source in DATASETS.names() or not Path(source).is_dir():
        return _of_dataset(source, root, config)
    return _of_folder(source, config)


def _of_dataset(name: str, root: Path | None, config: ModelConfig) -> CalibrationFaces:
    faces = load_faces(name, root)
    held = next((s for s in ("test", "val") if (faces.codes == SPLITS.index(s)).any()), "")
    if not held:
        raise DataError(
            f"{faces.protocol} has no test and no validation split to measure on",
            "name another dataset, or a folder of faces",
        )
    random = np.random.default_rng(_SEED)
    codes = np.full_like(faces.codes, -1)
    for split, most in (("train", CALIBRATED), (held, HELD)):
        rows = np.flatnonzero(faces.codes == SPLITS.index(split))
        chosen = random.permutation(rows)[:most]
        codes[chosen] = SPLITS.index(split)
    cpu, display = torch.device("cpu"), Display(None, None)
    chosen_faces = replace(faces, codes=codes)
    with within_model(config):
        framing = find_framing(chosen_faces, cpu, wanted=config.face, model=config.name, root=root)
    data = evaluation_faces(framing.show(chosen_faces, display), config.image, "all", cpu, display)
    for split in ("train", held):
        if not data.has(split) or len(data.rows(split)) < LEAST:
            raise _too_few(f"{faces.protocol} in its {split} split")
    pixels = {s: np.stack(data.pixels(s, range(len(data.rows(s))))) for s in ("train", held)}
    tell(f"calibrated on faces of {faces.protocol}, train; measured on those of {held}")
    return CalibrationFaces(pixels["train"], pixels[held], data.age(held).numpy())


def _of_folder(folder: str, config: ModelConfig) -> CalibrationFaces:
    paths = [image.path for image in find_images([folder])]
    random = np.random.default_rng(_SEED)
    chosen = [paths[k] for k in random.permutation(len(paths))[: CALIBRATED + HELD]]
    scope = partial(within_model, config)
    model = FaceModel(config.name, config.face, config.image.size, "cpu", scope)
    faces = [*_chips(model, chosen)]
    if len(faces) < 2 * LEAST:
        raise _too_few(folder)
    some = min(CALIBRATED, len(faces) // 2)
    tell(f"calibrated on {counted(some, 'face')} of {folder}, measured on {len(faces) - some} more")
    return CalibrationFaces(np.stack(faces[:some]), np.stack(faces[some:]), None)


def _chips(model: FaceModel, paths: list[str]) -> Iterator[NDArray[np.uint8]]:
    for _, chips in chain.from_iterable(model.faces_of(paths, None, "largest", together=16)):
        yield from (chip.pixels for chip in chips)


def _too_few(where: str) -> DataError:
    return DataError(
        f"there are too few faces in {where} to calibrate and to measure on",
        f"give {LEAST} at least for each",
    )
