"""The datasets of a suite, read, split and looked at: what a dry run shows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from agekit.data.split import Faces, load_faces
from agekit.data.table import SPLITS
from agekit.errors import ConfigError, DataError
from agekit.tasks.ager.recipe import AgerRecipe
from agekit.tasks.ager.sample import sampled
from agekit.training.framing import find_framing
from agekit_bench.running.plan import Place, Planned
from agekit_bench.suites.cells import Cell
from agekit_bench.suites.suite import Suite

__all__ = ["Reading", "read_protocols"]


@dataclass(frozen=True)
class Reading:
    """A protocol of a dataset that is at hand.

    Attributes:
        protocol: such as ``utkface:hash-80-10-10``.
        split_hash: of it.
        faces: how many each split has.
        notes: what cells draw of it in place of its split, and how its faces are shown to models,
            where the suite says where they are to lie.
        is_lost: whether they cannot be shown so, for it is not known where they lie.
    """

    protocol: str
    split_hash: str
    faces: dict[str, int]
    notes: list[str]
    is_lost: bool


def read_protocols(
    suite: Suite, planned: Sequence[Planned], places: Mapping[str, Place], uncut: Sequence[str]
) -> list[Reading]:
    """Reads and splits every dataset of the cells that is at hand.

    Args:
        suite: theirs.
        planned: the cells.
        places: where the datasets lie.
        uncut: the datasets whose faces have to be cut out first.
    """
    out = []
    wanted = suite.alignment
    for dataset, protocol in dict.fromkeys((p.cell.dataset, p.cell.protocol) for p in planned):
        if places[dataset].lacking:
            continue
        place = places[dataset]
        faces = load_faces(dataset, place.root, protocol, columns=place.columns)
        counts = {split: int((faces.codes == k).sum()) for k, split in enumerate(SPLITS)}
        cells = [
            p.cell for p in planned if (p.cell.dataset, p.cell.protocol) == (dataset, protocol)
        ]
        notes, is_lost = list(dict.fromkeys(filter(None, (_drawn(c, faces) for c in cells)))), False
        if wanted is not None and wanted.align != "whole" and dataset not in uncut:
            try:
                framing = find_framing(
                    faces, torch.device("cpu"), wanted=wanted, model="the suite", must_fit=True
                )
                notes += framing.notes
            except DataError as error:
                notes, is_lost = [*notes, error.message], True
        out.append(Reading(protocol, faces.split_hash, counts, notes, is_lost))
    return out


def _drawn(cell: Cell, faces: Faces) -> str:
    """What a cell draws of the faces, or why it cannot; "" for nothing."""
    recipe = cell.resolved.recipe
    if not isinstance(recipe, AgerRecipe) or recipe.data.sample is None:
        return ""
    try:
        drawn = sampled(faces, recipe.data)
    except (ConfigError, DataError) as error:
        return f"{cell.row}: {error.message}"
    return f"{cell.row}: {drawn.drawn}, split {drawn.split_hash}"
