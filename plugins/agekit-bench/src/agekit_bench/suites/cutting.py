"""The datasets of a suite whose faces have to be cut out of photos before it is run."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from agekit.data.alignment import Alignment, prepare_command
from agekit.data.home import shard_files
from agekit.data.source import read_source
from agekit.errors import AgekitError
from agekit.faces.align import known_points
from agekit.registry import DATASETS
from agekit_bench.suites.suite import Suite

__all__ = ["cut_command", "is_uncut"]


def is_uncut(suite: Suite, dataset: str, root: Path | None) -> bool:
    """Whether the faces of a dataset have to be cut out first.

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
