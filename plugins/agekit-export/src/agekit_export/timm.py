"""The backbone of a model as a folder that timm loads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import timm
import torch
from safetensors.torch import save

from agekit.atomic import write_bytes, write_text, written_folder
from agekit.errors import ConfigError, ModelError, one_line
from agekit.kinds import TIMM_PREFIX
from agekit.onnx.program import drawn_faces
from agekit.recipe import PartConfig
from agekit.zoo.config import ModelConfig
from agekit.zoo.files import CONFIG, WEIGHTS
from agekit.zoo.folder import load_network
from agekit.zoo.locate import locate

__all__ = ["ExportedBackbone", "export_timm"]

TOLERANCE = 1e-4
"""The most that a feature may differ."""


class ExportedBackbone(NamedTuple):
    """A folder that was written.

    Args:
        folder: for ``timm.create_model("local-dir:FOLDER", pretrained=True)``.
        architecture: timm's name.
        features: how many it gives.
        size: of the weights, bytes.
        difference: the largest of a feature on drawn faces from the model's.
    """

    folder: Path
    architecture: str
    features: int
    size: int
    difference: float


def export_timm(model: str | Path, out: Path | None = None) -> ExportedBackbone:
    """Writes the backbone of an estimator, without its heads, as timm keeps models.

    Args:
        model: whatever `locate` takes.
        out: the folder, which must not be there; else the model's name, in the current folder.

    Raises:
        ConfigError: the backbone is none of timm's, or `out` is there.
        ModelError: the model is damaged, or timm makes something else of it.
    """
    folder = locate(model)
    network, config = load_network(folder, task="estimator")
    out = out or Path(f"{config.name}-timm")
    if out.exists():
        raise ConfigError(f"{out} is there already", "name another folder with --out")
    backbone = network.backbone
    architecture, arguments = _architecture(config.backbone, backbone)
    about = _about(config, architecture, arguments, backbone)
    with written_folder(out) as aside:
        weights = {name: value.contiguous() for name, value in backbone.state_dict().items()}
        data = save(weights, metadata={"format": "pt"})
        write_bytes(aside / WEIGHTS, data)
        write_text(aside / CONFIG, json.dumps(about, indent=1) + "\n")
        difference = _difference(aside, backbone, config)
        if not difference <= TOLERANCE:
            raise ModelError(
                f"{config.name}: timm makes other features of it, {difference:.2g} apart: nothing "
                "written",
                "report it with the model's config.json and the version of timm",
            )
    return ExportedBackbone(out, architecture, about["num_features"], len(data), difference)


def _architecture(part: PartConfig, backbone: torch.nn.Module) -> tuple[str, dict[str, Any]]:
    """Timm's name of a backbone and the arguments it was made with.

    Raises:
        ConfigError: it is none of timm's.
    """
    name = part.type.rpartition(":")[2].removeprefix(TIMM_PREFIX).split(".")[0]
    arguments = {key: value for key, value in part.arguments.items() if key != "pretrained"}
    same = False
    if timm.is_model(name):
        made = timm.create_model(name, num_classes=0, **arguments)
        theirs, ours = made.state_dict(), backbone.state_dict()
        same = {k: v.shape for k, v in theirs.items()} == {k: v.shape for k, v in ours.items()}
    if not same:
        raise ConfigError(
            f"the backbone {part.type!r} is no model of timm's, which alone timm can load",
            f"those are called {TIMM_PREFIX}NAME, and resnet18; --format onnx takes any",
        )
    return name, arguments


def _about(
    config: ModelConfig, architecture: str, arguments: dict[str, Any], backbone: Any
) -> dict[str, Any]:
    image = config.image
    return {
        "architecture": architecture,
        "num_classes": 0,
        "num_features": int(backbone.num_features),
        "model_args": arguments,
        "pretrained_cfg": {
            "tag": "agekit",
            "custom_load": False,
            "input_size": [3, image.size, image.size],
            "fixed_input_size": False,
            "interpolation": "bilinear",
            "crop_pct": image.crop_pct,
            "crop_mode": "center",
            "mean": image.mean,
            "std": image.std,
            "num_classes": 0,
            "pool_size": None,
        },
    }


@torch.no_grad()
def _difference(folder: Path, backbone: torch.nn.Module, config: ModelConfig) -> float:
    try:
        theirs = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    except Exception as error:
        raise ModelError(
            f"this timm, {timm.__version__}, cannot load {config.name}: {one_line(error)}",
            "`pip install -U timm`",
        ) from error
    mean, std = (torch.tensor(one).view(3, 1, 1) for one in (config.image.mean, config.image.std))
    images = (drawn_faces(config.image.size).permute(0, 3, 1, 2) / 255 - mean) / std
    return float((theirs(images) - backbone(images)).abs().max())
