"""How well a detector finds real faces, how steady its points are, and how fast it is.

    python benchmarks/detection.py --utkface DIR --wiki DIR [--count N] [--json FILE]

Three kinds of pictures: photos as they are (any folder of them; the loosely cropped ones of
wiki-young2old), UTKFace chips as they are, and the same chips turned, scaled and put into a larger
grey canvas at a random place. There a face counts as found when the largest face found holds the
chip's centre. Its five points, taken back to the chip by the known transform, are compared with
those found in the same chip put into a canvas unturned and unscaled: the mean distance of the five,
as a share of the distance of the eyes.

Speeds are of detection alone, the images decoded before: of one process with one thread, and of
several such processes at once, each with its share of the images.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing as mp
import os
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from agekit.data.decode import decode
from agekit.data.formats import is_image
from agekit.data.scan import find_files
from agekit.device import describe_device, pick_device
from agekit.faces.base import Detection, Detector
from agekit.registry import DETECTORS

TURNS = (0, -15, 15, -30, 30)
SCALES = (0.5, 1.0, 2.0)
ROOM = 2.0
GREY = 128
BATCH = 16

Image = NDArray[np.uint8]
Matrix = NDArray[np.float64]


def main() -> None:
    """Measures what is asked for and prints the table."""
    parser = argparse.ArgumentParser(description="How well, how steadily and how fast.")
    parser.add_argument("--utkface", type=Path, required=True, help="a folder of 200x200 chips")
    parser.add_argument("--wiki", type=Path, required=True, help="a folder of whole photos")
    parser.add_argument("--count", type=int, default=200, help="of each; 0 takes them all")
    parser.add_argument("--detector", default="mtcnn")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes at once")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="a file for the same figures")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    device = pick_device(options.device)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    detector: Detector = DETECTORS.get(options.detector)(device)
    chips = sample(options.utkface, options.count, rng)
    photos = sample(options.wiki, options.count, rng)
    about = describe_device(device) | {
        "opencv": cv2.__version__,
        "numpy": np.__version__,
        "detector": options.detector,
        "weights": f"mtcnn {version('mtcnn')}" if options.detector == "mtcnn" else "",
        "cores": os.cpu_count(),
        "workers": options.workers,
        "seed": options.seed,
    }
    plain = [
        as_they_are(name, images, detector)
        | {"images_per_second_of_workers": rate(images, options)}
        for name, images in (("photos", photos), ("chips", chips))
    ]
    print(", ".join(f"{key} {value}" for key, value in about.items() if value != ""), "\n")
    print(plain_table(plain), "\n", flush=True)
    steady = moved_rows(chips, detector, rng)
    print(moved_table(steady))
    if options.json:
        answer = {"about": about, "as_they_are": plain, "moved": steady}
        options.json.write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")


def sample(folder: Path, count: int, rng: np.random.Generator) -> list[Image]:
    """`count` random images below a folder."""
    paths = [path for path in find_files(folder) if is_image(path)]
    chosen = rng.permutation(len(paths))[: count or len(paths)]
    return [decode(folder / paths[i], None) for i in sorted(chosen)]


def as_they_are(name: str, images: Sequence[Image], detector: Detector) -> dict[str, Any]:
    """The share of images with a face, and the images a second."""
    detector.detect(images[:BATCH])
    start, used = time.perf_counter(), time.process_time()
    found = detect(images, detector)
    seconds, used = time.perf_counter() - start, time.process_time() - used
    sides = [math.sqrt(image.shape[0] * image.shape[1]) for image in images]
    return {
        "what": name,
        "images": len(images),
        "median_side": round(float(np.median(sides))),
        "found": sum(map(bool, found)) / len(images),
        "several": sum(len(faces) > 1 for faces in found) / len(images),
        "cpu_ms_per_image": 1000 * used / len(images),
        "images_per_second": len(images) / seconds,
    }


def rate(images: Sequence[Image], options: argparse.Namespace) -> float:
    """Images a second of all workers at once, from the common start to the last one's end."""
    context = mp.get_context("spawn")
    barrier, seconds = context.Barrier(options.workers), context.Queue()
    workers = [
        context.Process(
            target=work,
            args=(images[k :: options.workers], options.detector, options.device, barrier, seconds),
        )
        for k in range(options.workers)
    ]
    for worker in workers:
        worker.start()
    longest = max(seconds.get(timeout=3600) for _ in workers)
    for worker in workers:
        worker.join()
    return float(len(images) / longest)


