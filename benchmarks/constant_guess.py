"""What guessing one age for every face scores: the error that a trained model must beat.

Run with `python benchmarks/constant_guess.py DATASET [--root DIR] [--protocol NAME] [--run RUN]`.
The guess is the median of the training ages, the constant of least mean absolute error there. With
`--run`, the generations of that run stand beside it; the run must be of the same split.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from agekit.data.split import Faces, load_faces
from agekit.data.table import SPLITS
from agekit.errors import AgekitError, ConfigError, ModelError
from agekit.tasks.estimator.metrics import mae

Row = tuple[str, dict[str, float]]


def constant_guess(faces: Faces) -> tuple[float, dict[str, float]]:
    """The median training age in years, and its MAE on each other split that has rows.

    Raises:
        DataError: the protocol has no training rows.
    """
    age = faces.table.age
    guess = float(np.median(age[faces.rows("train")]))
    held_out = {s: age[faces.codes == SPLITS.index(s)] for s in SPLITS if s != "train"}
    return guess, {s: mae(np.full(len(a), guess), a) for s, a in held_out.items() if len(a)}


def generations(run: Path, faces: Faces) -> list[Row]:
    """Name and MAE by split of each generation of a run.

    Raises:
        ConfigError: the run is of another split.
        ModelError: the folder is not that of a run with a finished generation.
    """
    files = sorted(run.glob("generation-*/metrics.json"), key=lambda f: int(f.parent.name[11:]))
    if not files:
        raise ModelError(f"{run} is not a run with a finished generation", "see `agekit train`")
    info = json.loads((run / "run.json").read_text(encoding="utf-8"))
    if info["split_hash"] != faces.split_hash:
        raise ConfigError(
            f"{run} is of {info['protocol']} (split {info['split_hash']}), "
            f"not of {faces.protocol} (split {faces.split_hash})",
            "name the run's dataset and --protocol",
        )
    rows: list[Row] = []
    for file in files:
        metrics = json.loads(file.read_text(encoding="utf-8"))
        scores = {split: metrics[split]["mae"] for split in SPLITS if split in metrics}
        rows.append((f"generation {metrics['generation']}", scores))
    return rows


def main() -> int:
    """Prints the table, and gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", help="a dataset's name")
    parser.add_argument("--root", type=Path, help="where it lies; else $AGEKIT_DATA/DATASET")
    parser.add_argument("--protocol", help="how it is split; else its default")
    parser.add_argument("--run", type=Path, help="a run to show beside the guess")
    options = parser.parse_args()
    try:
        faces = load_faces(options.dataset, options.root, options.protocol)
        guess, scores = constant_guess(faces)
        rows: list[Row] = [(f"always {guess:g} years", scores)]
        if options.run is not None:
            rows += generations(options.run, faces)
    except AgekitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"MAE in years on {faces.protocol} (split {faces.split_hash})")
    print(f"{'':<20}" + "".join(f"{split:>8}" for split in scores))
    for name, errors in rows:
        print(f"{name:<20}" + "".join(f"{errors[split]:>8.2f}" for split in scores))
    return 0


if __name__ == "__main__":
    sys.exit(main())
