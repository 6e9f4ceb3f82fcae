"""The files of a model folder: their names, and reading the small ones."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agekit.atomic import written
from agekit.errors import ModelError, one_line

__all__ = [
    "CARD",
    "CONFIG",
    "EVAL_RESULTS",
    "METRICS",
    "ONNX",
    "ONNX_NAME",
    "SMALL_FILE",
    "WEIGHTS",
    "copy_files",
    "graph_file",
    "is_graph",
    "model_folder",
    "small_text",
    "tensor_types",
    "wrap_os_error",
]

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
CARD = "README.md"
METRICS = "metrics.json"
ONNX = ".onnx"
"""The ending of the files that ONNX Runtime takes."""
EVAL_RESULTS = ".eval_results"
"""The folder the Hub reads evaluation results from."""
_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
SMALL_FILE = 1_000_000
"""The most bytes a file of JSON or text may have."""
ONNX_NAME = r"^model(-[a-z0-9]{1,20})?\.onnx$"


def graph_file(way: str | None = None, stem: str = "model") -> str:
    """The name of the file of a graph; `way` is which direction of an ager."""
    return f"{stem}-{way}{ONNX}" if way else stem + ONNX


def is_graph(name: str) -> bool:
    """True for the name that an ONNX file has in a model folder."""
    return re.fullmatch(ONNX_NAME, name) is not None


def model_folder(path: Path) -> Path | None:
    """The model folder that a run folder or a model folder holds or is; None where there is none.

    Args:
        path: any path.
    """
    for folder in (path, path / "model"):
        if (folder / CONFIG).is_file():
            return folder
    return None


def small_text(path: Path) -> str:
    """The text of a small file; a large one is not read.

    Raises:
        OSError: it is too large, or cannot be read.
        UnicodeDecodeError: it is not UTF-8.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > SMALL_FILE:
            raise OSError(f"it has more than {SMALL_FILE:,} bytes")
        return file.read(size).decode("utf-8")


def tensor_types(path: Path) -> dict[str, str]:
    """The types of a file's tensors as its header says, such as ``F32``, by name.

    The library checks the header: its tensors fill the file, and none lies over another.

    Raises:
        ModelError: it cannot be read, is a pickle, or is not whole.
    """
    from safetensors import SafetensorError, safe_open

    hint = "fetch or write the model again; agekit loads weights as safetensors only, never pickles"
    try:
        with open(path, "rb") as file:
            start = file.read(4)
        if start.startswith(_PICKLES):
            raise ModelError(f"{path} is a pickle or a zip archive, not safetensors", hint)
        with safe_open(path, "numpy") as tensors:
            return {name: tensors.get_slice(name).get_dtype() for name in tensors.keys()}  # noqa: SIM118
    except OSError as error:
        raise ModelError(
            f"cannot read the weights {path}: {error.strerror or error}", hint
        ) from error
    except SafetensorError as error:
        reason = one_line(error).removeprefix("Error while deserializing header: ")
        raise ModelError(f"{path} is not safetensors, or is damaged: {reason}", hint) from error


def copy_files(folder: Path, names: Iterable[str], target: Path, force: bool = False) -> None:
    """Copies files, each whole, the configuration last: what was cut short is no model.

    Args:
        folder: where they are.
        names: plain file names.
        target: the folder to put them into; it is made.
        force: replace other files of these names.

    Raises:
        ModelError: another file is there, or one cannot be read or written.
    """
    ordered = sorted(names, key=lambda name: name == CONFIG)
    for name in ordered:
        there = target / name
        with wrap_os_error(there):
            if not force and there.exists() and not _same(there, folder / name):
                raise ModelError(f"{there} is another file", "use --force to replace it")
    for name in ordered:
        with wrap_os_error(target / name), written(target / name) as aside:
            shutil.copyfile(folder / name, aside)


@contextmanager
def wrap_os_error(path: Path) -> Iterator[None]:
    """Makes an OSError while `path` is written an error for people.

    Raises:
        ModelError: there was one.
    """
    try:
        yield
    except OSError as error:
        raise ModelError(
            f"cannot write {path}: {error.strerror or error}", "check its folder, and the room left"
        ) from error


def _same(one: Path, two: Path) -> bool:
    return one.stat().st_size == two.stat().st_size and one.read_bytes() == two.read_bytes()
