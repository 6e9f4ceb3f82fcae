"""What becomes of the errors on the old by adjusting the logits of an estimator, without training.

    python benchmarks/decoding.py MODEL --utkface DIR --all-age-faces DIR [--adjust C --out DIR]

Prints, on the val faces alone, ways to make ages of a distribution: median, mean, half of both, an
isotonic calibration of the median, and logits adjusted by C for every ten years from 50 to 70
(`adjust` of the head ``ldl``); then what C would gain that is chosen on one half of the val faces
and measured on the other, many times over: the largest C that costs at most .01 years there.

With ``--out`` it writes the model with that C: its interval calibrated again on the val faces, its
errors measured again, for `agekit zoo add DIR`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from torch import Tensor

from agekit.data.join import rows_by_dataset
from agekit.data.split import load_faces
from agekit.recipe import PartConfig
from agekit.tasks.estimator.build import load_estimator
from agekit.tasks.estimator.card import estimator_card
from agekit.tasks.estimator.estimate import posterior_median
from agekit.tasks.estimator.model import AgeEstimator
from agekit.tasks.estimator.scoring import conformal_correction, generation_metrics, raw_outputs
from agekit.training.display import Display
from agekit.training.faces import TrainingFaces, evaluation_faces
from agekit.training.framing import find_framing
from agekit.zoo.folder import save_model
from agekit.zoo.locate import locate
from agekit.zoo.metrics import model_metrics

DATA = "utkface+all-age-faces"
FROM, TO, OLD = 50, 70, 60
STEPS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
COST, HALVES, PARTS = 0.01, 200, 5
Ages = NDArray[np.float64]


def adjustment(step: float) -> dict[str, float]:
    """The argument of the head, of a step in logits per ten years."""
    return {str(FROM): 0.0, str(TO): round(step * (TO - FROM) / 10, 6)}


def adjusted(p: Tensor, labels: Tensor, step: float) -> Tensor:
    """Distributions (N, K) with the logits of the old raised."""
    shift = step * (labels.clamp(FROM, TO) - FROM) / 10
    return torch.softmax(p.clamp(min=1e-30).log() + shift, -1)


def isotonic(x: Ages, true: Ages) -> Ages:
    """Estimates calibrated by a monotone function, each by that of the other faces."""
    part = np.random.default_rng(0).permutation(len(x)) % PARTS
    out = np.empty_like(x)
    for k in range(PARTS):
        order = np.flatnonzero(part != k)[np.argsort(x[part != k])]
        out[part == k] = np.interp(x[part == k], x[order], isotonic_regression(true[order]).x)
    return out


def row(name: str, age: Ages, base: Ages, true: Ages) -> str:
    """One way: its error, the paired difference from the first, and the old."""
    off, more = age - true, np.abs(age - true) - np.abs(base - true)
    half = 1.96 * more.std() / len(more) ** 0.5
    old = true >= OLD
    return (
        f"| {name} | {np.abs(off).mean():.3f} | {more.mean():+.3f} ± {half:.3f} | "
        f"{np.abs(off[old]).mean():.2f} | {off[old].mean():+.2f} |"
    )


def chosen(ages: dict[float, Ages], true: Ages) -> str:
    """The step chosen on halves of the faces, and what it does to the others."""
    random, found = np.random.default_rng(0), []
    off = {step: np.abs(age - true) for step, age in ages.items()}
    for _ in range(HALVES):
        mine = random.permutation(len(true)) < len(true) // 2
        most = off[0.0][mine].mean() + COST
        step = max(step for step, one in off.items() if one[mine].mean() <= most)
        more, old = (off[step] - off[0.0])[~mine], (true >= OLD)[~mine]
        found.append((step, more.mean(), more[old].mean()))
    mean = np.mean(found, axis=0)
    return (
        f"{len(found)} halves choose C {mean[0]:.2f} on average; on the others it changes the MAE "
        f"by {mean[1]:+.3f} years, and that of {OLD} and over by {mean[2]:+.3f}"
    )


def table(network: AgeEstimator, raw: dict[str, Tensor], true: Ages) -> None:
    """Prints the ways."""
    p = network.estimate(raw).distribution
    if p is None:
        sys.exit("the model gives no distribution: there is nothing to adjust")
    labels = torch.arange(network.ages[0], network.ages[1] + 1, dtype=p.dtype)
    ages = {
        step: posterior_median(adjusted(p, labels, step), labels).double().numpy() for step in STEPS
    }
    median, mean = ages[0.0], (p * labels).sum(-1).double().numpy()
    ways = {"median": median, "mean": mean, "half of both": (median + mean) / 2}
    ways["isotonic, of the median"] = isotonic(median, true)
    ways |= {f"median, C {step:g}": age for step, age in ages.items() if step}
    print(f"| {len(true):,} val faces | MAE | more than by the median | {OLD} and over | bias |")
    print("|---|---|---|---|---|")
    for name, age in ways.items():
        print(row(name, age, median, true))
    print(f"\n{chosen(ages, true)}")


def measured(network: AgeEstimator, data: TrainingFaces, split: str) -> dict[str, Any]:
    """The metrics on a split."""
    return generation_metrics(network, raw_outputs(network, data.loader(split)), data, split)


def main() -> None:
    """Prints the table, or writes the model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--utkface", type=Path, required=True)
    parser.add_argument("--all-age-faces", type=Path, required=True)
    parser.add_argument("--adjust", type=float, metavar="C")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if (options.adjust is None) != (options.out is None):
        parser.error("--adjust and --out go together")
    device, display = torch.device("cpu"), Display(None, None)
    roots = {"utkface": options.utkface, "all-age-faces": options.all_age_faces}
    folder = locate(options.model)
    network, config = load_estimator(folder, device)
    faces = load_faces(DATA, roots, None)
    if faces.split_hash != config.trained.get("split_hash"):
        sys.exit(f"{options.model} was trained by another split: its val faces are not these")
    framing = find_framing(faces, device, wanted=config.face, model=options.model, root=roots)
    shown = framing.show(faces, display)

    def read(split: str) -> TrainingFaces:
        return evaluation_faces(shown, config.image, split, device, display)

    val = read("val")
    raw = raw_outputs(network, val.loader("val"))
    rows = val.faces.table.take(val.rows("val"))
    true = np.asarray(rows.age, np.float64)
    if options.out is None:
        table(network, raw, true)
        return
    [(name, part)] = config.heads.items()
    arguments = part.arguments | {"adjust": adjustment(options.adjust)}
    heads = {name: PartConfig(type=part.type, **arguments)}
    config = config.model_copy(update={"heads": heads})
    metrics = model_metrics(folder, config.task)
    save_model(options.out, network, config, metrics, "")  # to be built with its new head
    network, config = load_estimator(options.out, device)
    network.correction = conformal_correction(
        network, raw, torch.from_numpy(true).float(), rows_by_dataset(rows).values()
    )
    interval = config.interval.model_copy(update={"margin": network.correction})
    config = config.model_copy(update={"interval": interval})
    found = {"val": generation_metrics(network, raw, val, "val")}
    found["test"] = measured(network, read("test"), "test")
    kept = metrics.get("kept", {}).get("generation")
    for one in metrics.get("generations", []):
        if one["generation"] == kept:
            one["metrics"] |= {**found, "interval": interval.model_dump()}
    card = estimator_card(config, metrics | found)
    save_model(options.out, network, config, metrics | found, card)
    for split, figures in found.items():
        print(f"{split}: MAE {figures['mae']:.3f}, coverage {figures['coverage']:.3f}")


if __name__ == "__main__":
    main()
