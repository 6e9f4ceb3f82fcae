"""Scoring a gender classifier on a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from agekit.errors import counted
from agekit.plugin import Display, Evaluation, Faces, ResultTable, evaluation_faces, load_network
from agekit_gender.config import GenderConfig
from agekit_gender.metrics import scores
from agekit_gender.model import probabilities
from agekit_gender.training import with_gender

__all__ = ["GenderEvaluation"]


class GenderEvaluation(Evaluation):
    """The accuracy of a classifier, over all, by gender and by age."""

    config: GenderConfig

    def __init__(self, folder: Path, device: torch.device, split: str, seed: int) -> None:
        self.network, self.config = load_network(folder, device, "gender")
        self.device = device
        self.split = split

    def select(self, faces: Faces) -> Faces:
        """Without the faces whose gender is not known.

        Raises:
            DataError: no gender is known.
        """
        return with_gender(faces)

    def score(self, faces: Faces, display: Display) -> dict[str, Any]:
        """As `agekit_gender.metrics.scores`."""
        data = evaluation_faces(faces, self.config.image, self.split, self.device, display)
        rows, table = data.rows(self.split), faces.table
        rows = rows[table.gender[rows] >= 0]
        kept = torch.from_numpy(table.gender[data.rows(self.split)] >= 0)
        female = probabilities(self.network, data.loader(self.split))[kept].numpy()
        metrics = scores(female, table.gender[rows], table.age[rows])
        unknown = len(kept) - len(rows)
        if unknown:
            display.line(f"{counted(unknown, 'face')} of unknown gender left out")
        return {"n": metrics.pop("n"), "skipped": data.skipped + unknown, "metrics": metrics}

    @staticmethod
    def tables(result: Mapping[str, Any]) -> list[ResultTable | str]:
        """The figures, and the accuracy by age."""
        metrics = result["metrics"]
        title = (
            f"{result['protocol']}, {result['split']}, {counted(result['n'], 'face')} "
            f"(split {result['split_hash']})"
        )
        rows = [[key, f"{metrics[key]:.1%}"] for key in ("accuracy", "balanced_accuracy")]
        rows += [[f"recall of {name}", f"{share:.1%}"] for name, share in metrics["recall"].items()]
        by_age = [[r["ages"], r["n"], f"{r['accuracy']:.1%}"] for r in metrics["by_age"]]
        return [
            ResultTable(["metric", "value"], rows, title),
            "",
            ResultTable(["true age", "faces", "accuracy"], by_age),
        ]
