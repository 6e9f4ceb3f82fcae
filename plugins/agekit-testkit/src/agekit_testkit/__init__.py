"""Tools for the authors of plugins: a check of each kind of part, and more for their tests.

`agekit_testkit.doctor` and `agekit_testkit.scaffold` are the commands `agekit plugins doctor` and
`agekit plugins new`. For tests that need more than a part checked, `agekit_testkit.hub` is a Hub on
this machine, `agekit_testkit.models` writes models that nobody trained, `agekit_testkit.results`
the results of cells that nobody ran.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agekit_testkit.checks.augment import check_augment
    from agekit_testkit.checks.backbone import check_backbone
    from agekit_testkit.checks.command import check_command
    from agekit_testkit.checks.dataset import check_dataset
    from agekit_testkit.checks.detector import check_detector
    from agekit_testkit.checks.evolver import check_evolver
    from agekit_testkit.checks.generator import check_generator
    from agekit_testkit.checks.head import check_head
    from agekit_testkit.checks.loss import check_loss
    from agekit_testkit.checks.plugin import check_plugin
    from agekit_testkit.checks.process import train_briefly
    from agekit_testkit.checks.recipe import check_recipe
    from agekit_testkit.checks.task import check_task
    from agekit_testkit.checks.training_parts import check_hook, check_optimizer, check_schedule

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
        return getattr(import_module(f"{__name__}.checks.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
