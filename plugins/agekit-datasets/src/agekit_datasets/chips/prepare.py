"""Making a dataset of face chips of a dataset of photos, in many processes, a bit at a time."""

from __future__ import annotations

import os
from collections.abc import Container
from contextlib import closing
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from agekit.errors import ConfigError, DataError, counted
from agekit.plugin import (
    DETECTORS,
    FAILURES_FILE,
    Alignment,
    Columns,
    Dataset,
    EncodedImages,
    FaceTable,
    Manifest,
    Problem,
    ProgressBar,
    known_points,
    open_dataset,
    place_of,
    print_line,
    read_source,
    standard,
    within,
    write_table,
)
from agekit_datasets.chips.folder import ChipFolder, chip_names, writing
from agekit_datasets.chips.plan import begin, held, make_plan, origin_keys, read_plan
from agekit_datasets.chips.work import ChipWork
from agekit_datasets.chips.workers import run_blocks
from agekit_datasets.encode import Encoding
from agekit_datasets.places import keep_apart

__all__ = ["Prepared", "Workers", "prepare"]

_GPU_BLOCK = 16
"""Photos that a GPU looks at as one; always the same ones, so that rounding is the same."""
_GPU_WORKERS = 4
"""Each holds the networks in the memory of the GPU."""
_CPU_WORKERS = 16


STANDARD = standard()
CHIPS = Encoding(size=224, format="jpeg", quality=95)


@dataclass(frozen=True)
class Workers:
    """The processes that make chips.

    Attributes:
        processes: how many; None takes one for each processor, at most 16, or four with a GPU.
        device: where their detectors run: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """

    processes: int | None = None
    device: str = "auto"


@dataclass(frozen=True)
class Prepared:
    """A dataset of chips, and how much of it was made now.

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
    face: Alignment | None = STANDARD,
    encoding: Encoding = CHIPS,
    workers: Workers = Workers(),
    detect: bool = False,
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
        face: what finds the faces and where their points come to lie; None takes every picture as
            it is: its centre square, scaled.
        encoding: of the chips, with their size.
        workers: what does the work; the result does not depend on their number.
        detect: whether to look for faces even where the dataset says the points of each.
        console: where to show progress.

    Raises:
        ConfigError: an argument is unusable.
        DataError: the dataset cannot be read, `out` cannot be used, no picture gave a chip, or the
            disk is full.
    """
    reader = open_dataset(dataset)
    device = "cpu"
    if face is not None:
        face, device = _pinned(face), _device(workers.device)
    place = place_of(reader, root)
    keep_apart(out, place)
    if out.is_dir():
        read_plan(out)  # not even a lock is put into a folder of something else
    with held(out):
        before = read_plan(out)
        table, own = read_source(reader, place, columns)
        shown = face or _frame_of(reader, own, console)
        points = None if face is None else _own_points(table, reader.name, face, detect, console)
        work = ChipWork(table.images, encoding, face, device, points)
        work.check()
        keys, unreadable = origin_keys(table)
        begin(out, make_plan(reader.name, work, keys, unreadable, before), before)
        names = [work.images.name(i) for i in range(len(table))]
        folder = ChipFolder(out, names, chip_names(names, encoding.ending), unreadable)
        skipped = sum(folder.there)
        _fill(folder, work, set(unreadable), workers.processes, console)
        rows = folder.close()
        if not rows:
            first = folder.failures[min(folder.failures)]
            raise DataError(
                f"no chip could be made of any of {counted(len(table), 'picture')}",
                f"first: {first.name}: {first.detail}; see {out / FAILURES_FILE}",
            )
        table = replace(table, origin=keys).take(np.array(rows))
        chips = [folder.chips[row] for row in rows]
        with writing(out):
            write_table(out, table, chips, Manifest.of(reader, table, shown, work.size))
    return Prepared(
        dataset=reader.name,
        out=out,
        n=len(names),
        done=len(rows) - skipped,
        skipped=skipped,
        failed=len(folder.failures),
        size=work.size,
        margin=shown.margin,
    )


def _pinned(face: Alignment) -> Alignment:
    """An alignment that says where each point comes to lie, and whose detector is to be used.

    Raises:
        ConfigError: it says of no point where it lies.
        AgekitError: there is no such detector.
    """
    points = known_points(face)
    if points is None:
        raise ConfigError("the alignment to cut faces to says of no point where it lies")
    with within():
        detector = DETECTORS.pinned(face.detector)
    changes = {"align": "five-points", "detector": detector, "points": points.tolist()}
    return Alignment.model_validate(face.model_dump() | changes)


def _frame_of(reader: Dataset, own: Alignment, console: Console | None) -> Alignment:
    """The alignment of chips that are the middle squares of a dataset's pictures."""
    if own.align != "whole":
        return own
    print_line(
        console,
        f"{reader.name} is a dataset of whole photos: the middle squares of them are "
        "taken as faces, whatever they show",
    )
    return Alignment()


def _own_points(
    table: FaceTable, name: str, face: Alignment, detect: bool, console: Console | None
) -> NDArray[np.float32] | None:
    """The points that a dataset says of its faces, if they are to be used; tells which are."""
    if table.points is None or not isinstance(table.images, EncodedImages):
        return None
    if detect:
        print_line(console, f"{name} says the points of its faces: not used, {face.detector} is")
        return None
    unknown = int((~np.isfinite(table.points).all((1, 2))).sum())
    rest = f"; {face.detector} looks at {counted(unknown, 'photo')} without" if unknown else ""
    told = f"faces are cut out by the points that {name} says of each"
    print_line(console, f"{told}{rest} (--detector {face.detector} finds all anew)")
    return table.points


def _device(name: str) -> str:
    """Where detectors run: on the CPU where torch is not installed, which others need."""
    if name in ("auto", "cpu") and find_spec("torch") is None:
        return "cpu"
    from agekit.plugin import pick_device

    return str(pick_device(name))


def _fill(
    folder: ChipFolder,
    work: ChipWork,
    unreadable: Container[int],
    processes: int | None,
    console: Console | None,
) -> None:
    """Makes the chips that are to be made, and tells how far that is."""
    todo, n = folder.todo(), len(folder.names)
    wanted = set(todo)
    gpu = work.device.startswith("cuda")
    step = _GPU_BLOCK if gpu else 1
    starts = sorted({row - row % step for row in todo})
    count = processes or min(os.cpu_count() or 1, _GPU_WORKERS if gpu else _CPU_WORKERS)
    blocks = ([r for r in range(s, min(s + step, n)) if r not in unreadable] for s in starts)
    there = f", {n - len(todo):,} are done already" if len(todo) < n else ""
    print_line(console, f"making the chips of {counted(len(todo), 'picture')}{there}")
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
