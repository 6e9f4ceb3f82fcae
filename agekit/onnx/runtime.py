"""Exported models run by ONNX Runtime: no torch is needed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agekit._paths import expand_user
from agekit.errors import ConfigError, ModelError, one_line
from agekit.extras import package_module
from agekit.inference.face import Chip, Face
from agekit.inference.model import PredictorBase
from agekit.onnx.card import EXTRA, INPUT, METADATA, OnnxCard, parse_card
from agekit.zoo.files import model_folder
from agekit.zoo.locate import locate, tell_licence

__all__ = ["MOST_BYTES", "SUFFIX", "OnnxPredictor", "find_exported", "load_onnx", "open_session"]

SUFFIX = ".onnx"
MOST_BYTES = 2_000_000_000
"""The most that one ONNX file can hold, about."""
ERRORS_ONLY = 3


class OnnxPredictor(PredictorBase):
    """An exported estimator ready to use.

    Args:
        session: of ONNX Runtime.
        card: what the model says of itself.
    """

    def __init__(self, session: Any, card: OnnxCard) -> None:
        super().__init__(card.name, card.face, card.size, card.level, "cpu")
        self.card = card
        self._session = session
        low, high = card.ages or (0, 0)
        self._labels = tuple(range(low, high + 1)) if "distribution" in card.outputs else ()

    def estimate(self, chips: Sequence[Chip]) -> list[Face]:
        """The age of each chip."""
        names = list(self.card.outputs)
        pixels = np.stack([chip.pixels for chip in chips])
        found = self._session.run(names, {INPUT: pixels})
        rows = [column.tolist() for column in found]
        if not self._labels:
            rows.append([None] * len(chips))
        return [
            chip.face(age, (low, high), self._labels, p)
            for chip, age, low, high, p in zip(chips, *rows, strict=True)
        ]


def load_onnx(model: str | Path, device: str = "auto") -> OnnxPredictor:
    """Loads an exported estimator.

    Args:
        model: see `find_exported`.
        device: ``auto`` and ``cpu`` are the CPU; ``cuda`` or ``cuda:N`` need onnxruntime-gpu.

    Raises:
        ConfigError: ONNX Runtime is not installed, or cannot use that device.
        ModelError: there is no such model, it is damaged, an ager, or not made by agekit.
    """
    path = find_exported(model)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ModelError(f"{path} is too large: 2 GB are the most")
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    session = open_session(data, str(path), device)
    known = session.get_modelmeta().custom_metadata_map
    card = parse_card(known.get(METADATA), str(path))
    tell_licence(card.name, card.licence)
    if card.task != "estimator":
        raise ModelError(
            f"{path} is an ager, not an estimator",
            "run it with onnxruntime yourself, or the model folder with `agekit age`",
        )
    _check_shapes(session, card, path)
    return OnnxPredictor(session, card)


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
    if path.suffix == SUFFIX:
        raise ModelError(f"there is no file {str(path)!r}", "make it with `agekit export MODEL`")
    folder = path if path.is_dir() and model_folder(path) is None else locate(model)
    found = sorted(folder.glob(f"*{SUFFIX}"))
    if folder / f"model{SUFFIX}" in found:
        return folder / f"model{SUFFIX}"
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise ModelError(f"{folder} holds several exported models: {names}", "give one of them")
    if not found:
        raise ModelError(
            f"the model {str(model)!r} was not exported yet",
            f"`agekit export {model} --format onnx`, then give the .onnx file",
        )
    return found[0]


def _check_shapes(session: Any, card: OnnxCard, path: Path) -> None:
    """Makes sure that the graph takes and gives what the card says."""
    takes = [(i.name, i.type, i.shape[1:]) for i in session.get_inputs()]
    gives = {o.name: list(o.shape[1:]) for o in session.get_outputs()}
    span = [] if card.ages is None else [card.ages[1] - card.ages[0] + 1]
    wanted: dict[str, list[int]] = {"age": [], "low": [], "high": []}
    if "distribution" in card.outputs:
        wanted["distribution"] = span
    sound = takes == [(INPUT, "tensor(uint8)", [card.size, card.size, 3])]
    if not sound or gives != wanted or list(card.outputs) != list(wanted) or not span:
        raise ModelError(
            f"{path}: the graph does not take and give what its description says",
            "export it again with `agekit export MODEL --format onnx`",
        )


def open_session(model: bytes, name: str, device: str = "cpu") -> Any:
    """A model ready to run, on all cores; its threads sleep while they wait for each other.

    They share the cores with those that decode images, which spinning would take time from.

    Args:
        model: the bytes of an ONNX file; nothing outside of them is read.
        name: what to call it in errors.
        device: ``auto`` and ``cpu`` are the CPU; ``cuda`` or ``cuda:N``.

    Raises:
        ConfigError: ONNX Runtime is not installed, or cannot use that device.
        ModelError: it is no model that ONNX Runtime can run.
    """
    runtime = package_module("onnxruntime", "onnxruntime", EXTRA)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = _cores()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = ERRORS_ONLY
    providers = _providers(runtime, device)
    try:
        return runtime.InferenceSession(model, options, providers=providers)
    except Exception as error:
        raise ModelError(
            f"{name} is not a model that ONNX Runtime can run: {one_line(error)}",
            "it may be damaged: export it again",
        ) from error


def _providers(runtime: Any, device: str) -> list[Any]:
    if device in ("auto", "cpu"):
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in runtime.get_available_providers():
        raise ConfigError(
            f"this ONNX Runtime cannot compute on {device}",
            "use --device cpu, or install onnxruntime-gpu instead of onnxruntime",
        )
    number = int(device.partition(":")[2] or 0)
    return [("CUDAExecutionProvider", {"device_id": number}), "CPUExecutionProvider"]


def _cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
