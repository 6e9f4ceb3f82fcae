"""Any timm model as a backbone: ``timm/<model>``, or ``timm/hf-hub:org/name`` from the Hub."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import timm
from huggingface_hub import file_exists, try_to_load_from_cache
from timm.models import load_model_config_from_hf
from torch import nn

from agekit.errors import ConfigError, UnknownNameError, nearest, one_line
from agekit.kinds import HUB_PREFIX, TIMM_PREFIX
from agekit.recipe import PartConfig
from agekit.tasks.estimator.recipe import is_pretrained

__all__ = ["own_images", "stored_backbone", "timm_backbone"]

_HUB = HUB_PREFIX.removeprefix(TIMM_PREFIX)
_REPOSITORY = re.compile(r"hf-hub:([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")
_WEIGHT_SOURCES = (
    "cache_dir",
    "checkpoint_path",
    "pretrained_cfg",
    "pretrained_cfg_overlay",
    "pretrained_model_args",
)


def timm_backbone(model: str, *, pretrained: bool | None = None, **arguments: Any) -> nn.Module:
    """Builds a timm model without its classifier: images (N, 3, H, W) to features (N, F).

    Args:
        model: timm's name, with or without a tag, or ``hf-hub:org/name[@revision]``, a repository
            of the Hub that holds a timm model.
        pretrained: start from timm's weights (fetched from the Hub once); of a repository of the
            Hub, always.
        arguments: passed on to ``timm.create_model``.

    Raises:
        UnknownNameError: timm has no such model.
        ConfigError: an argument names a file of weights, which timm may unpickle; the repository
            cannot be read, or has no weights as safetensors.
    """
    if refused := [name for name in _WEIGHT_SOURCES if name in arguments]:
        raise ConfigError(
            f"timm/{model} does not take {', '.join(refused)} here",
            "use pretrained: true for timm's own weights, or --init MODEL",
        )
    fetched = model.startswith(_HUB)
    if fetched and pretrained is False:
        raise UnknownNameError(
            f"timm has no model {model!r} without the weights of the Hub",
            "leave out pretrained: false, or name the architecture, timm/<model>",
        )
    name = _hub_config(model)[1] if fetched else model.split(".")[0]
    if not timm.is_model(name):
        raise UnknownNameError(
            f"timm has no model {name!r}{nearest(name, timm.list_models())}",
            "list them with: python -c \"import timm; print(*timm.list_models(), sep='\\n')\"",
        )
    if fetched and not _has_safetensors(model):
        raise ConfigError(
            f"timm/{model} has no model.safetensors: its weights could only be unpickled",
            "name a repository that has",
        )
    weights = fetched or bool(pretrained)
    network: nn.Module = timm.create_model(model, pretrained=weights, num_classes=0, **arguments)
    return network


def own_images(backbone: PartConfig) -> dict[str, Any]:
    """The images timm's weights take: size, mean and std; empty where a backbone has none of them.

    Raises:
        ConfigError: the repository of the Hub cannot be read.
    """
    if not backbone.type.startswith(TIMM_PREFIX) or not is_pretrained(backbone):
        return {}
    model = backbone.type.removeprefix(TIMM_PREFIX)
    if model.startswith(_HUB):
        config = _hub_config(model)[0]
    else:
        found = timm.get_pretrained_cfg(model) if timm.is_model(model.split(".")[0]) else None
        config = {} if found is None else asdict(found)
    own: dict[str, Any] = {key: tuple(config[key]) for key in ("mean", "std") if config.get(key)}
    shape: Sequence[int] = config.get("input_size") or ()
    if len(shape) == 3 and shape[1] == shape[2]:
        own["size"] = shape[2]
    return own


def stored_backbone(backbone: PartConfig) -> PartConfig:
    """A backbone as a model's configuration names it: with its weights beside, none is fetched.

    Raises:
        ConfigError: the repository of the Hub cannot be read.
    """
    if backbone.type.startswith(HUB_PREFIX):
        _, architecture, arguments = _hub_config(backbone.type.removeprefix(TIMM_PREFIX))
        own = {**(arguments or {}), **backbone.arguments, "pretrained": False}
        return PartConfig.model_validate({"type": TIMM_PREFIX + architecture, **own})
    if "pretrained" not in backbone.arguments:
        return backbone
    return backbone.model_copy(update={"pretrained": False})


@lru_cache(maxsize=8)
def _hub_config(model: str) -> tuple[dict[str, Any], str, dict[str, Any] | None]:
    """The configuration of its weights, the architecture and its arguments, from the Hub."""
    if not _REPOSITORY.fullmatch(model):
        raise ConfigError(
            f"timm/{model} is no repository of the Hub",
            f"write timm/{_HUB}org/name, with @revision or without",
        )
    try:
        config, architecture, arguments = load_model_config_from_hf(model.removeprefix(_HUB))
    except Exception as error:
        raise ConfigError(
            f"timm/{model} cannot be read from the Hub: {type(error).__name__}: {one_line(error)}",
            "see that the repository is there and holds a timm model, and that the Hub can be "
            "reached (HF_ENDPOINT, HF_HUB_OFFLINE, HF_TOKEN)",
        ) from error
    if odd := [name for name in _WEIGHT_SOURCES if name in (arguments or {})]:
        raise ConfigError(f"timm/{model}: its config.json names a file of weights ({odd[0]})")
    return config, architecture, arguments


def _has_safetensors(model: str) -> bool:
    match = _REPOSITORY.fullmatch(model)
    assert match is not None
    repository, revision = match.groups()
    cached = try_to_load_from_cache(repository, "model.safetensors", revision=revision)
    return isinstance(cached, str) or file_exists(
        repository, "model.safetensors", revision=revision
    )
