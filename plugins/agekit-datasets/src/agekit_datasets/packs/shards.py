"""Datasets in Parquet files, as `agekit data pack` and others write them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray

from agekit.errors import DataError, listed
from agekit.plugin import (
    SHARD,
    SPLITS,
    Columns,
    FaceTable,
    Manifest,
    Problem,
    parse_gender,
    parse_split,
    shard_files,
)
from agekit_datasets.own.ages import Ranges
from agekit_datasets.packs.columns import by_text, find_image, read_labels
from agekit_datasets.packs.images import ImageColumn, Shards, reading

__all__ = ["Shards", "read_shards"]

_OF = re.compile(r"(?P<name>.+)-(?P<k>\d{4,})-of-(?P<n>\d{4,})(-[0-9a-f]+)?")


def read_shards(place: Path, columns: Columns | None = None) -> FaceTable:
    """Reads the labels of a Parquet file, or of all files of a folder; decodes no image.

    An image column and an age are all that is needed; see `agekit_datasets.packs.columns.LABELS`
    for the columns' usual names. Without a split column, files named ``train...``,
    ``validation...`` and ``test...`` are the splits.

    Args:
        place: the file or the folder; see `agekit.plugin.shard_files`.
        columns: field → column, where they have not their usual names.

    Returns:
        The table, with the manifest that the files hold if agekit wrote them and their rows are
        still as many.

    Raises:
        DataError: a shard of a set is missing, or a file is damaged, of another layout, or from
            another dataset than the others.
    """
    files = shard_files(place)
    if not files:
        raise DataError(f"{place}: expected a {SHARD} file, or a folder that holds some")
    _check_sets(files, place)
    try:
        shards = [_Shard(path, columns) for path in files]
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read: {error.strerror}") from None
    manifest = _manifest(shards)
    labels = pa.concat_tables([shard.labels for shard in shards]).combine_chunks()
    images = Shards([s.column for s in shards], labels["name"].combine_chunks())
    present = np.concatenate([shard.present for shard in shards])
    ranges = Ranges()
    for shard in shards:
        ranges.merge(shard.ranges)
    notes = (*shards[0].notes, *ranges.notes())
    return replace(_table(labels, images, present, manifest), notes=notes)


class _Shard:
    """One file: its labels, the place of its images, and which of them are there."""

    def __init__(self, path: Path, columns: Columns | None) -> None:
        self.path = path
        with reading(path):
            file = pq.ParquetFile(path, memory_map=True, pre_buffer=False)
            meta = file.metadata
            asked = (columns or {}).get("path")
            name, in_struct = find_image(file.schema_arrow, path, asked)
            groups = [meta.row_group(g).num_rows for g in range(meta.num_row_groups)]
            leaf = f"{name}.bytes" if in_struct else name
            self.column = ImageColumn(path, leaf, np.cumsum(groups, dtype=np.int64))
            text = (meta.metadata or {}).get(b"agekit")
            self.manifest = (
                None if text is None else Manifest.parse(text.decode(errors="replace"), str(path))
            )
            labels, self.ranges, self.notes = read_labels(file, path, columns)
            self.labels = self._with_split(labels)
            self.present = self._present(meta)

    def _with_split(self, labels: Any) -> Any:
        """The labels with the split that the file's name says, where they have none."""
        split = parse_split(_set(self.path).split("-")[0])
        if not split or labels["split"].null_count < len(labels):
            return labels
        index = labels.schema.get_field_index("split")
        return labels.set_column(index, "split", pa.array([split] * len(labels), pa.string()))

    def _present(self, meta: Any) -> NDArray[np.bool_]:
        """The rows that have an image; looks into row groups whose statistics do not say it."""
        present = np.ones(len(self.column), bool)
        leaves = [meta.schema.column(c).path for c in range(meta.num_columns)]
        leaf = leaves.index(self.column.leaf)
        for g, end in enumerate(self.column.ends):
            chunk = meta.row_group(g).column(leaf)
            counted = chunk.is_stats_set and chunk.statistics.has_null_count
            if (chunk.statistics.null_count == 0) if counted else (self.manifest is not None):
                continue
            there = [p.is_valid().to_numpy(zero_copy_only=False) for p in self.column.parts([g])]
            found = np.concatenate(there) if there else np.ones(0, bool)
            present[end - len(found) : end] = found
        return present


def _set(path: Path) -> str:
    """The name that the shards of a set share."""
    match = _OF.fullmatch(path.stem)
    return match["name"] if match else path.stem


