"""What the authors of plugins test with: what agekit asks of each kind of part."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agekit.testing.augment import check_augment
    from agekit.testing.backbone import check_backbone
    from agekit.testing.command import check_command
    from agekit.testing.dataset import check_dataset
    from agekit.testing.detector import check_detector
    from agekit.testing.evolver import check_evolver
    from agekit.testing.generator import check_generator
    from agekit.testing.head import check_head
    from agekit.testing.loss import check_loss
    from agekit.testing.plugin import check_plugin
    from agekit.testing.process import train_briefly
    from agekit.testing.recipe import check_recipe
    from agekit.testing.task import check_task
    from agekit.testing.training_parts import check_hook, check_optimizer, check_schedule

__all__ = [
    "check_augment",
    "check_backbone",
    "check_command",
    "check_dataset",
    "check_detector",
    "check_evolver",
    "check_generator",
    "check_head",
    "check_hook",
    "check_loss",
    "check_optimizer",
    "check_plugin",
    "check_recipe",
    "check_schedule",
    "check_task",
    "train_briefly",
]

_TRAINING = ("check_hook", "check_optimizer", "check_schedule")
_ELSEWHERE = {"train_briefly": "process", **dict.fromkeys(_TRAINING, "training_parts")}


def __getattr__(name: str) -> Any:
    if name in __all__:
        module = _ELSEWHERE.get(name, name.removeprefix("check_"))
        return getattr(import_module(f"agekit.testing.{module}"), name)
    raise AttributeError(f"module 'agekit.testing' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
