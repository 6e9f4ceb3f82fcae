"""Scoring an ager on the two domains of a dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from agekit.data.pool import FacePool
from agekit.data.split import Faces
from agekit.errors import ConfigError, DataError, ModelError
from agekit.progress import ProgressBar, decoding
from agekit.tasks.evaluate import Evaluation, ResultTable
from agekit.training.display import Display
from agekit_ager.build import load_ager
from agekit_ager.config import AgerConfig
from agekit_ager.domains import DOMAINS, domain_codes
from agekit_ager.judges.base import Judge
from agekit_ager.judges.identity import DlibIdentity
from agekit_ager.judges.load import choose_judges, load_judges, unknown_judges
from agekit_ager.kid import FEWEST
from agekit_ager.model import DIRECTIONS
from agekit_ager.recipe import AgerDataConfig
from agekit_ager.results import AgingResult, age_faces
from agekit_ager.sample import sampled
from agekit_ager.scores import accuracy, scores
from agekit_ager.steering import Steering
from agekit_ager.tables import result_tables

__all__ = ["AgerEvaluation"]

_PROGRESSION = ("max", "avg", "over_10", "over_15", "over_20")
Domains = tuple[tuple[float, float], tuple[float, float]]


class AgerEvaluation(Evaluation):
    """Young faces made old and old ones young, and what judges say of them.

    Args:
        folder: the ager's model folder.
        device: where the generators and the estimators run.
        split: which.
        seed: of the bootstrap and of the subsets.
        judges: who says how old faces look; see `load_judges`.
        domains: the ages of the young and of the old; None takes the groups ``A`` and ``B``.
        where: keeps the faces of one ``gender`` or ``group``.

    Raises:
        ConfigError, ModelError: a judge or the ager cannot be read.
    """

    config: AgerConfig

    def __init__(
        self,
        folder: Path,
        device: torch.device,
        split: str,
        seed: int,
        *,
        judges: Sequence[str] = (),
        domains: Domains | None = None,
        where: Mapping[str, str] | None = None,
    ) -> None:
        self.judges = load_judges(judges, device)
        self.ager, self.config = load_ager(folder, device)
        self.steering: Steering | None = None
        if self.config.guide is not None and self.config.ages is not None:
            [guide] = load_judges([self.config.guide], device, features=False)
            self.steering = Steering(guide, self.config.ages)
        self.device = device
        self.split, self.seed = split, seed
        self.domains, self.where = domains, dict(where or {})

    @classmethod
    def complete(cls, options: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """Checks the judges; where none is named, chooses who can be had."""
        names = tuple(options.get("judges", ()))
        if mistakes := list(unknown_judges(names)):
            raise ConfigError(mistakes)
        told = ""
        if not names:
            names, told = choose_judges()
        return {**options, "judges": names}, told

    @classmethod
    def figures(cls, metrics: Mapping[str, Any], start: str = "") -> dict[str, float]:
        """What the first judge says of the faces made old is under the reports' own names too."""
        out = super().figures(metrics, start)
        judges = metrics.get("old", {}).get("judges", {})
        first: Mapping[str, Any] = next(iter(judges.values()), {})
        return out | super().figures({k: first[k] for k in _PROGRESSION if k in first})

    def select(self, faces: Faces) -> Faces:
        """Split as for the ager's training, where faces of this protocol were drawn for that.

        Raises:
            DataError: a domain has no face.
        """
        faces = _as_drawn(faces, self.config)
        self._rows(faces)
        return faces

    def score(self, faces: Faces, display: Display) -> dict[str, Any]:
        """Ages the faces and asks the judges.

        Returns:
            Also ``domains``, ``where``, ``seed``, ``judges``, ``remarks``: ``judges`` has each
            judge's error on the faces as they are, by domain; ``metrics`` what `scores` gives, by
            direction, ``old`` and ``young``; ``remarks`` what was left out, and why.
        """
        remarks: list[str] = []
        if faces.drawn:
            remarks.append(f"the split is that of the ager's training: {faces.drawn}")
        expected = (judge.expect(faces.face, "the ager's faces") for judge in self.judges)
        remarks += filter(None, expected)
        images, slots, bad = _pixels(faces, self._rows(faces), self.config.image.size, display)
        rows = [mine[at >= 0] for mine, at in zip(self._rows(faces), slots, strict=True)]
        _require(rows, faces, self.split)
        identity = _identity(remarks)
        years = [faces.table.age[mine] for mine in rows]
        if self.steering is not None:
            self.steering.guide.expect(faces.face, "the ager's faces")
            remarks.append(
                f"steered by {self.config.guide}, as `agekit age` is: that is no independent judge"
            )
        if self.config.ages is not None:
            old, young = (f"{age.mean():.0f}" for age in reversed(years))
            remarks.append(f"an ager by age: old is {old} years, young {young}, the domains' means")
        done = self._age(images, slots, years, identity, display)
        ages = [
            _true_ages(faces, mine, domain, self.domains, remarks)
            for mine, domain in zip(rows, DOMAINS, strict=True)
        ]
        metrics: dict[str, Any] = {
            one.to: scores(one, done[1 - k], ages[k], self.judges, self.seed)
            for k, one in enumerate(done)
        }
        return {
            "domains": self.domains,
            "where": self.where,
            "seed": self.seed,
            "n": sum(map(len, rows)),
            "skipped": bad,
            "judges": _errors(self.judges, done, ages),
            "metrics": metrics,
            "remarks": remarks + _left_out(metrics),
        }

    def _rows(self, faces: Faces) -> list[NDArray[np.int64]]:
        """The rows of the young and of the old in the split."""
        codes = domain_codes(faces.table, self.domains, self.where)
        chosen = faces.rows(self.split)  # type: ignore[arg-type]
        rows = [chosen[codes[chosen] == code] for code in range(len(DOMAINS))]
        _require(rows, faces, self.split)
        return rows

    def _age(
        self,
        images: NDArray[np.uint8],
        slots: Sequence[NDArray[np.int64]],
        ages: Sequence[NDArray[np.float32]],
        identity: DlibIdentity | None,
        display: Display,
    ) -> list[AgingResult]:
        """Both ways, each over the faces of its domain that can be used."""
        with ProgressBar(display.console, "faces aged", sum(map(len, ages))) as progress:
            return [
                age_faces(
                    self.ager,
                    to,
                    images,
                    at[at >= 0],
                    years,
                    float(target.mean()),
                    self.steering,
                    self.judges,
                    identity,
                    progress.step,
                    self.device,
                )
                for to, at, years, target in zip(DIRECTIONS, slots, ages, ages[::-1], strict=True)
            ]

    @staticmethod
    def tables(result: Mapping[str, Any]) -> list[ResultTable | str]:
        """A row for each way and judge, then what has no judge."""
        return result_tables(result)


