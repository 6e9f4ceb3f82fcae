"""The label columns of a Parquet file, as anybody writes them, in one form."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from agekit.errors import DataError, nearest
from agekit.plugin import COLUMN_NAMES, Columns, identity_number, usual
from agekit_datasets.own.ages import Ranges, parse_age
from agekit_datasets.own.columns import choose

__all__ = ["LABELS", "by_text", "find_image", "read_labels"]

LABELS: Mapping[str, tuple[str, ...]] = {
    "age": tuple(name for name in COLUMN_NAMES["age"] if name != "label"),
    "sigma": COLUMN_NAMES["sigma"],
    "identity": tuple(name for name in COLUMN_NAMES["identity"] if name != "id"),
    **{field: COLUMN_NAMES[field] for field in ("gender", "group", "split")},
    "origin": ("origin",),
}
"""The usual names of a shard's columns; there, `id` and `label` mostly are something else."""
_IMAGE = ("image", "img", "face", "photo", "picture")
_IMAGE_TYPE = "struct<bytes: binary, path: string> or binary"
_BYTES = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_NUMBERS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
_DIGEST = re.compile(r"[0-9a-f]{32}")


def find_image(schema: Any, path: Path, asked: str | None = None) -> tuple[str, bool]:
    """The column of the images: ``image`` or the like, else the only one that may hold some.

    Args:
        schema: the Arrow schema of the file.
        path: the file.
        asked: the column that a user says it is.

    Returns:
        The column's name, and whether it is a struct of bytes and path.

    Raises:
        DataError: there is none, or more than one.
    """
    found = {f.name: pa.types.is_struct(f.type) for f in schema if _holds_images(f.type)}
    named = [name for name in found if name.lower() in _IMAGE]
    best = min(named, key=lambda name: _IMAGE.index(name.lower()), default="")
    if asked is not None:
        best = next((name for name in found if usual(name) == usual(asked)), "")
    elif not best and len(found) == 1:
        (best,) = found
    if not best:
        shown = ", ".join(f"{f.name}: {f.type}" for f in schema)
        raise DataError(f"{path}: expected a column 'image' of {_IMAGE_TYPE}; found: {shown}")
    return best, found[best]


