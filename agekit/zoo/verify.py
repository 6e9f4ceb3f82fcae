"""The verification of a model: its files against its entry, its outputs against the recorded."""

from __future__ import annotations

import logging
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from agekit.data.digests import hash_file
from agekit.errors import AgekitError, MissingLibraryError, ModelError, one_line
from agekit.extras import require
from agekit.zoo.check import graph_outputs, outputs
from agekit.zoo.config import ModelConfig
from agekit.zoo.entry import FileRecord, ZooEntry
from agekit.zoo.files import CONFIG, WEIGHTS, tensor_types
from agekit.zoo.folder import load_network, read_config
from agekit.zoo.graphs import open_listed
from agekit.zoo.requires import missing

__all__ = ["FileProblem", "check_files", "verify"]

_log = logging.getLogger(__name__)
FLOATING = frozenset({"F16", "BF16", "F32", "F64"})


class FileProblem(NamedTuple):
    """One thing that is wrong.

    Args:
        file: the name of the file at fault.
        text: what is wrong with it, in one line.
    """

    file: str
    text: str


def verify(folder: Path, entry: ZooEntry | None) -> list[FileProblem]:
    """Verifies a model folder; fetches nothing.

    In this order, and no further than the first step that finds something: the size and SHA-256 of
    every file against the entry; the header of the weights; the configuration against its schema
    and the entry; the names, shapes and kinds of the tensors against the network that the
    configuration's parts make, and that every value is a number; what the network makes of a fixed
    input against what it made when the entry was written. Without torch the last two are left
    out, which is warned of.

    Args:
        folder: a model folder.
        entry: what it must be; None leaves out what only an entry knows.

    Returns:
        What is wrong; empty if nothing is.
    """
    if entry is not None and (problems := list(check_files(folder, entry.files))):
        return problems
    try:
        types = tensor_types(folder / WEIGHTS)
    except ModelError as error:
        return [FileProblem(WEIGHTS, error.message)]
    try:
        config = read_config(folder)
    except ModelError as error:
        return [FileProblem(CONFIG, error.message)]
    if entry is not None and (config.task, config.parameters) != (entry.task, entry.parameters):
        return [
            FileProblem(
                CONFIG,
                f"it is of an {config.task} of {config.parameters:,} parameters, the entry of an "
                f"{entry.task} of {entry.parameters:,}",
            )
        ]
    if problems := list(_check_graphs(folder, config, entry)):
        return problems
    if reason := _without_network(config):
        _log.warning("%s: the network is not verified: %s", folder.name, reason)
        return []
    if lacking := missing(config.requires):
        names = ", ".join(map(repr, lacking))
        return [FileProblem(CONFIG, f"it needs {names}, which is not installed here")]
    return list(_check_network(folder, types, entry))


def _without_network(config: ModelConfig) -> str:
    """Why a sound model's network cannot be looked at here; empty where it can, or must be."""
    try:
        require("torch", "the network")
    except MissingLibraryError as error:
        return f"{error.message} ({error.hint})"
    lacking = missing(config.requires) if config.onnx_sha256 else []
    return f"it needs {', '.join(lacking)}, not installed here" if lacking else ""


def check_files(folder: Path, files: Mapping[str, FileRecord]) -> Iterator[FileProblem]:
    """Compares files with what they must be.

    Args:
        folder: where they lie.
        files: by plain file name.
    """
    for name, record in files.items():
        path = folder / name
        try:
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):
                yield FileProblem(name, "it is not a file")
            elif found.st_size != record.size:
                yield FileProblem(name, f"it has {found.st_size:,} bytes, not {record.size:,}")
            elif (digest := hash_file(path)) != record.sha256:
                yield FileProblem(name, f"its SHA-256 is {digest}, not {record.sha256}")
        except FileNotFoundError:
            yield FileProblem(name, "it is missing")
        except OSError as error:
            yield FileProblem(name, f"it cannot be read: {error.strerror}")


def _check_network(
    folder: Path, dtypes: Mapping[str, str], entry: ZooEntry | None
) -> Iterator[FileProblem]:
    try:
        network, config = load_network(folder)
    except ModelError as error:
        yield FileProblem(WEIGHTS, error.message)
        return
    count = sum(parameter.numel() for parameter in network.parameters())
    if entry is not None and count != entry.parameters:
        yield FileProblem(CONFIG, f"its network has {count:,} parameters, not {entry.parameters:,}")
    older = {
        f"{path}.{name}".lstrip(".")
        for path, module in network.named_modules()
        for name in getattr(module, "may_lack", ())
    }
    for name, value in network.state_dict().items():
        if name not in dtypes:
            if name not in older:
                yield FileProblem(WEIGHTS, f"{name} is missing")
        elif (dtypes[name] in FLOATING) != value.dtype.is_floating_point:
            yield FileProblem(
                WEIGHTS, f"{name} is of type {dtypes[name]}, the network's {value.dtype}"
            )
        elif not value.isfinite().all():
            yield FileProblem(WEIGHTS, f"{name} holds values that are not numbers")
    if entry is None or entry.check is None:
        return
    try:
        found = outputs(network, config)
    except (RuntimeError, ValueError) as error:
        yield FileProblem(CONFIG, f"the network fails on the fixed input: {one_line(error)}")
        return
    yield from _compare(WEIGHTS, found, entry.check.outputs, entry.check.tolerance)


def _check_graphs(
    folder: Path, config: ModelConfig, entry: ZooEntry | None
) -> Iterator[FileProblem]:
    """The faults of the ONNX files: other bytes, another model, other outputs."""
    for name in config.onnx_sha256:
        try:
            open_listed(folder, config, name)
        except AgekitError as error:
            yield FileProblem(name, error.message)
            return
    if entry is not None and entry.check is not None and entry.check.onnx:
        found = graph_outputs(folder, config)
        [first] = [*config.onnx_sha256][:1] or [CONFIG]
        yield from _compare(first, found, entry.check.onnx, entry.check.tolerance)


def _compare(
    file: str,
    found: Mapping[str, list[float]],
    recorded: Mapping[str, list[float]],
    tolerance: float,
) -> Iterator[FileProblem]:
    if {k: len(v) for k, v in found.items()} != {k: len(v) for k, v in recorded.items()}:
        yield FileProblem(file, "the entry's check is of another kind of model")
        return
    for name, values in found.items():
        apart = [abs(a - b) for a, b in zip(values, recorded[name], strict=True)]
        if not all(difference <= tolerance for difference in apart):
            yield FileProblem(
                file,
                f"on the fixed input its {name} differs by {max(apart):.4g} from what was "
                f"recorded; at most {tolerance:g} is allowed",
            )
