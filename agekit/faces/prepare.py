"""A dataset of photos made into a dataset of face chips, by many processes, a bit at a time."""

from __future__ import annotations

import os
from collections.abc import Container
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console

from agekit.data.alignment import Alignment
from agekit.data.dataset import Dataset
from agekit.data.home import data_root, keep_apart
from agekit.data.manifest import Manifest
from agekit.data.prepared import FAILURES, write_table
from agekit.data.readers.columns import Columns
from agekit.data.source import open_dataset, read_source
from agekit.data.table import Problem
from agekit.errors import ConfigError, DataError
from agekit.faces.align import DEFAULT_MARGIN, known_points, standard
from agekit.faces.chips import ENDINGS, ChipWork
from agekit.faces.folder import ChipFolder, chip_names, writing
from agekit.faces.plan import begin, held, make_plan, origin_keys, read_plan
from agekit.faces.workers import run_blocks
from agekit.progress import ProgressBar, print_line
from agekit.registry import DETECTORS
from agekit.scope import within

__all__ = ["Prepared", "prepare"]

_GPU_BLOCK = 16
"""Photos that a GPU looks at as one; always the same ones, so that rounding is the same."""
_GPU_WORKERS = 4
_CPU_WORKERS = 16


@dataclass(frozen=True)
class Prepared:
    """What was done.

    Attributes:
        dataset: registry name.
        out: the folder of chips.
        n: rows of the dataset: ``done + skipped + failed``.
        done: chips made now.
        skipped: chips that were there.
        failed: rows without a chip, listed in ``failures.csv``.
        size: side of the chips in pixels.
        margin: around the standard frame.
    """

    dataset: str
    out: Path
    n: int
    done: int
    skipped: int
    failed: int
    size: int
    margin: float


def prepare(
    dataset: str | Dataset,
    root: Path | None,
    out: Path,
    *,
    columns: Columns | None = None,
    size: int = 224,
    margin: float = DEFAULT_MARGIN,
    format: str = "jpeg",
    quality: int = 95,
    detector: str | None = "mtcnn",
    like: Alignment | None = None,
    workers: int | None = None,
    device: str = "auto",
    console: Console | None = None,
) -> Prepared:
    """Finds the largest face of every photo, aligns it by five points and cuts it into a chip.

    The chips lie in `out` as the photos do in the dataset; when all are there, the table and the
    manifest follow, and `out` is the same dataset as far as protocols are concerned. A run that
    was stopped in any way is gone on with by the same call, to the same bytes: a chip is there as
    a whole or not at all, and none is made twice.

    Args:
        dataset: the dataset or its registry name.
        root: where it lies; else ``$AGEKIT_DATA/<dataset>``.
        out: a new folder, or one begun with the same arguments.
        columns: field → column of a table of the user's own.
        size: side of the chips in pixels.
        margin: around the standard frame, as a share of its side.
        format: ``jpeg``, ``png`` or ``webp``.
        quality: of JPEG and WebP, 1 to 100.
        detector: registry name of what finds the faces; None takes every picture as it is: its
            centre square, scaled.
        like: in place of `margin` and `detector`: finds and cuts faces as a model knows them.
        workers: processes; one for each processor if left out, at most 16, or four with a GPU.
            The result does not depend on it.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        console: where to show progress.

    Raises:
        ConfigError: an argument is unusable.
        DataError: the dataset cannot be read, `out` cannot be used, no picture gave a chip, or the
            disk is full.
    """
    if format not in ENDINGS:
        raise ConfigError(f"no format {format!r}", f"the formats are {', '.join(ENDINGS)}")
    if like is not None:
        target, detector = known_points(like), like.detector
        if target is None:
            raise ConfigError("the alignment to cut faces to says of no point where it lies")
        cuts = Alignment.model_validate(
            {**like.model_dump(), "align": "five-points", "points": target.tolist()}
        )
    else:
        cuts = standard(margin, detector or Alignment().detector)
    reader = open_dataset(dataset)
    where = "cpu"
    if detector:
        from agekit.device import pick_device

        with within():
            detector = DETECTORS.pinned(detector)
        cuts = cuts.model_copy(update={"detector": detector})
        where = str(pick_device(device))
    place = None
    if reader.needs_root or root is not None:
        place = data_root(reader.name, root, file_allowed=reader.file_allowed)
    keep_apart(out, place)
    if out.is_dir():
        read_plan(out)  # not even a lock is put into a folder of something else
    with held(out):
        before = read_plan(out)
        table, face = read_source(reader, place, columns)
        if detector:
            face = cuts
        elif face.align == "whole":
            face = Alignment()
            print_line(
                console,
                f"{reader.name} is a dataset of whole photos: the middle squares of them are "
                "taken as faces, whatever they show",
            )
        work = ChipWork(table.images, size, format, quality, detector, cuts.points or (), where)
        work.check()
        keys, unreadable = origin_keys(table)
        begin(out, make_plan(reader.name, work, face, keys, unreadable, before), before)
        names = [work.images.name(i) for i in range(len(table))]
        folder = ChipFolder(out, names, chip_names(names, ENDINGS[format]), unreadable)
        skipped = sum(folder.there)
        _fill(folder, work, set(unreadable), workers, console)
        rows = folder.close()
        if not rows:
            first = folder.failures[min(folder.failures)]
            raise DataError(
                f"no chip could be made of any of {len(table):,} pictures",
                f"first: {first.name}: {first.detail}; see {out / FAILURES}",
            )
        table = replace(table, origin=keys).take(np.array(rows))
        chips = [folder.chips[row] for row in rows]
        with writing(out):
            write_table(out, table, chips, Manifest.of(reader, table, face, size))
    return Prepared(
        dataset=reader.name,
        out=out,
        n=len(names),
        done=len(rows) - skipped,
        skipped=skipped,
        failed=len(folder.failures),
        size=size,
        margin=face.margin,
    )


def _fill(
    folder: ChipFolder,
    work: ChipWork,
    unreadable: Container[int],
    workers: int | None,
    console: Console | None,
) -> None:
    """Makes the chips that are to be made, and tells how far that is."""
    todo, n = folder.todo(), len(folder.names)
    wanted = set(todo)
    gpu = work.device.startswith("cuda")
    step = _GPU_BLOCK if gpu else 1
    starts = sorted({row - row % step for row in todo})
    count = workers or min(os.cpu_count() or 1, _GPU_WORKERS if gpu else _CPU_WORKERS)
    blocks = ([r for r in range(s, min(s + step, n)) if r not in unreadable] for s in starts)
    there = f", {n - len(todo):,} are done already" if len(todo) < n else ""
    print_line(console, f"making the chips of {len(todo):,} pictures{there}")
    with (
        ProgressBar(console, "chips", len(todo)) as progress,
        closing(run_blocks(work, blocks, min(count, len(starts)))) as results,
    ):
        for block, chips in results:
            for row, chip in zip(block, chips, strict=True):
                if row in wanted:
                    folder.put(row, chip)
                    progress.step(failed=isinstance(chip, Problem))
    if progress.done > 1:
        rate = f"{progress.rate:,.1f} a second"
        print_line(console, f"{progress.done:,} of {len(todo):,} done, {rate}")