def read_labels(
    file: Any, path: Path, asked: Columns | None = None
) -> tuple[Any, Ranges, tuple[str, ...]]:
    """The labels of a file in one form.

    Args:
        file: the open `pyarrow.parquet.ParquetFile`.
        path: where it lies.
        asked: field → column, where they have not their usual names; ``path`` is the images'.

    Returns:
        An Arrow table of the columns of `LABELS` and ``name``, null where unknown: age and sigma
        float64, identity int64, the others string; `name` is what the file calls the image. The
        ages that are ranges. What to tell of the columns.

    Raises:
        DataError: there is no age, or a column's type does not fit.
    """
    schema = file.schema_arrow
    asked = dict(asked or {})
    image, in_struct = find_image(schema, path, asked.pop("path", None))
    chosen = choose(schema.names, str(path), asked=asked, needed=(), names=LABELS, known=[image])
    columns = {name: schema.names[k] for name, k in chosen.index.items()}
    if "age" not in columns:
        close = nearest("age", schema.names, n=1)
        shown = ", ".join(schema.names)
        raise DataError(
            f"{path}: expected a column 'age', in years; found: {shown}{close}",
            "a column `label` is not taken for the age, unless by --columns age=label",
        )
    named = in_struct and schema.field(image).type.get_field_index("path") >= 0
    table = file.read(columns=[*columns.values(), *([f"{image}.path"] if named else [])])
    classes = _classes(schema.metadata)
    nulls = pa.chunked_array([pa.nulls(len(table))])
    ranges = Ranges()
    widths = None
    read = {"sigma": _number, "identity": _person, "origin": _digest}
    result = {}
    for name in LABELS:
        convert = read.get(name, _text)
        if name not in columns:
            result[name] = convert(nulls)
            continue
        try:
            values = _plain(table[columns[name]], classes.get(columns[name]))
            if name == "age":
                result[name], widths = _ages(values, ranges)
            else:
                result[name] = convert(values)
        except (pa.ArrowException, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise DataError(f"{path}: column {columns[name]!r} cannot be used: {reason}") from None
    paths = pc.struct_field(table[image], "path").cast(pa.string()) if named else None
    result["name"] = _names(paths, path.name, len(table))
    if widths is not None:
        result["sigma"] = pc.coalesce(result["sigma"], widths)
    return pa.table(result), ranges, chosen.notes


def by_text(column: Any, parse: Callable[[str], Any], kind: Any) -> Any:
    """A column of texts as what `parse` gives for each different one, null where that is None."""
    codes = column.combine_chunks().dictionary_encode()
    values = [parse(text) for text in codes.dictionary.to_pylist()]
    return pa.chunked_array([pc.take(pa.array(values, kind), codes.indices)])


def _holds_images(kind: Any) -> bool:
    if pa.types.is_struct(kind) and (index := kind.get_field_index("bytes")) >= 0:
        kind = kind.field(index).type
    return _is_any(kind, _BYTES)


def _classes(metadata: Mapping[bytes, bytes] | None) -> dict[str, list[str]]:
    """The names of the classes of each `ClassLabel` of the `datasets` library."""
    try:
        info = json.loads((metadata or {})[b"huggingface"])["info"]
        return {
            str(name): [str(c) for c in feature["names"]]
            for name, feature in info["features"].items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _plain(column: Any, classes: list[str] | None) -> Any:
    """Texts as such, not as codes; numbers of classes as their names, null where out of range."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if _is_any(column.type, _TEXTS):
        return column.cast(pa.string())
    if classes is None or not pa.types.is_integer(column.type):
        return column
    inside = pc.and_(pc.greater_equal(column, 0), pc.less(column, len(classes)))
    return pc.take(pa.array(classes), pc.if_else(inside, column, None))


def _number(column: Any) -> Any:
    """Numbers, also where they are texts."""
    if not _is_any(column.type, (*_NUMBERS, pa.types.is_string)):
        raise ValueError(f"expected numbers, found {column.type}")
    try:
        return column.cast(pa.float64())
    except pa.ArrowInvalid:
        raise _no_numbers(pc.unique(column.drop_null()).to_pylist()) from None


def _ages(column: Any, ranges: Ranges) -> tuple[Any, Any]:
    """Ages, null where a text is none, and the deviations of those that are ranges."""
    if not pa.types.is_string(column.type):
        return _number(column), None
    counts = {c["values"]: c["counts"] for c in pc.value_counts(column.drop_null()).to_pylist()}
    ages = {text: parse_age(text) for text in counts}
    if ages and not any(ages.values()):
        raise _no_numbers([*ages])
    for text, age in ages.items():
        if age is not None:
            ranges.add(text, age, counts[text])
    years = {text: age.years for text, age in ages.items() if age is not None}
    widths = {text: a.sigma for text, a in ages.items() if a is not None and a.is_range}
    number = pa.float64()
    return by_text(column, years.get, number), by_text(column, widths.get, number)


def _no_numbers(texts: list[str]) -> ValueError:
    return ValueError(f"expected numbers, found {', '.join(map(repr, texts[:3]))}")


def _text(column: Any) -> Any:
    if not _is_any(column.type, (pa.types.is_string, pa.types.is_integer, pa.types.is_null)):
        raise ValueError(f"expected text, found {column.type}")
    return column.cast(pa.string())


def _is_any(kind: Any, checks: tuple[Callable[[Any], bool], ...]) -> bool:
    return any(check(kind) for check in checks)


def _person(column: Any) -> Any:
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column).cast(pa.int64())
    if pa.types.is_integer(column.type):
        return column.cast(pa.int64())
    return by_text(_text(column), identity_number, pa.int64())


def _digest(column: Any) -> Any:
    """The digests, or nulls where the column is something else that is called origin."""
    texts = column.drop_null().to_pylist() if pa.types.is_string(column.type) else [""]
    if all(map(_DIGEST.fullmatch, texts)):
        return column
    return pa.chunked_array([pa.nulls(len(column), pa.string())])


def _names(paths: Any | None, file: str, n: int) -> Any:
    """The paths, and the file's name and the row's number where there is none."""
    numbered = pa.chunked_array([pa.array([f"{file}#{row}" for row in range(n)], pa.string())])
    if paths is None:
        return numbered
    known = pc.fill_null(pc.greater(pc.utf8_length(paths), 0), False)
    return paths if pc.all(known).as_py() else pc.if_else(known, paths, numbered)
