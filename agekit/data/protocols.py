"""Protocols: named rules that split a dataset and say how it is scored."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from agekit.data.table import FaceTable
from agekit.errors import DataError

__all__ = [
    "Assign",
    "Protocol",
    "by_column",
    "by_content",
    "by_group",
    "by_identity",
    "by_name",
    "restrict",
]

Assign = Callable[[FaceTable], NDArray[np.int8]]


@dataclass(frozen=True)
class Protocol:
    """A rule that splits a dataset, and the metrics it is scored by.

    Attributes:
        name: its name within the dataset.
        description: one line for people.
        assign: from a table of N rows to (N,) int8: -1 unused, else the index into `SPLITS`.
        metrics: what it is scored by, the first one first.
        subject_exclusive: whether no person is in two splits.
    """

    name: str
    description: str
    assign: Assign
    metrics: tuple[str, ...] = ("mae",)
    subject_exclusive: bool = False


def by_content(train: float, val: float, salt: str) -> Assign:
    """Splits by a hash of each image's bytes: identical images are in one split, on any machine.

    Args:
        train: share of the images to train on; val: share to validate on; the rest is the test.
        val: see `train`.
        salt: what makes this split differ from others of the same shares.
    """

    def assign(table: FaceTable) -> NDArray[np.int8]:
        return _by_hash((d.tobytes() for d in table.content_keys()), train, val, salt)

    return assign


def by_name(train: float, val: float, salt: str) -> Assign:
    """Splits by a hash of each image's file name, its folders and its ending left out.

    So the split is known from a list of the files alone. The arguments are those of `by_content`.
    """

    def assign(table: FaceTable) -> NDArray[np.int8]:
        names = (PurePosixPath(table.images.name(i)).stem.lower() for i in range(len(table)))
        return _by_hash((os.fsencode(name) for name in names), train, val, salt)

    return assign


def by_group(
    groups: Callable[[], Mapping[str, str]], train: float, val: float, salt: str
) -> Assign:
    """Splits so that the images of one group, and identical images, are in one split.

    Args:
        groups: gives the group of an image by its file name, without folders and from the first
            dot on, in lower case; called when a table is split. An image of no group is split by
            its content.
        train: share of the images to train on; val: share to validate on; the rest is the test.
        val: see `train`.
        salt: what makes this split differ from others of the same shares.
    """

    def assign(table: FaceTable) -> NDArray[np.int8]:
        group_of = groups()
        contents = [digest.tobytes() for digest in table.content_keys()]
        names = (PurePosixPath(table.images.name(i)).name for i in range(len(table)))
        named = [group_of.get(name.lower().partition(".")[0]) for name in names]
        # A copy under a name that no list knows goes where the listed one goes.
        known = {c: group for c, group in zip(contents, named, strict=True) if group}
        return _by_hash(
            (known[c].encode() if c in known else c for c in contents), train, val, salt
        )

    return assign


def by_identity(train: float, val: float, salt: str) -> Assign:
    """Splits by a hash of the identity: a person's images are in one split.

    Rows whose identity is unknown are split by content.

    Raises:
        DataError: (when assigned) no row has an identity.
    """
    content = by_content(train, val, salt)

    def assign(table: FaceTable) -> NDArray[np.int8]:
        known = table.identity >= 0
        if not known.any():
            raise DataError(
                "a split by identity was asked for, but no row has an identity",
                "add an identity column, or choose a protocol that splits by content",
            )
        people, which = np.unique(table.identity, return_inverse=True)
        codes = _by_hash((b"%d" % p for p in people.tolist()), train, val, salt)[which]
        return codes if known.all() else np.where(known, codes, content(table)).astype(np.int8)

    return assign


def by_column() -> Assign:
    """The dataset's own split, as its files say.

    Raises:
        DataError: (when assigned) no row has one.
    """

    def assign(table: FaceTable) -> NDArray[np.int8]:
        if not (table.split >= 0).any():
            raise DataError(
                "the dataset's own split was asked for, but no row has one",
                "add a split column of train, val and test, or choose another protocol",
            )
        return table.split

    return assign


def restrict(
    protocol: Protocol, *, ages: tuple[float, float], name: str, description: str = ""
) -> Protocol:
    """The same protocol on the rows whose age is in `ages`, both ends included."""
    low, high = ages

    def assign(table: FaceTable) -> NDArray[np.int8]:
        inside = (table.age >= low) & (table.age <= high)
        return np.where(inside, protocol.assign(table), -1).astype(np.int8)

    text = description or f"{protocol.description}; ages {low:g} to {high:g} only"
    return Protocol(name, text, assign, protocol.metrics, protocol.subject_exclusive)


def _by_hash(keys: Iterable[bytes], train: float, val: float, salt: str) -> NDArray[np.int8]:
    key = hashlib.blake2b(salt.encode(), digest_size=32).digest()
    words = b"".join(hashlib.blake2b(k, digest_size=8, key=key).digest() for k in keys)
    share = np.frombuffer(words, ">u8") / 2.0**64
    return np.digitize(share, [train, train + val]).astype(np.int8)
