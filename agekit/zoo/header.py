"""The header of a safetensors file, read and checked without reading the weights."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from agekit.errors import ModelError

__all__ = ["ITEM_BYTES", "TensorRecord", "read_header"]

ITEM_BYTES: Mapping[str, int] = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "I16": 2,
    "F16": 2,
    "BF16": 2,
    "I32": 4,
    "F32": 4,
    "I64": 8,
    "F64": 8,
}
"""The bytes of one value, by the format's name of its type."""
MOST_HEADER = 10_000_000
_LENGTH = 8
_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_HINT = "fetch or write the model again; agekit loads weights as safetensors only, never pickles"


class TensorRecord(NamedTuple):
    """One tensor of a file.

    Args:
        dtype: a key of `ITEM_BYTES`.
        shape: its shape.
    """

    dtype: str
    shape: tuple[int, ...]

    @property
    def values(self) -> int:
        """How many values it has."""
        return math.prod(self.shape)


def read_header(path: Path) -> dict[str, TensorRecord]:
    """The tensors a file says it holds, by name.

    Raises:
        ModelError: it cannot be read, is a pickle, or its header is damaged: not JSON, too long,
            of unknown types, or its tensors overlap, leave gaps or end elsewhere than the file.
    """
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            start = file.read(_LENGTH)
            length = int.from_bytes(start, "little")
            fits = len(start) == _LENGTH and length <= min(MOST_HEADER, size - _LENGTH)
            text = file.read(length) if fits else b""
    except OSError as error:
        raise ModelError(f"cannot read the weights {path}: {error.strerror}", _HINT) from error
    if start.startswith(_PICKLES):
        raise ModelError(f"{path} is a pickle or a zip archive, not safetensors", _HINT)
    if not fits:
        raise ModelError(f"{path} is not safetensors, or it was cut short", _HINT)
    try:
        tensors = _parse(text)
        _check_layout(tensors, size - _LENGTH - length)
    except (ValueError, RecursionError) as error:
        reason = textwrap.shorten(str(error), 300, placeholder=" ...")
        raise ModelError(f"{path}: the header is damaged: {reason}", _HINT) from error
    return {name: TensorRecord(dtype, shape) for name, (dtype, shape, _) in tensors.items()}


_Tensor = tuple[str, tuple[int, ...], tuple[int, int]]


def _parse(text: bytes) -> dict[str, _Tensor]:
    found = json.loads(text.decode("utf-8"), object_pairs_hook=_once)
    if not isinstance(found, dict):
        raise ValueError("it is not a JSON object")
    metadata = found.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError("__metadata__ is not text by name")
    return {name: _tensor(name, value) for name, value in found.items()}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found


def _tensor(name: str, value: object) -> _Tensor:
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{name!r} is not described by dtype, shape and data_offsets")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        raise ValueError(f"{name!r} is of the unknown type {dtype!r}")
    for numbers in (shape, offsets):
        if not isinstance(numbers, list) or not all(type(n) is int and n >= 0 for n in numbers):
            raise ValueError(f"{name!r}: {numbers!r} are not whole numbers")
    if len(offsets) != 2:
        raise ValueError(f"{name!r} has {len(offsets)} data_offsets")
    return dtype, tuple(shape), (offsets[0], offsets[1])


def _check_layout(tensors: Mapping[str, _Tensor], room: int) -> None:
    """Every tensor is as long as its shape says; one begins where another ends, up to `room`."""
    reached = 0
    for name, (dtype, shape, (start, end)) in sorted(tensors.items(), key=lambda t: t[1][2]):
        if end - start != math.prod(shape) * ITEM_BYTES[dtype]:
            raise ValueError(f"{name!r} of shape {list(shape)} does not take {end - start} bytes")
        if start != reached:
            raise ValueError(f"{name!r} begins at byte {start}, not {reached}")
        reached = end
    if reached != room:
        raise ValueError(f"the tensors take {reached:,} bytes and the file has {room:,}")
