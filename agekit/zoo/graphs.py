"""The ONNX files of a model folder: made and checked with the model, found and opened to run it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agekit._paths import expand_user, nearest_path
from agekit.atomic import write_bytes, write_text
from agekit.data.digests import hash_file
from agekit.data.notes import tell
from agekit.discovery import core_version
from agekit.errors import AgekitError, ConfigError, ModelError
from agekit.extras import package_module
from agekit.onnx.card import EXTRA, INPUT, METADATA, OnnxCard, OnnxGraph, parse_card
from agekit.onnx.session import MOST_BYTES, open_session
from agekit.registry import TASKS
from agekit.task import Task
from agekit.zoo.config import ModelConfig
from agekit.zoo.files import CONFIG, ONNX, WEIGHTS, graph_file, model_folder, small_text
from agekit.zoo.folder import licence_of, read_config
from agekit.zoo.locate import locate
from agekit.zoo.names import plain_name

if TYPE_CHECKING:
    from agekit.onnx.program import CheckedGraph

__all__ = [
    "VARIABLE",
    "Reduce",
    "add_graphs",
    "carry_graphs",
    "check_outputs",
    "described_graphs",
    "find_exported",
    "open_graph",
    "open_listed",
]

Reduce = Callable[[OnnxGraph, OnnxCard, "CheckedGraph"], "CheckedGraph"]
VARIABLE = "AGEKIT_ONNX"
"""Set to 0, models are trained and published without ONNX files."""


def described_graphs(folder: Path, *, embeddings: bool = False) -> list[tuple[OnnxGraph, OnnxCard]]:
    """The graphs of a model, each with what it says of itself.

    Args:
        folder: of the model.
        embeddings: whether its pooled features are to be an output.

    Raises:
        ConfigError: a package is not installed, or models of its task have none.
        ModelError: the model is damaged.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        package_module(package, package, EXTRA)
    from agekit.onnx.program import OPSET

    config: ModelConfig = read_config(folder)
    task: Task = TASKS.get(config.task)
    if task.graphs is None:
        raise ConfigError(f"{folder} is {task.title}, which is not exported as ONNX")
    graphs = task.embedding_graphs if embeddings else task.graphs
    if graphs is None:
        raise ConfigError(f"{folder} is {task.title}, which has no embedding", "leave it out")
    size = config.image.size
    common: dict[str, Any] = {
        "task": task.name,
        "name": plain_name(config.name),
        "size": size,
        "face": config.face,
        "licence": licence_of(config),
        "source": {WEIGHTS: config.weights_sha256 or hash_file(folder / WEIGHTS)},
        "made_by": {
            "agekit": core_version(),
            **{name: version(name) for name in ("torch", "onnxscript")},
        },
        "opset": OPSET,
    }
    pixels = {INPUT: f"uint8 (N, {size}, {size}, 3), RGB"}
    return [
        (
            one,
            OnnxCard(
                **common,
                inputs=pixels | {name: what for name, (what, _) in one.more.items()},
                outputs=dict(one.outputs),
                inside=one.inside,
                **one.about,
            ),
        )
        for one in graphs(folder)
    ]


def add_graphs(folder: Path, reduce: Reduce | None = None) -> list[str]:
    """Writes the ONNX files of a model into its folder, and their hashes into ``config.json``.

    Args:
        folder: of the model.
        reduce: makes a checked graph smaller before it is written.

    Returns:
        Their names.

    Raises:
        ConfigError: see `described_graphs`.
        ModelError: see `described_graphs` and `make_graph`; then nothing is written.
    """
    described, made = described_graphs(folder), {}
    from agekit.onnx.program import make_graph

    for graph, card in described:
        checked = make_graph(graph, card)
        checked = reduce(graph, card, checked) if reduce else checked
        made[graph_file(graph.about.get("to"))] = checked.data
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in made.items()}
    for name, data in made.items():
        write_bytes(folder / name, data)
    # Last: what is not named here is no part of the model.
    config = json.loads(small_text(folder / CONFIG)) | {"onnx_sha256": hashes}
    write_text(folder / CONFIG, json.dumps(config, indent=1, ensure_ascii=False) + "\n")
    return [*made]