def work(
    images: Sequence[Image], name: str, device: str, barrier: Barrier, seconds: Queue[float]
) -> None:
    """One worker: ready first, then timed beside the others."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    detector = DETECTORS.get(name)(pick_device(device))
    detect(images[:BATCH], detector)
    barrier.wait()
    start = time.perf_counter()
    detect(images, detector)
    seconds.put(time.perf_counter() - start)


def detect(images: Sequence[Image], detector: Detector) -> list[list[Detection]]:
    """The faces of each image, a batch at a time."""
    parts = (images[i : i + BATCH] for i in range(0, len(images), BATCH))
    return [faces for part in parts for faces in detector.detect(part)]


def moved_rows(
    chips: Sequence[Image], detector: Detector, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Rate and steadiness for every turn and scale."""
    first = list(placed(chips, 0, 1, detector, rng))
    return [
        {"turn": turn, "scale": scale, "chips": len(chips)}
        | compared(first, list(placed(chips, turn, scale, detector, rng)))
        for scale in SCALES
        for turn in TURNS
    ]


def placed(
    chips: Sequence[Image],
    turn: float,
    scale: float,
    detector: Detector,
    rng: np.random.Generator,
) -> Iterator[NDArray[np.float64] | None]:
    """The points (5, 2) found in each chip's canvas, in the chip's pixels; None where none."""
    for start in range(0, len(chips), BATCH):
        pairs = [canvas(chip, turn, scale, rng) for chip in chips[start : start + BATCH]]
        for (_, there), faces in zip(pairs, detector.detect([p for p, _ in pairs]), strict=True):
            centre = there @ [100, 100, 1]
            hit = faces and (faces[0].box[:2] < centre).all() and (centre < faces[0].box[2:]).all()
            back = np.linalg.inv(there[:, :2])
            yield (faces[0].points - there[:, 2]) @ back.T if hit else None


def canvas(
    chip: Image, turn: float, scale: float, rng: np.random.Generator
) -> tuple[Image, Matrix]:
    """A chip turned (degrees), scaled and put into a grey canvas of twice its new side.

    Returns:
        The canvas, and the transform (2, 3) from points of the chip to points of the canvas,
        (0, 0) the upper left corner of each.
    """
    side = chip.shape[0]
    shrunk = 1.0
    if scale < 1:
        shrunk = round(side * scale) / side
        new = round(side * scale)
        chip = np.asarray(cv2.resize(chip, (new, new), interpolation=cv2.INTER_AREA), np.uint8)
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    linear = scale * np.array([[c, -s], [s, c]])
    reach = scale * side * (abs(c) + abs(s)) / 2
    full = round(ROOM * scale * side)
    centre = np.round(rng.uniform(reach, full - reach, 2))
    there = np.column_stack([linear, centre - linear @ [side / 2, side / 2]])
    pixels = there.copy()
    pixels[:, :2] /= shrunk
    pixels[:, 2] += pixels[:, :2] @ [0.5, 0.5] - 0.5
    picture = cv2.warpAffine(
        chip, pixels, (full, full), flags=cv2.INTER_CUBIC, borderValue=(GREY, GREY, GREY)
    )
    return np.asarray(picture, np.uint8), there


def compared(
    first: Sequence[NDArray[np.float64] | None], now: Sequence[NDArray[np.float64] | None]
) -> dict[str, float]:
    """The rate, and the distances of the points of faces found in both."""
    pairs = [(a, b) for a, b in zip(first, now, strict=True) if a is not None and b is not None]
    errors = np.array(
        [np.linalg.norm(a - b, axis=1).mean() / np.linalg.norm(a[0] - a[1]) for a, b in pairs]
    )
    return {
        "found": sum(points is not None for points in now) / len(now),
        "mean": float(errors.mean()),
        "median": float(np.median(errors)),
        "p95": float(np.percentile(errors, 95)),
    }


def plain_table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| as they are | images | median side | face found | several | CPU time an image "
        "| images/s | of all workers |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['what']} | {r['images']} | {r['median_side']} px | {r['found']:.1%} "
        f"| {r['several']:.1%} | {r['cpu_ms_per_image']:.1f} ms | {r['images_per_second']:.1f} "
        f"| {r['images_per_second_of_workers']:.1f} |"
        for r in rows
    ]
    return "\n".join(lines)


def moved_table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| scale | turn | chips | face found | points off: mean | median | 95th of 100 |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['scale']:g} | {r['turn']:+d}° | {r['chips']} | {r['found']:.1%} "
        f"| {r['mean']:.1%} | {r['median']:.1%} | {r['p95']:.1%} |"
        for r in rows
    ]
    return "\n".join([*lines, "", "Points off: share of the distance of the eyes."])


if __name__ == "__main__":
    main()
