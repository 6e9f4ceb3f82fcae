"""The checks of a dataset."""

from __future__ import annotations

import pickle
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from agekit.data.alignment import Alignment
from agekit.data.dataset import Dataset
from agekit.data.protocols import Protocol
from agekit.data.table import COLUMNS, SPLITS, FaceTable
from agekit.errors import DataError
from agekit_testkit.checks.subject import Part, Subject

__all__ = ["check_dataset"]

_DESCRIBED = ("title", "licence", "source", "layout")


def check_dataset(part: Part, root: Path | None = None, *, size: int = 32, images: int = 4) -> None:
    """Checks that a dataset keeps its contract: a folder to a table of faces and their splits.

    Without a root only what can be known without data: what it says of itself, its protocols, and
    that a folder which holds something else is refused with a `DataError`.

    Args:
        part: its registry name, or the class.
        root: a small folder in its layout; not needed where it needs none.
        size: side at which images are decoded, pixels.
        images: how many are.

    Raises:
        AssertionError: saying what is wrong.
    """
    subject = Subject("dataset", part)
    reader: Dataset = subject.build()
    _check_description(subject, reader, part)
    if reader.needs_root:
        _check_refusal(subject, reader)
    if root is None and reader.needs_root:
        return
    with subject.doing("reading it"):
        table, again = reader.read(root), reader.read(root)
    subject.require(isinstance(table, FaceTable), "read() gives no FaceTable")
    _check_columns(subject, table, again)
    _check_images(subject, table, size, images)
    for name, protocol in reader.protocols.items():
        _check_protocol(subject, table, protocol, required=name == reader.default_protocol)


def _check_description(subject: Subject, reader: Dataset, part: Part) -> None:
    if isinstance(part, str):
        bare = part.rpartition(":")[2]
        subject.require(reader.name == bare, f"its name is {reader.name!r}, its entry {bare!r}")
    empty = [name for name in _DESCRIBED if not getattr(reader, name)]
    subject.require(not empty, f"it does not say its {', '.join(empty)}")
    known = isinstance(reader.alignment, Alignment)
    subject.require(known, "its alignment is none of agekit.data.alignment")
    subject.require(bool(reader.protocols), "it has no protocol")
    subject.require(
        reader.default_protocol in reader.protocols,
        f"its default protocol {reader.default_protocol!r} is not among its protocols",
    )
    for name, protocol in reader.protocols.items():
        good = protocol.name == name and protocol.description and protocol.metrics
        subject.require(
            bool(good), f"the protocol {name!r} has another name, no description or no metric"
        )


def _check_refusal(subject: Subject, reader: Dataset) -> None:
    """A folder without its files is refused, in words for people."""
    with TemporaryDirectory() as folder:
        other = Path(folder, "other")
        other.mkdir()
        (other / "readme.txt").write_text("not a dataset\n", encoding="utf-8")
        try:
            reader.read(other)
        except DataError:
            return
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            message = f"a folder that holds something else raises {reason}; raise a DataError"
            raise AssertionError(f"{subject.label}: {message}") from error
    subject.require(False, "a folder that holds something else is read; raise a DataError")


def _check_columns(subject: Subject, table: FaceTable, again: FaceTable) -> None:
    wrong = table.misfit()
    subject.require(not wrong, f"{wrong}; make the table with FaceTable.build")
    for name in COLUMNS:
        column = getattr(table, name)
        same = np.array_equal(column, getattr(again, name), equal_nan=column.dtype.kind == "f")
        subject.require(same, f"a second reading has another column {name!r}")


def _check_images(subject: Subject, table: FaceTable, size: int, count: int) -> None:
    source, n = table.images, len(table)
    names = [source.name(i) for i in range(n)]
    subject.require(len(source) == n, f"it has {len(source)} images for {n} rows")
    subject.require(len(set(names)) == n, "two images have one name")
    outside = [x for x in names if PurePosixPath(x).is_absolute() or ".." in x.split("/")]
    subject.require(not outside, f"the name {next(iter(outside), '')!r} leads out of the folder")
    with subject.doing("hashing its images"):
        digests = source.digests()
    subject.require(
        digests.shape == (n, 16) and digests.dtype == np.uint8,
        f"its digests are {digests.dtype} of {digests.shape}, not uint8 of ({n}, 16)",
    )
    backwards = np.arange(n, dtype=np.int64)[::-1]
    with subject.doing("pickling its images"):
        copied = pickle.loads(pickle.dumps(source))
    reversed_ = source.take(backwards)
    turned = [reversed_.name(i) for i in range(n)] == names[::-1]
    subject.require(turned, "take() does not give the images in the order asked for")
    subject.require(
        bool((reversed_.digests() == digests[::-1]).all() and (copied.digests() == digests).all()),
        "digests do not go with their images through take() and pickle",
    )
    for i in range(min(count, n)):
        for side in (size, 2 * size):
            with subject.doing(f"decoding {names[i]}"):
                pixels = source.decode(i, side)
            good = pixels.shape == (side, side, 3) and pixels.dtype == np.uint8
            subject.require(
                good, f"decode gives {pixels.dtype} of {pixels.shape}, not ({side}, {side}, 3)"
            )
        same = np.array_equal(pixels, copied.decode(i, 2 * size))
        subject.require(same, f"{names[i]} is decoded to other pixels the second time")


def _check_protocol(
    subject: Subject, table: FaceTable, protocol: Protocol, *, required: bool
) -> None:
    name = protocol.name
    try:
        codes = protocol.assign(table)
    except DataError as error:
        subject.require(not required, f"its default protocol cannot be used: {error.message}")
        return
    subject.require(
        codes.shape == (len(table),)
        and codes.dtype == np.int8
        and bool(((codes >= -1) & (codes < len(SPLITS))).all()),
        f"the protocol {name!r} does not give (N,) int8 from -1 to {len(SPLITS) - 1}",
    )
    subject.require(bool((codes >= 0).any()), f"the protocol {name!r} uses no row")
    order = np.random.default_rng(0).permutation(len(table))
    subject.require(
        np.array_equal(protocol.assign(table.take(order)), codes[order]),
        f"the protocol {name!r} splits the rows otherwise when they come in another order",
    )
    if protocol.subject_exclusive:
        shared = _shared(table.identity, codes)
        subject.require(
            not shared, f"the protocol {name!r} has {shared} people in more than one split"
        )


def _shared(identity: NDArray[np.int64], codes: NDArray[np.int8]) -> int:
    """The number of known people that are in more than one split."""
    used = (identity >= 0) & (codes >= 0)
    pairs = np.unique(np.stack([identity[used], codes[used]], 1), axis=0)
    return len(pairs) - len(np.unique(pairs[:, 0]))
