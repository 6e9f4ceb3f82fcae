"""Scoring an estimator on a dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from agekit.data.split import Faces
from agekit.data.table import SPLITS
from agekit.device import autocast_dtype, has_bfloat16
from agekit.errors import counted
from agekit.tasks.estimator.build import load_estimator
from agekit.tasks.estimator.challenge import (
    challenge_rates,
    challenge_tables,
    check_ages,
    few_minors,
)
from agekit.tasks.estimator.config import EstimatorConfig
from agekit.tasks.estimator.face_errors import FaceErrors
from agekit.tasks.estimator.scoring import generation_metrics, raw_outputs
from agekit.tasks.evaluate import AgeEvaluation, ResultTable
from agekit.training.display import Display
from agekit.training.faces import TrainingFaces, evaluation_faces
from agekit.zoo.files import METRICS, WEIGHTS

__all__ = ["EstimatorEvaluation"]

_OF_PARTS = ("mae", "bias", "cs5", "coverage")
"""The figures that are shown of each of several datasets."""


class EstimatorEvaluation(AgeEvaluation):
    """The errors of an estimator, over all and by head, age, gender and group.

    Args:
        folder: the model folder.
        device: where its network runs.
        split: which.
        seed: nothing is drawn.
        table: a CSV to write, a row a face.
        plot: a PNG: estimated against true age, and the error on the faces it is surest of.
        worst: a PNG of the faces of the largest errors.
        abstain: the share of faces to leave without an answer, those of the widest intervals.
        challenge: the ages, in years, from which on faces are let in by an age check.
        amp: ``bf16`` computes in bfloat16, which is quicker where the device has it and moves some
            ages by tenths of a year; ``fp32`` does not.
    """

    config: EstimatorConfig

    def __init__(
        self,
        folder: Path,
        device: torch.device,
        split: str,
        seed: int,
        *,
        table: Path | None = None,
        plot: Path | None = None,
        worst: Path | None = None,
        abstain: float = 0.0,
        challenge: Sequence[int] = (),
        amp: str = "fp32",
    ) -> None:
        self.table, self.plot, self.worst, self.abstain = table, plot, worst, abstain
        self.network, self.config = load_estimator(folder, device)
        self.challenge = challenge
        check_ages(challenge, self.config.ages, self.config.name)
        self.device, self.amp = device, amp
        self.split = split

    def score(self, faces: Faces, display: Display) -> dict[str, Any]:
        """As `generation_metrics`, and the errors on the share of faces it is surest of.

        Returns:
            Also ``most_certain``, `FaceErrors.answered` of each tenth of the faces more; with
            `abstain` ``answered``, the same of that share; and with challenge ages ``challenge``,
            the `challenge_rates` of each.
        """
        data = evaluation_faces(faces, self.config.image, self.split, self.device, display)
        dtype = autocast_dtype(self.amp, self.device)
        raw = raw_outputs(self.network, data.loader(self.split), dtype=dtype)
        metrics = generation_metrics(self.network, raw, data, self.split)
        of_faces = self._face_errors(raw, data)
        if self.table is not None:
            of_faces.write_csv(self.table)
        if self.plot is not None:
            of_faces.draw(self.plot, self.split)
        if self.worst is not None:
            of_faces.draw_worst(self.worst)
        out = {"n": metrics.pop("n"), "skipped": data.skipped, "metrics": metrics}
        out["most_certain"] = of_faces.risk_coverage()
        if self.abstain:
            out["answered"] = of_faces.answered(1 - self.abstain)
        remarks: list[str | None] = []
        if dtype is not None:
            out["amp"] = self.amp
            remarks.append("computed in bfloat16: figures to publish are of float32")
            if not has_bfloat16(self.device):
                remarks.append(f"{self.device} has no bfloat16 of its own: float32 is quicker here")
        if of_faces.surest is None and (self.abstain or self.plot):
            remarks.append("all intervals are as wide: nothing tells which faces are surer")
        if self.challenge:
            rates = partial(challenge_rates, age=of_faces.estimate, table=of_faces.table)
            out["challenge"] = list(map(rates, self.challenge))
            remarks.append(few_minors(out["challenge"][0]))
        if told := [remark for remark in remarks if remark]:
            out["remarks"] = told
        return out

    def _face_errors(self, raw: Mapping[str, torch.Tensor], data: TrainingFaces) -> FaceErrors:
        made, rows = self.network.estimate(raw), data.rows(self.split)
        age, low, high = (values.cpu().numpy() for values in (made.age, made.low, made.high))
        return FaceErrors(
            data.faces.table.take(rows),
            [SPLITS[code] for code in data.faces.codes[rows]],
            age,
            low,
            high,
            lambda which: data.pixels(self.split, which),
        )

    def restore(self, generation: Path) -> None:
        """Its weights and its calibration."""
        self.network.load_state_dict(load_file(generation / WEIGHTS))
        metrics = json.loads((generation / METRICS).read_text(encoding="utf-8"))
        self.network.correction = metrics["interval"]["margin"]

    def estimates(self, data: TrainingFaces) -> dict[str, NDArray[np.float32]]:
        """The ages, their intervals, and what each of several heads says."""
        raw = raw_outputs(self.network, data.loader(self.split))
        made, parts = self.network.estimate(raw), self.network.per_head(raw)
        out = {"age": made.age, "low": made.low, "high": made.high}
        if len(parts) > 1:
            out |= {f"age@{head}": part.age for head, part in parts.items()}
        return {name: values.cpu().numpy() for name, values in out.items()}

    @staticmethod
    def tables(result: Mapping[str, Any]) -> list[ResultTable | str]:
        """The figures, and the errors by age."""
        metrics = result["metrics"]
        title = (
            f"{result['protocol']}, {result['split']}, {counted(result['n'], 'face')} "
            f"(split {result['split_hash']})"
        )
        rows = [
            [name, f"{value:.3f}"] for name, value in metrics.items() if isinstance(value, float)
        ]
        by_head = metrics.get("mae_by_head", {})
        rows += [[f"mae of {head}", f"{value:.3f}"] for head, value in by_head.items()]
        parts = [
            [name, part["n"], *(f"{part[key]:.3f}" for key in _OF_PARTS)]
            for name, part in metrics.get("by_dataset", {}).items()
        ]
        by_age = [
            [r["ages"], r["n"], f"{r['mae']:.2f}", f"{r['bias']:+.2f}"] for r in metrics["by_age"]
        ]
        out: list[ResultTable | str] = [ResultTable(["metric", "value"], rows, title), ""]
        if answered := result.get("answered"):
            out += [
                f"{counted(answered['n'], 'face')} of intervals of at most "
                f"{answered['width']:.1f} years answered: MAE {answered['mae']:.3f}, coverage "
                f"{answered['coverage']:.3f}",
                "",
            ]
        if parts:
            out += [ResultTable(["dataset", "faces", *_OF_PARTS], parts), ""]
        out.append(ResultTable(["true age", "faces", "mae", "bias"], by_age))
        return out + challenge_tables(result.get("challenge", ()))
