"""The same test faces, aged again and again while an ager trains."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure
from mmengine.hooks import Hook
from numpy.typing import NDArray

from agekit.atomic import write_from_memory
from agekit.device import rank_and_world
from agekit.training.run import Run
from agekit_ager.faces import DomainFaces
from agekit_ager.model import Direction, FaceAger
from agekit_ager.pairs import to_pixels

__all__ = ["ContactSheet", "contact_sheet"]

FACES = 5
COLUMNS = 6
"""How many moments of the training are kept."""


class ContactSheet(Hook):  # type: ignore[misc]
    """Ages a few faces of each domain at moments spread over the training, and keeps them.

    Args:
        folder: of a generation of a run, where ``faces-EPOCH.npz`` goes.
        ager: what is being trained.
        faces: whose test faces to show.
        epochs: of the training.
    """

    priority = "LOW"

    def __init__(self, folder: Path, ager: FaceAger, faces: DomainFaces, epochs: int) -> None:
        self.folder = folder
        self.ager = ager
        self.shown = {"old": faces.shown("young", FACES), "young": faces.shown("old", FACES)}
        spread = np.geomspace(1, epochs, min(COLUMNS, epochs))
        self.moments = {round(moment) for moment in spread.tolist()}

    def before_train(self, runner: Any) -> None:
        """Keeps the faces as they are."""
        if rank_and_world()[0] == 0:
            self._keep(0, {to: to_pixels(images) for to, images in self.shown.items()})

    def after_train_epoch(self, runner: Any) -> None:
        """Keeps the faces as they are now."""
        if runner.epoch + 1 in self.moments and rank_and_world()[0] == 0:
            self._keep(runner.epoch + 1, {to: self._age(to) for to in self.shown})

    def _age(self, to: Any) -> torch.Tensor:
        training = self.ager.training
        self.ager.eval()
        with torch.no_grad():
            aged = torch.cat([self.ager(one, to) for one in torch.split(self.shown[to], 1)])
        self.ager.train(training)
        return to_pixels(aged)

    def _keep(self, epoch: int, faces: dict[str, torch.Tensor]) -> None:
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {to: pixels.cpu().numpy() for to, pixels in faces.items()}
        np.savez_compressed(buffer, **arrays)
        Run(self.folder.parent).write(self.folder / f"faces-{epoch:05d}.npz", buffer.getbuffer())


def contact_sheet(path: Path, folder: Path, to: Direction) -> None:
    """Draws what `ContactSheet` kept: a row a face, a column a moment.

    Args:
        path: the PNG to write.
        folder: where the hook kept the faces.
        to: which direction to show.
    """
    kept = sorted(folder.glob("faces-*.npz"))
    if not kept:
        return
    columns: list[NDArray[np.uint8]] = [np.load(file)[to] for file in kept]
    rows = len(columns[0])
    with matplotlib.rc_context({"font.size": 8}):
        figure = Figure(figsize=(1.3 * len(columns), 1.32 * rows + 0.2), layout="constrained")
        axes = figure.subplots(rows, len(columns), squeeze=False)
        for c, (file, faces) in enumerate(zip(kept, columns, strict=True)):
            epoch = int(file.stem.rpartition("-")[2])
            axes[0, c].set_title(f"epoch {epoch}" if epoch else "input")
            for r in range(rows):
                axes[r, c].imshow(faces[r])
                axes[r, c].set_axis_off()
        write_from_memory(path, partial(figure.savefig, format="png", dpi=120))
