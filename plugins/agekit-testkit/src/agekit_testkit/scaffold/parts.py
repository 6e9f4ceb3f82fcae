"""The kinds of parts that a new plugin can begin with, and what each needs beside its templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["PARTS", "Template"]

_REGRESSION = "agekit-regression"


@dataclass(frozen=True)
class Template:
    """A new plugin with one part, as `agekit plugins new` writes it.

    Args:
        needs: the distribution that its recipe takes parts of, or "".
        tests_need: the same of its tests.
        extra: the extra of agekit-core that its own code needs, or "".
        usage: the command that tries it out; ``{}`` is the part's name.
        target: what its entry point names; "" for its class.
    """

    needs: str = ""
    tests_need: str = ""
    extra: str = ""
    usage: str = "agekit train {}-resnet10-tiny synthfaces --preset quick"
    target: str = ""


PARTS: Mapping[str, Template] = {
    "backbone": Template(
        tests_need=_REGRESSION,
        extra="torch",
        usage="agekit train reg-{} synthfaces --preset quick",
    ),
    "head": Template(_REGRESSION),
    "loss": Template(_REGRESSION),
    "augment": Template(
        tests_need=_REGRESSION,
        usage='agekit train reg-resnet10-tiny synthfaces --set "data.augments=[{{type: {}}}]"',
    ),
    "dataset": Template(tests_need=_REGRESSION, usage="agekit data check {} --root DIR"),
    "detector": Template(
        usage="agekit data prepare folder --root DIR --detector {} --out CHIPS",
    ),
    "evolver": Template(_REGRESSION),
    "generator": Template(
        "agekit-cyclegan",
        usage="agekit train {} synthfaces --preset quick --domains 20-29,50-69",
    ),
    "optimizer": Template(
        tests_need=_REGRESSION,
        usage='agekit train reg-resnet10-tiny synthfaces --set "train.optimizer={{type: {}}}"',
    ),
    "schedule": Template(
        tests_need=_REGRESSION,
        extra="train",
        usage='agekit train reg-resnet10-tiny synthfaces --set "train.schedule={{type: {}}}"',
        target="schedule",
    ),
    "recipe": Template(_REGRESSION),
    "command": Template(usage="agekit {} synthfaces", target="command"),
}
"""Kind of part → what it needs; its files are those of ``templates/<kind>``."""
