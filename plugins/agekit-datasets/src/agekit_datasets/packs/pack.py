"""Packing the faces of a dataset into Parquet shards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from agekit.errors import DataError, counted
from agekit.plugin import (
    DISK_FULL,
    SHARD,
    Columns,
    Dataset,
    EncodedImages,
    FaceTable,
    Files,
    ImageSource,
    Manifest,
    Problem,
    decode,
    in_threads,
    load_faces,
    open_dataset,
    unusable,
)
from agekit_datasets.encode import Encoding
from agekit_datasets.packs.writer import Row, check_place, replacing, write_shards
from agekit_datasets.places import keep_apart

__all__ = ["SHARD_BYTES", "Packed", "Packing", "pack"]

Progress = Callable[[int, int], None]

SHARD_BYTES = 256_000_000

_GLANCE = 16
"""Side in pixels at which images are decoded that are only to be checked."""


@dataclass(frozen=True)
class Packing:
    """The form in which faces are packed.

    Attributes:
        encoding: of the images, anew; None packs their bytes as they are.
        shard_bytes: size of the files of a folder.
        threads: to decode and encode in; None takes as many as there are processors.
    """

    encoding: Encoding | None = None
    shard_bytes: int = SHARD_BYTES
    threads: int | None = None


@dataclass(frozen=True)
class Packed:
    """A dataset as it was packed.

    Attributes:
        dataset: the dataset's name.
        files: the Parquet files.
        n: how many faces they hold.
        bytes: the size of the files together.
        encoding: how the images were encoded anew; None where they are as they were.
        left_out: the images that cannot be decoded, and why.
        problems: the rows that the dataset's reader left out or read in part.
    """

    dataset: str
    files: tuple[Path, ...]
    n: int
    bytes: int
    encoding: Encoding | None
    left_out: tuple[Problem, ...]
    problems: tuple[Problem, ...]


def pack(
    dataset: str | Dataset,
    out: Path,
    *,
    root: Path | None = None,
    columns: Columns | None = None,
    packing: Packing = Packing(),
    force: bool = False,
    progress: Progress | None = None,
) -> Packed:
    """Packs all faces of a dataset; the result does not depend on the number of threads.

    Args:
        dataset: its registry name, or the dataset itself.
        out: a file that ends in .parquet, or a folder for files of about `Packing.shard_bytes`;
            appears whole or not at all.
        root: where the dataset lies; also chips that were prepared from it, or shards of it.
        columns: field → column of a table of the user's own.
        packing: how.
        force: whether shards at `out` are replaced.
        progress: called with the number of images done and to do.

    Raises:
        ConfigError: no such dataset.
        DataError: the dataset cannot be read, none of its images can be used, `out` cannot be
            written, or the disk is full.
    """
    check_place(out, force=force)
    reader = open_dataset(dataset)
    faces = load_faces(reader, root, columns=columns)
    table = faces.table
    own = table.images.root if isinstance(table.images, Files) else None
    keep_apart(out, root, own, itself=False)
    encoding = packing.encoding
    work = _work(table.images, encoding, reader.name)
    table.images.digests()
    left_out: list[Problem] = []
    try:
        with replacing(out) as place:
            size = None if encoding is None else encoding.size
            manifest = Manifest.of(reader, table, faces.face, size)
            limit = None if out.suffix == SHARD else packing.shard_bytes
            rows = _rows(table, packing, work, left_out, progress)
            paths = write_shards(rows, place, manifest, reader.name, limit)
            total = sum(path.stat().st_size for path in paths)
    except OSError as error:
        raise _unwritable(out, error) from None
    single = out.suffix == SHARD
    files = (out,) if single else tuple(out / path.name for path in paths)
    n = len(table) - len(left_out)
    return Packed(reader.name, files, n, total, encoding, tuple(left_out), faces.problems)


def _rows(
    table: FaceTable,
    packing: Packing,
    work: Callable[[int], bytes],
    left_out: list[Problem],
    progress: Progress | None,
) -> Iterator[Row]:
    """The rows to write; those whose image cannot be decoded are added to `left_out`.

    Raises:
        DataError: none of them can.
    """
    taken = set[str]()
    done = in_threads(work, range(len(table)), threads=packing.threads)
    for i, (record, future) in enumerate(zip(table.records(), done, strict=True)):
        name = path = table.images.name(i)
        if packing.encoding is not None:
            path = str(PurePosixPath(name).with_suffix(f".{packing.encoding.format}"))
            path = name if path in taken else path
            taken.add(path)
        try:
            data = future.result()
        except (DataError, OSError) as error:
            left_out.append(Problem("image", name, unusable(error, name)))
        else:
            yield {"image": {"path": path, "bytes": data}, **record}
        if progress is not None:
            progress(i + 1, len(table))
    if len(left_out) == len(table):
        first = f"{left_out[0].name}: {left_out[0].detail}"
        raise DataError(
            f"none of {counted(len(table), 'image')} can be used", f"the first: {first}"
        )


def _work(images: ImageSource, encoding: Encoding | None, dataset: str) -> Callable[[int], bytes]:
    """A function to the bytes to pack of image `i`, which raises where it cannot be decoded.

    Raises:
        DataError: the images are in no files, so that a size has to be asked for.
    """
    if encoding is not None and encoding.size is not None:
        size, encode = encoding.size, encoding.encode
        return lambda i: encode(images.decode(i, size))
    if not isinstance(images, EncodedImages):
        raise DataError(
            f"the images of {dataset} are not in files of their own, to be packed as they are",
            "pass --size, to encode them anew",
        )

    def work(i: int) -> bytes:
        if encoding is not None:
            return encoding.encode(images.decode(i, None))
        data = images.read(i)
        decode(data, _GLANCE, images.name(i))
        return data

    return work


def _unwritable(out: Path, error: OSError) -> DataError:
    if error.errno in DISK_FULL:
        return DataError(
            f"{out}: no room for it ({error.strerror}); nothing was left there",
            "free some space, write to a larger disk, or encode smaller images with --size",
        )
    return DataError(f"{out}: cannot be written: {error.strerror or error}")
