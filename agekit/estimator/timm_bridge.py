"""Any timm model as a backbone: ``timm/<model>``."""

from __future__ import annotations

import timm
from torch import nn

from agekit.errors import UnknownNameError, nearest

__all__ = ["timm_backbone"]


def timm_backbone(model: str, *, pretrained: bool = False, **arguments: object) -> nn.Module:
    """Builds a timm model without its classifier: images (N, 3, H, W) to features (N, F).

    Args:
        model: timm's name, with or without a tag.
        pretrained: start from timm's weights (fetched from the Hub once).
        arguments: passed on to ``timm.create_model``.

    Raises:
        UnknownNameError: timm has no such model.
    """
    name = model.split(".")[0]
    if not timm.is_model(name):
        raise UnknownNameError(
            f"timm has no model {name!r}{nearest(name, timm.list_models())}",
            "list them with: python -c \"import timm; print(*timm.list_models(), sep='\\n')\"",
        )
    network: nn.Module = timm.create_model(
        model, pretrained=pretrained, num_classes=0, **arguments
    )
    return network
