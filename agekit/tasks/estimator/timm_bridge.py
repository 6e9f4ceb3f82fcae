"""Any timm model as a backbone: ``timm/<model>``."""

from __future__ import annotations

from typing import Any

import timm
from torch import nn

from agekit.errors import ConfigError, UnknownNameError, nearest

__all__ = ["timm_backbone"]

_WEIGHT_SOURCES = ("cache_dir", "checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay")


def timm_backbone(model: str, *, pretrained: bool = False, **arguments: Any) -> nn.Module:
    """Builds a timm model without its classifier: images (N, 3, H, W) to features (N, F).

    Args:
        model: timm's name, with or without a tag.
        pretrained: start from timm's weights (fetched from the Hub once).
        arguments: passed on to ``timm.create_model``.

    Raises:
        UnknownNameError: timm has no such model.
        ConfigError: an argument names a file of weights, which timm may unpickle.
    """
    refused = [name for name in _WEIGHT_SOURCES if name in arguments]
    if refused:
        raise ConfigError(
            f"timm/{model} does not take {', '.join(refused)} here",
            "use pretrained: true for timm's own weights, or --init MODEL",
        )
    name = model.split(".")[0]
    if not timm.is_model(name):
        raise UnknownNameError(
            f"timm has no model {name!r}{nearest(name, timm.list_models())}",
            "list them with: python -c \"import timm; print(*timm.list_models(), sep='\\n')\"",
        )
    network: nn.Module = timm.create_model(model, pretrained=pretrained, num_classes=0, **arguments)
    return network
