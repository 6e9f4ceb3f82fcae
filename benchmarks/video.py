"""How the errors of a face's frames hang together, and what the interval of a track holds.

    python benchmarks/video.py DATASET --root DIR [--model MODEL] [--people N] [--frames N]

Each test face of the dataset becomes a clip: the picture shaken as a video would (moved, turned,
scaled, lit, blurred by motion, noisy, compressed), each frame detected and cut by itself. Printed:
the error of single frames, which share of its variance all frames of a face have in common, how
alike the frames of one face are and those of two, as the tracker compares them, and how many true
ages lie in the interval of one frame, of the track, and in what dividing by the root of the number
of frames would give. A shaken photo has neither another pose nor another expression, so that the
share is an upper bound of a real video's.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from agekit_video.smoothing import smoothed
from agekit_video.tracks import likeness, look
from numpy.typing import NDArray

from agekit.data.split import load_faces
from agekit.inference.face import Face
from agekit.tasks.estimator.predictor import load

SIDE = 320
BORDER = 60
EVERY = 1.0


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="Errors of frames, and intervals of tracks.")
    parser.add_argument("dataset")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    predictor = load(options.model, device="cpu")
    faces = load_faces(options.dataset, options.root)
    rows = rng.permutation(faces.rows("test"))[: options.people]
    clips: list[list[Face]] = []
    looks: list[list[NDArray[np.float32]]] = []
    truth: list[float] = []
    for row in rows:
        picture = faces.table.images.decode(int(row), SIDE)
        frames = [shaken(picture, rng) for _ in range(options.frames)]
        found = [chips[0] for chips in predictor.finder.find(frames, most=1) if chips]
        if len(found) < 2:
            continue
        clips.append(predictor.estimate(found))
        looks.append([look(chip.pixels) for chip in found])
        truth.append(float(faces.table.age[row]))
    print(
        f"{predictor.name} on {faces.protocol} (split {faces.split_hash}): {len(clips)} of "
        f"{len(rows)} faces found, {options.frames} frames each, seed {options.seed}"
    )
    _errors(clips, np.array(truth))
    _likeness(looks)
    _coverage(clips, truth, predictor.level)


def shaken(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A frame of a video of a picture, (H, W, 3) RGB uint8, with a border about it."""
    around = cv2.copyMakeBorder(picture, *(4 * [BORDER]), cv2.BORDER_REPLICATE)
    side = around.shape[0]
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), rng.normal(0, 5), rng.normal(0.9, 0.05))
    turn[:, 2] += rng.normal(0, 10, 2)
    frame = cv2.warpAffine(around, turn, (side, side), borderMode=cv2.BORDER_REPLICATE)
    if (length := int(rng.integers(1, 6))) > 1:
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1 / length
        frame = cv2.filter2D(frame, -1, kernel if rng.random() < 0.5 else kernel.T)
    light = frame * rng.normal(1, 0.12) + rng.normal(0, 10) + rng.normal(0, 5, frame.shape)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 95))]
    _, data = cv2.imencode(".jpg", light.clip(0, 255).astype(np.uint8), quality)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _errors(clips: list[list[Face]], truth: NDArray[np.float64]) -> None:
    errors = [
        np.array([face.age for face in clip]) - t for clip, t in zip(clips, truth, strict=True)
    ]
    total = np.mean([np.mean(e**2) for e in errors])
    within = np.mean([e.var(ddof=1) for e in errors])
    print(f"error of a frame: {total**0.5:.2f} years (root of the mean square)")
    print(f"scatter of the frames of a face: {within**0.5:.2f} years")
    print(
        f"share of the variance that the frames of a face have in common: {1 - within / total:.3f}"
    )


def _likeness(looks: list[list[NDArray[np.float32]]]) -> None:
    same = [likeness(a, b) for clip in looks for a, b in pairwise(clip)]
    firsts = [clip[0] for clip in looks]
    other = [likeness(a, b) for k, a in enumerate(firsts) for b in firsts[:k]]
    for name, values in (("frames of one face", same), ("faces of two people", other)):
        low, five, half, most, top = np.quantile(values, [0.01, 0.05, 0.5, 0.95, 0.99])
        print(
            f"likeness of {name}: 1 % {low:.2f}, 5 % {five:.2f}, median {half:.2f}, "
            f"95 % {most:.2f}, 99 % {top:.2f}"
        )


def _coverage(clips: list[list[Face]], truth: list[float], level: float | None) -> None:
    print("interval           holds the age   width")
    single, track, naive = [], [], []
    for clip in clips:
        one = smoothed([0.0], [clip[0].age], [clip[0].interval], level)
        times = [EVERY * k for k in range(len(clip))]
        ages, ends = [f.age for f in clip], [f.interval for f in clip]
        all_of = smoothed(times, ages, ends, level)
        low, high = (float(np.median([end[k] for end in ends])) for k in (0, 1))
        root = len(clip) ** 0.5
        age = all_of[0]
        single.append(one[1])
        track.append(all_of[1])
        naive.append((age - (age - low) / root, age + (high - age) / root))
    for name, ends in (("of one frame", single), ("of the track", track), ("by root n", naive)):
        held = np.mean([low <= t <= high for (low, high), t in zip(ends, truth, strict=True)])
        print(f"{name:<18} {held:>12.1%}   {np.mean([b - a for a, b in ends]):>5.1f}")


if __name__ == "__main__":
    main()
