"""The datasets of a suite: which have to be cut out of photos, and what a dry run reads of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from agekit.data.alignment import Alignment, prepare_command
from agekit.data.dataset import Dataset
from agekit.data.home import data_root, shard_files
from agekit.data.source import read_source
from agekit.data.split import Faces, load_faces
from agekit.data.table import SPLITS
from agekit.errors import AgekitError, ConfigError, DataError, nearest
from agekit.faces.align import known_points
from agekit.registry import DATASETS
from agekit.training.framing import find_framing
from agekit.training.task import training_of
from agekit_bench.cells import Cell
from agekit_bench.spec import CrossSpec
from agekit_bench.suite import Suite

__all__ = [
    "DatasetLocation",
    "Reading",
    "cross_specs",
    "cut_command",
    "is_uncut",
    "locate_datasets",
    "name_columns",
    "read_protocols",
]


def is_uncut(suite: Suite, dataset: str, root: Path | None) -> bool:
    """True if the faces of a dataset have to be cut out first.

    Those of whole photos have to, unless the suite takes them as they are. Where it says where
    faces are to lie, so have those of a dataset that is not at hand and does not say where they
    lie: at hand they are measured and reframed.

    Args:
        suite: what it is for.
        dataset: its registry name.
        root: where it lies; None where it is not at hand, or needs no place.
    """
    if suite.alignment is not None and suite.alignment.align == "whole":
        return False
    alignment = _alignment(dataset, root)
    if alignment.align == "whole" or root is not None or suite.alignment is None:
        return alignment.align == "whole"
    return known_points(alignment) is None


def cut_command(suite: Suite, dataset: str, root: Path | None, out: str | None = None) -> str:
    """The `agekit data prepare` command that cuts faces as the suite wants them.

    Args:
        suite: what it is for.
        dataset: its registry name.
        root: where it lies; None writes ``DIR``.
        out: where the chips go; None names a folder by the dataset.
    """
    place, out = root or Path("DIR"), out or f"{dataset}-chips"
    return prepare_command(dataset, place, alignment=suite.alignment, out=out)


def _alignment(dataset: str, root: Path | None) -> Alignment:
    """As the data says; that of photos is asked again, for they may be prepared."""
    alignment = Alignment()
    with suppress(AgekitError):  # what cannot be read is told by what reads it
        reader = DATASETS.get(dataset)()
        alignment = reader.alignment
        if root is not None and (alignment.align == "whole" or bool(shard_files(root))):
            alignment = read_source(reader, root, tell=lambda note: None)[1]
    return alignment


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
    suite: Suite, found: Sequence[Cell], places: Mapping[str, DatasetLocation], uncut: Sequence[str]
) -> list[Reading]:
    """Reads and splits every dataset of the cells that is at hand.

    Args:
        suite: theirs.
        found: the cells.
        places: where the datasets lie.
        uncut: the datasets whose faces have to be cut out first.
    """
    out = []
    wanted = suite.alignment
    for dataset, protocol in dict.fromkeys((cell.dataset, cell.protocol) for cell in found):
        if places[dataset].lacking:
            continue
        place = places[dataset]
        faces = load_faces(dataset, place.root, protocol, columns=place.columns)
        counts = {split: int((faces.codes == k).sum()) for k, split in enumerate(SPLITS)}
        cells = [cell for cell in found if (cell.dataset, cell.protocol) == (dataset, protocol)]
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
    """A note on what a cell draws of the faces, or why it cannot; "" for nothing."""
    recipe = cell.resolved.recipe
    try:
        drawn = training_of(recipe).select(recipe, faces)
    except (ConfigError, DataError) as error:
        return f"{cell.row}: {error.message}"
    return f"{cell.row}: {drawn.drawn}, split {drawn.split_hash}" if drawn.drawn else ""


@dataclass(frozen=True)
class DatasetLocation:
    """The folder of a dataset.

    Attributes:
        root: None where it needs none, or is not here.
        lacking: why it is not here; "" if it is.
        columns: field → column of a table of the user's own.
    """

    root: Path | None = None
    lacking: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)


def locate_datasets(
    found: Iterable[Cell], suite: Suite, roots: Mapping[str, Path]
) -> dict[str, DatasetLocation]:
    """Locates the datasets of cells, and those a suite scores besides.

    Args:
        found: the cells.
        suite: theirs.
        roots: folders by dataset; else ``$AGEKIT_DATA/<dataset>`` is looked for.

    Raises:
        ConfigError: a root is given for a dataset that is not in the suite.
        DataError: a root that is given is not there.
    """
    names = sorted({cell.dataset for cell in found} | {cross.dataset for cross in suite.cross})
    if odd := sorted(set(roots) - set(names)):
        raise ConfigError(
            f"the suite has no dataset {odd[0]!r}{nearest(odd[0], names)}",
            f"it has {', '.join(names)}",
        )
    return {name: _place(name, roots.get(name)) for name in names}


def _place(name: str, root: Path | None) -> DatasetLocation:
    reader = DATASETS.get(name)
    if root is None and not reader.needs_root:
        return DatasetLocation()
    if root is None and not os.environ.get("AGEKIT_DATA"):
        return DatasetLocation(lacking=f"{name} (--root {name}=DIR)")
    try:
        return DatasetLocation(data_root(name, root, file_allowed=reader.file_allowed))
    except DataError:
        if root is not None:
            raise
        return DatasetLocation(lacking=f"{name} (--root {name}=DIR)")


def name_columns(
    places: Mapping[str, DatasetLocation], columns: Mapping[str, str]
) -> dict[str, DatasetLocation]:
    """The places, with what a user calls the columns of those that are tables of his own.

    Raises:
        ConfigError: none of them is.
    """
    tables = [name for name in places if DATASETS.get(name).read_named is not Dataset.read_named]
    if columns and not tables:
        raise ConfigError(
            f"no dataset of the suite has columns to name: {', '.join(places)}",
            "--columns is for csv, folder and parquet",
        )
    return {
        name: replace(place, columns=columns) if name in tables else place
        for name, place in places.items()
    }


def cross_specs(suite: Suite, places: Mapping[str, DatasetLocation]) -> list[CrossSpec]:
    """The other datasets that finished models are scored on, of those that are here."""
    return [
        CrossSpec(
            **cross.model_dump(),
            root=places[cross.dataset].root,
            columns=dict(places[cross.dataset].columns),
        )
        for cross in suite.cross
        if not places[cross.dataset].lacking
    ]