def _check_sets(files: Sequence[Path], place: Path) -> None:
    """Checks that every ``-00001-of-00003`` has its others.

    Raises:
        DataError: one is missing, or the sets are of different lengths.
    """
    sets: dict[str, dict[int, set[int]]] = {}
    for match in filter(None, (_OF.fullmatch(p.stem) for p in files)):
        sets.setdefault(match["name"], {}).setdefault(int(match["n"]), set()).add(int(match["k"]))
    for name, lengths in sets.items():
        if len(lengths) > 1:
            lengths_shown = " and ".join(f"-of-{n:05}" for n in sorted(lengths))
            raise DataError(f"{place}: shards of different sets: {name}-...{lengths_shown}")
        ((n, there),) = lengths.items()
        if missing := sorted(set(range(n)) - there):
            shown = listed((f"{k:05}" for k in missing), 5)
            raise DataError(
                f"{place}: {name}: {len(missing)} of {n} shards are missing: {shown}",
                "pass the folder that holds all of them"
                if place.is_file()
                else "fetch or pack them again",
            )


def _manifest(shards: Sequence[_Shard]) -> Manifest | None:
    """The manifest that all shards share; `rows` counts all of them.

    Raises:
        DataError: they say different things.
    """
    first = shards[0]
    for shard in shards[1:]:
        one, other = (
            s.manifest and s.manifest.model_copy(update={"rows": 0}) for s in (first, shard)
        )
        if one != other or (one and _set(first.path) != _set(shard.path)):
            raise DataError(
                f"{shard.path.parent}: shards of two packs: {first.path.name}, {shard.path.name}",
                "pass one file as the root, or keep each pack in a folder of its own",
            )
    if any(s.manifest is None or s.manifest.rows != len(s.column) for s in shards):
        return None
    assert first.manifest is not None
    return first.manifest.model_copy(update={"rows": sum(len(s.column) for s in shards)})


def _table(
    labels: Any, images: Shards, present: NDArray[np.bool_], manifest: Manifest | None
) -> FaceTable:
    problems = [
        Problem("image", images.name(int(i)), "only named, the image itself is not in the shard")
        for i in np.flatnonzero(~present)
    ]
    rows = np.flatnonzero(present)
    labels, images = labels.take(pa.array(rows)), images.take(rows)

    def odd(kind: str, which: NDArray[np.bool_], what: Callable[[int], str]) -> None:
        problems.extend(
            Problem(kind, images.name(int(i)), what(int(i)), kept=True)
            for i in np.flatnonzero(which)
        )

    def parsed(kind: str, parse: Callable[[str], int | None]) -> NDArray[np.int64]:
        texts = labels[kind]
        codes = by_text(texts, lambda text: parse(text.strip()), pa.int64())
        unknown = pc.and_(texts.is_valid(), codes.is_null()).to_numpy()
        odd(kind, unknown, lambda i: f"{texts[i].as_py().strip()!r} taken as unknown")
        return pc.fill_null(codes, -1).to_numpy()  # type: ignore[no-any-return]

    sigma = labels["sigma"].to_numpy()
    odd("sigma", sigma < 0, lambda i: "the standard deviation is unusable: left out")
    names = list(manifest.group_names) if manifest else []
    groups = {str(text).strip() for text in labels["group"].unique().to_pylist() if text}
    names += sorted(groups - {"", *names})
    return FaceTable.build(
        images,
        labels["age"].to_numpy(),
        sigma=np.where(sigma < 0, np.nan, sigma),
        identity=pc.fill_null(labels["identity"], -1).to_numpy(),
        gender=parsed("gender", parse_gender),
        group=parsed("group", lambda text: names.index(text) if text else -1),
        group_names=names,
        split=parsed("split", _split_code),
        problems=problems,
        origin=_origin(labels["origin"], images),
        manifest=manifest,
    )


def _split_code(text: str) -> int | None:
    split = parse_split(text)
    return SPLITS.index(split) if split else (None if split is None else -1)


def _origin(column: Any, images: Shards) -> NDArray[np.uint8] | None:
    """The origins, (N, 16); the image's own digest where only some are known."""
    if column.null_count == len(column):
        return None
    texts = column.to_pylist()
    origin = np.zeros((len(texts), 16), np.uint8)
    if column.null_count:
        origin[:] = images.digests()
    known = [i for i, text in enumerate(texts) if text is not None]
    found = bytes.fromhex("".join(texts[i] for i in known))
    origin[known] = np.frombuffer(found, np.uint8).reshape(-1, 16)
    return origin
