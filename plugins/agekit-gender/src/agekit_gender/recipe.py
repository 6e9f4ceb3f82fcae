"""The schema of a gender classifier's recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from agekit.plugin import DataConfig, PartConfig, Recipe

__all__ = ["GenderRecipe"]


class GenderRecipe(Recipe):
    """A recipe of a gender classifier with its backbone chosen and its preset applied."""

    parts: ClassVar[Mapping[str, str]] = {"backbone": "backbone"}
    open_part: ClassVar[str] = "backbone"
    example: ClassVar[str] = "resnet18"
    sections: ClassVar[Mapping[str, Any]] = {"data": {"augment": {}}}

    kind: Literal["gender"] = "gender"
    backbone: PartConfig
    data: DataConfig = DataConfig()