def _as_drawn(faces: Faces, config: AgerConfig) -> Faces:
    """Split as for the ager's training, where faces of this protocol were drawn for that."""
    drawn = config.trained.get("sample")
    if drawn is None or config.trained.get("protocol") != faces.protocol:
        return faces
    try:
        data = AgerDataConfig.model_validate_json(json.dumps(drawn))
    except ValidationError as error:
        raise ModelError(
            f"{config.name}: its trained.sample cannot be read", "get it anew"
        ) from error
    return sampled(faces, data)


def _require(rows: Sequence[NDArray[np.int64]], faces: Faces, split: str) -> None:
    for mine, domain in zip(rows, DOMAINS, strict=True):
        if not len(mine):
            raise DataError(
                f"{faces.protocol}: no {domain} face of the split {split} can be used",
                "choose other domains, or another split with --split",
            )


def _pixels(
    faces: Faces, rows: Sequence[NDArray[np.int64]], size: int, display: Display
) -> tuple[NDArray[np.uint8], list[NDArray[np.int64]], int]:
    """The pool's images, each domain's slots in it, and how many images are unusable."""
    pool = FacePool.open(size)
    with decoding(display.console, size) as progress:
        both = np.concatenate(rows)
        slots = pool.slots(faces.table.images.take(both), progress)
    parts = np.split(slots, [len(rows[0])])
    return pool.images, parts, int((slots < 0).sum())


def _identity(remarks: list[str]) -> DlibIdentity | None:
    try:
        return DlibIdentity()
    except ConfigError as error:
        remarks.append(f"identity left out: {error.message}; {error.hint}")
        return None


def _true_ages(
    faces: Faces,
    rows: NDArray[np.int64],
    domain: str,
    domains: Domains | None,
    remarks: list[str],
) -> NDArray[np.float32] | None:
    """The ages of a domain's faces; None where the dataset gives one age for all of a group."""
    ages = faces.table.age[rows]
    if domains is None and len(ages) > 1 and (ages == ages[0]).all():
        remarks.append(
            f"the judges' error on the {domain} faces left out: "
            f"{faces.dataset} gives all of them the age {ages[0]:g}"
        )
        return None
    return ages


def _errors(
    judges: Sequence[Judge],
    results: Sequence[AgingResult],
    ages: Sequence[NDArray[np.float32] | None],
) -> dict[str, Any]:
    """Each judge's error on the faces as they are, by domain."""
    return {
        judge.name: {
            domain: accuracy(done.before.verdicts[k], age)
            for domain, done, age in zip(DOMAINS, results, ages, strict=True)
            if age is not None
        }
        for k, judge in enumerate(judges)
    }


def _left_out(metrics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What could not be counted for want of faces."""
    out = []
    for to, part in metrics.items():
        out += [
            f"{name} found no face both as it was and made {to}"
            for name, row in part["judges"].items()
            if not row["n"]
        ]
        out += [
            f"{key} of the faces made {to} left out: it needs {FEWEST} of them and of real ones"
            for key, value in part.items()
            if value is None
        ]
    return out
