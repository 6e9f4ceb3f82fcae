"""The model folder: written whole by training, read by everything."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from agekit._loading import one_line
from agekit.atomic import write_bytes, write_text
from agekit.errors import AgekitError, ModelError
from agekit.estimator.build import build_network
from agekit.estimator.model import AgeEstimator
from agekit.zoo.config import ModelConfig

__all__ = [
    "CARD",
    "CONFIG",
    "METRICS",
    "WEIGHTS",
    "find_model",
    "load_model",
    "read_config",
    "save_model",
]

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
CARD = "README.md"
METRICS = "metrics.json"


def save_model(
    folder: Path,
    network: AgeEstimator,
    config: ModelConfig,
    metrics: Mapping[str, Any],
    card: str,
) -> None:
    """Writes a model folder aside and puts it in place whole, replacing one that is there."""
    aside = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    weights = {name: value.contiguous().cpu() for name, value in network.state_dict().items()}
    write_bytes(aside / WEIGHTS, save(weights, metadata={"format": "pt"}))
    write_text(aside / CONFIG, config.model_dump_json(indent=1) + "\n")
    write_text(aside / METRICS, json.dumps(metrics, indent=1) + "\n")
    write_text(aside / CARD, card)
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    aside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def find_model(name: str | Path) -> Path:
    """The model folder that a run folder or a model folder is or holds.

    Raises:
        ModelError: there is none.
    """
    path = Path(name).expanduser()
    for folder in (path, path / "model"):
        if (folder / CONFIG).is_file():
            return folder
    if (path / "run.json").exists():
        raise ModelError(
            f"the run {path} has no model yet: it is not finished",
            f"finish it with `agekit train --resume {path}`",
        )
    raise ModelError(
        f"there is no model {str(name)!r}: neither a model folder nor a run folder",
        "give the folder that `agekit train` printed",
    )


def read_config(folder: Path) -> ModelConfig:
    """A model folder's configuration.

    Raises:
        ModelError: it is missing or not valid.
    """
    path = folder / CONFIG
    try:
        return ModelConfig.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot read {path}: {error}") from error
    except ValidationError as error:
        lines = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'the file'}: {e['msg']}" for e in error.errors()[:5]
        )
        raise ModelError(
            f"{path} is not a valid model configuration: {lines}",
            "it may be damaged, or from a newer agekit: `pip install -U agekit`",
        ) from error


def load_model(
    folder: Path, device: torch.device | str = "cpu"
) -> tuple[AgeEstimator, ModelConfig]:
    """The network of a model folder, ready to estimate, and its configuration.

    Raises:
        ModelError: a file is missing, damaged, or does not fit the others.
    """
    config = read_config(folder)
    backbone = config.backbone
    if "pretrained" in backbone.arguments:
        backbone = backbone.model_copy(update={"pretrained": False})
    try:
        network = build_network(
            backbone,
            config.heads,
            config.ages,
            config.image.size,
            config.rule,
            config.interval.level,
            config.mirror,
        )
    except AgekitError as error:
        raise ModelError(f"{folder}: {error.message}", error.hint) from error
    path = folder / WEIGHTS
    try:
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise ModelError(f"cannot read the weights {path}: {one_line(error)}") from error
    except RuntimeError as error:
        reason = textwrap.shorten(one_line(error), 300, placeholder=" ...")
        raise ModelError(f"the weights {path} do not fit {folder / CONFIG}: {reason}") from error
    network.margin = config.interval.margin
    return network.to(device).to(memory_format=torch.channels_last).eval(), config