def carry_graphs(folder: Path, reduce: Reduce | None = None) -> None:
    """As `add_graphs`; says where a model has to do without, which runs by torch alone then."""
    if os.environ.get(VARIABLE) == "0":
        return
    try:
        add_graphs(folder, reduce)
    except AgekitError as error:
        hint = f" ({error.hint})" if error.hint else ""
        tell(f"the model carries no ONNX file and runs by torch alone: {error.message}{hint}")


def open_listed(
    folder: Path, config: ModelConfig, name: str = f"model{ONNX}", device: str = "cpu"
) -> tuple[Any, OnnxCard]:
    """A session of an ONNX file that a model's configuration lists, and its card.

    Args:
        folder: of the model.
        config: its configuration.
        name: of the file.
        device: see `open_session`.

    Raises:
        ConfigError: see `open_session`.
        ModelError: it lists none; the file is missing, damaged, or of another model.
    """
    if name not in config.onnx_sha256:
        raise _not_exported(folder)
    session, card = open_graph(folder / name, device, config.onnx_sha256[name])
    others = config.weights_sha256 not in (None, card.source.get(WEIGHTS))
    if others or card.size != config.image.size:
        raise ModelError(
            f"{folder / name} was made of other weights than the model's",
            f"make it again with `agekit export {folder} --format onnx`, or use --runtime torch",
        )
    return session, card


def open_graph(path: Path, device: str = "cpu", sha256: str | None = None) -> tuple[Any, OnnxCard]:
    """A session of an ONNX file that agekit made, and its card.

    Args:
        path: the file.
        device: see `open_session`.
        sha256: 64 hex digits, where it is known.

    Raises:
        ConfigError: see `open_session`.
        ModelError: it cannot be read, is another or too large, was not made by agekit, or does not
            take and give what its card says.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ModelError(f"{path} is too large: 2 GB are the most")
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    found = hashlib.sha256(data).hexdigest()
    if sha256 not in (None, found):
        raise ModelError(
            f"{path} is damaged or of another model: its SHA-256 is {found}, and {CONFIG} says "
            f"{sha256}",
            "copy or fetch the whole model folder again, or use --runtime torch",
        )
    session = open_session(data, str(path), device)
    card = parse_card(session.get_modelmeta().custom_metadata_map.get(METADATA), str(path))
    takes = [(i.name, i.type, i.shape[1:]) for i in session.get_inputs()]
    gives = [o.name for o in session.get_outputs()]
    wanted = [(name, "tensor(float)", list[int]()) for name in card.inputs if name != INPUT]
    wanted.insert(0, (INPUT, "tensor(uint8)", [card.size, card.size, 3]))
    if takes != wanted or gives != [*card.outputs]:
        raise _not_as_described(path)
    return session, card


def check_outputs(path: Path, session: Any, wanted: Mapping[str, list[int]]) -> None:
    """Makes sure that a graph gives these outputs, each of N rows of this shape, if not alone.

    Raises:
        ModelError: it does not.
    """
    gives = {o.name: [*o.shape[1:]] for o in session.get_outputs()}
    if not wanted or any(gives.get(name) != shape for name, shape in wanted.items()):
        raise _not_as_described(path)


def find_exported(model: str | Path) -> Path:
    """The exported file that a name means.

    Args:
        model: a file ending in .onnx; or whatever else names a model, or any folder, that holds
            one: ``model.onnx``, or the only one.

    Raises:
        ModelError: there is none, or several.
    """
    path = expand_user(model)
    if path.is_file():
        return path
    if path.suffix == ONNX:
        raise ModelError(
            f"there is no file {str(path)!r}{nearest_path(path)}",
            "make it with `agekit export MODEL`",
        )
    folder = path if path.is_dir() and model_folder(path) is None else locate(model)
    found = sorted(folder.glob(f"*{ONNX}"))
    if folder / graph_file() in found:
        return folder / graph_file()
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise ModelError(f"{folder} holds several exported models: {names}", "give one of them")
    if not found:
        raise _not_exported(model)
    return found[0]


def _not_exported(model: str | Path) -> ModelError:
    return ModelError(
        f"the model {str(model)!r} was not exported yet",
        f"`agekit export {model} --format onnx`, then give the .onnx file",
    )


def _not_as_described(path: Path) -> ModelError:
    return ModelError(
        f"{path}: the graph does not take and give what its description says",
        "export it again with `agekit export MODEL --format onnx`",
    )
