"""The kinds of parts that a plugin can give, one row each, and all that the core knows of a kind.

A new kind is a row of `KINDS` and, for the authors of plugins, its check and its template in
agekit-testkit. Nothing outside the standard library is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["HUB_PREFIX", "KINDS", "TIMM_PREFIX", "Family", "Kind"]

TIMM_PREFIX = "timm/"
"""What stands before a name of timm's."""
HUB_PREFIX = f"{TIMM_PREFIX}hf-hub:"
"""What the name of a timm model in a repository of the Hub begins with."""


@dataclass(frozen=True)
class Family:
    """Names that a library gives by the hundred, and that no entry point lists.

    Args:
        pattern: of such a name, such as ``timm/<model>``.
        value: `module:function`, which takes the rest of the name first.
        title: such as "any timm network".
        names: `module:function`, imported without anything heavy, which lists them, each with the
            `module:object` whose signature is the part's; "" where they are not known before.
    """

    pattern: str
    value: str
    title: str
    names: str = ""

    @property
    def prefix(self) -> str:
        """The beginning of such a name."""
        return self.pattern.partition("<")[0]


@dataclass(frozen=True)
class Kind:
    """One kind of part.

    Args:
        name: the word for one of them; its entry-point group is ``agekit.<name>s``.
        contract: `module:Class` that each must subclass; without it a part must be callable.
        made: each is an object of that class instead, made when its module is imported.
        given: the arguments that agekit fills in itself, in their order.
        beside: the keys that a recipe writes beside a part's own arguments.
        usual: the one that is meant where a recipe names none, though it may give its arguments.
        mmengine: the root registry of mmengine that mirrors it; "" for none.
        family: a library's names among them.
        official: the distribution of agekit's own that gives most of them, where the core has none.
    """

    name: str
    contract: str | None = None
    made: bool = False
    given: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    usual: str = ""
    mmengine: str = "MODELS"
    family: Family | None = None
    official: str = ""

    @property
    def plural(self) -> str:
        """The word for several."""
        return f"{self.name}{'es' if self.name.endswith('s') else 's'}"

    @property
    def group(self) -> str:
        """The entry-point group."""
        return f"agekit.{self.plural}"


_ROWS = (
    Kind(
        "backbone",
        family=Family(
            f"{TIMM_PREFIX}<model>",
            "agekit.tasks.estimator.timm_bridge:timm_backbone",
            "any timm network",
        ),
    ),
    Kind("head", "agekit.tasks.estimator.base:Head", given=("in_features", "ages")),
    Kind("loss", "agekit.tasks.estimator.base:Loss", beside=("head", "weight")),
    Kind("augment", "agekit.data.augmentation:Augmentation", mmengine="TRANSFORMS"),
    Kind(
        "dataset",
        "agekit.data.dataset:Dataset",
        mmengine="DATASETS",
        official="agekit-datasets",
    ),
    Kind("detector", "agekit.faces.base:Detector", given=("device",)),
    Kind("evolver", "agekit.training.evolver:Evolver", mmengine="TASK_UTILS"),
    Kind("generator"),
    Kind(
        "optimizer",
        "torch.optim:Optimizer",
        given=("params",),
        beside=("layer_decay",),
        usual="SGD",
        mmengine="OPTIMIZERS",
        family=Family(
            f"{TIMM_PREFIX}<optimizer>",
            "agekit.training.libraries:timm_optimizer",
            "any optimizer of timm",
            "agekit.training.libraries:timm_names",
        ),
    ),
    Kind(
        "schedule",
        given=("span",),
        beside=("every", "factor", "warmup", "decay"),
        usual="constant",
        mmengine="",
        family=Family(
            "mmengine/<scheduler>",
            "agekit.training.libraries:mmengine_schedule",
            "any parameter scheduler of mmengine",
        ),
    ),
    Kind(
        "hook",
        "mmengine.hooks:Hook",
        mmengine="HOOKS",
        family=Family(
            "mmengine/<hook>",
            "agekit.training.libraries:mmengine_hook",
            "any hook of mmengine",
            "agekit.training.libraries:hook_names",
        ),
    ),
    Kind("recipe", mmengine=""),
    Kind("task", "agekit.task:Task", made=True, mmengine=""),
    Kind("command", "click:Command", made=True, mmengine=""),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ROWS}
"""The word for a kind → the kind, in the order in which they are listed."""
