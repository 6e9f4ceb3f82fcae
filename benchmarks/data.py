"""What the data layer costs: filling the cache, half a million rows, augmenting a batch.

Run ``python benchmarks/data.py`` (all) or with some of ``cache memory augment``. Images are
generated; ``--root DIR`` measures the cache on your own instead.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

import agekit.data.augment as augment
from agekit.data.augment import Augment, crop, normalise
from agekit.data.base_loader import Batching
from agekit.data.files import Files
from agekit.data.formats import is_image
from agekit.data.loader import CachedFaces, FaceLoader, Normalisation
from agekit.data.pool import DIGESTS, PIXELS, FacePool
from agekit.data.scan import find_files
from agekit.data.table import FaceTable
from agekit.tasks.estimator.resnet import resnet10_tiny

ROWS = 500_000
BATCH = 128


def main() -> None:
    """Runs the parts asked for."""
    parts = {"cache": cache, "memory": memory, "augment": augmentation}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(parts)}; all if none")
    parser.add_argument("--root", type=Path, help="a folder of images, for cache")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 80, 128])
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    print(
        f"python {platform.python_version()}, torch {torch.__version__}, "
        f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, seed 0"
    )
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AGEKIT_CACHE"] = folder
        for name in options.parts or parts:
            parts[name](options)


def cache(options: argparse.Namespace) -> None:
    """Images a second: hashed, hashed again, decoded, found again."""
    with tempfile.TemporaryDirectory() as folder:
        root = options.root or photos(Path(folder))
        paths = [path for path in find_files(root) if is_image(path)]
        old = time.time() - 100
        if options.root is None:
            for path in paths:
                os.utime(root / path, (old, old))
        rate("hash", len(paths), lambda: Files(root, paths).digests())
        rate("hash, second time", len(paths), lambda: Files(root, paths).digests())
        files = Files(root, paths)
        files.digests()
        for size in options.sizes:
            rate(f"decode to {size}", len(paths), partial(slots, size, files))
            rate(f"find at {size}", len(paths), partial(slots, size, files))


def slots(size: int, files: Files) -> object:
    """The slots of `files` in the pool of `size`."""
    return FacePool.open(size).slots(files)


def photos(folder: Path, count: int = 2000) -> Path:
    """Writes JPEGs of 200x200, smooth like faces."""
    rng = np.random.default_rng(0)
    for i in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (20, 20, 3), np.uint8))
        coarse.resize((200, 200), Image.Resampling.BICUBIC).save(folder / f"{i}.jpg", quality=75)
    return folder


def rate(what: str, count: int, call: Callable[[], object]) -> None:
    """Prints how many images a second `call` gets through."""
    start = time.perf_counter()
    call()
    print(f"  {what:<20} {count / (time.perf_counter() - start):>10,.0f} images/s")


def memory(options: argparse.Namespace) -> None:
    """Resident memory of a table of half a million rows, its pool's index and a loader."""
    rng = np.random.default_rng(0)
    start = resident()
    digests = rng.integers(0, 256, (ROWS, 16), np.uint8)
    files = Files(Path("/"), [f"{i % 100:02d}/nm{i:07d}_rm{i * 7:010d}.jpg" for i in range(ROWS)])
    files._digests = digests
    age = rng.uniform(1, 90, ROWS)
    table = FaceTable.build(files, age, identity=np.arange(ROWS) // 20)
    told("face table", start)
    pool = FacePool.open(64)
    (pool.folder / DIGESTS).write_bytes(digests.tobytes())
    with open(pool.folder / PIXELS, "wb") as file:
        file.truncate(ROWS * pool.slot_bytes)
    pool = FacePool.open(64)
    slots = pool.slots(table.images)
    told("... and the cache's index", start)
    mean = (0.5, 0.5, 0.5)
    loader = FaceLoader(
        CachedFaces(pool.images, slots, table.age, table.sigma),
        Batching(BATCH),
        Normalisation(mean, mean),
        "cpu",
        augment=Augment(),
        shuffle=True,
    )
    next(iter(loader))
    told("... and a loader's epoch", start)


def resident() -> int:
    """Bytes of memory of this process that are its own."""
    text = Path("/proc/self/status").read_text()
    return int(text.split("RssAnon:")[1].split()[0]) * 1024


def told(what: str, start: int) -> None:
    """Prints the memory gained since `start`."""
    print(f"  {what:<26} {(resident() - start) / 2**20:>8.0f} MiB for {ROWS:,} rows")


def augmentation(options: argparse.Namespace) -> None:
    """Milliseconds a batch, against a train step of the smallest network."""
    device = torch.device(options.device)
    print(f"  milliseconds for {BATCH} images on {device}, median (fastest) of 30")
    for size in options.sizes:
        for name, way in ways(size, device).items():
            middle, least = timed(way, device)
            print(f"  {size:>4} px  {name:<24} {middle:>8.2f} ({least:.2f})")


def ways(size: int, device: torch.device) -> dict[str, Callable[[], object]]:
    """What is timed at one size."""
    mean, std = torch.full((3,), 0.5, device=device), torch.full((3,), 0.25, device=device)
    rng = torch.Generator().manual_seed(0)
    shape = (BATCH, size, size, 3)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=rng).to(device)
    windows = Augment().draw(BATCH, 0, 0, size).to(device)
    return {
        "crop": lambda: crop(pixels, windows, mean, std, channels_last=True),
        "normalise alone": lambda: normalise(pixels, mean, std, channels_last=True),
        "not taken: float32": lambda: in_float32(pixels, windows, mean, std),
        "not taken: grid_sample": lambda: by_grid(pixels, windows, mean, std),
        "train step": step(size, device),
    }


def in_float32(pixels: Tensor, windows: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """The same crop with single precision throughout."""
    fast, augment._fast_bfloat16 = augment._fast_bfloat16, lambda device: False
    try:
        return crop(pixels, windows, mean, std, channels_last=True)
    finally:
        augment._fast_bfloat16 = fast


def by_grid(pixels: Tensor, windows: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """The same crop by `grid_sample`."""
    image = normalise(pixels, mean, std, channels_last=True)
    top, height, left, width = windows.unbind(1)
    affine = torch.zeros(len(pixels), 2, 3, device=pixels.device)
    affine[:, 0, 0], affine[:, 0, 2] = width, 2 * left + width - 1
    affine[:, 1, 1], affine[:, 1, 2] = height, 2 * top + height - 1
    grid = F.affine_grid(affine, list(image.shape), align_corners=False)
    return F.grid_sample(image, grid, padding_mode="border", align_corners=False)


def step(size: int, device: torch.device) -> Callable[[], None]:
    """A train step of resnet10-tiny in bfloat16, channels last."""
    net = torch.nn.Sequential(resnet10_tiny(), torch.nn.Linear(256, 101))
    net.to(device).to(memory_format=torch.channels_last)
    images = torch.randn(BATCH, 3, size, size, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 101, (BATCH,), device=device)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)

    def run() -> None:
        with torch.autocast(device.type, torch.bfloat16):
            loss = F.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return run


def timed(call: Callable[[], object], device: torch.device) -> tuple[float, float]:
    """Median and least milliseconds of 30 calls after two."""
    times = []
    for _ in range(32):
        start = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append((time.perf_counter() - start) * 1000)
    ordered = sorted(times[2:])
    return ordered[len(ordered) // 2], ordered[0]


if __name__ == "__main__":
    main()
