"""Starting from a state dict of torch or timm (``--init``): a backbone trained elsewhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from agekit.data.split import Faces
from agekit.errors import ConfigError, listed
from agekit.tasks.estimator.build import build_estimator
from agekit.tasks.estimator.recipe import EstimatorRecipe
from agekit.training.task import Start
from agekit.zoo.tensors import read_state_dict

__all__ = ["foreign_start"]

WRAPPERS = (
    *("state_dict", "model_state_dict", "model", "network", "net", "backbone"),
    *("state_dict_ema", "model_ema", "ema", "module"),
)
"""Keys under which trainers keep a network in a checkpoint, its averaged copies last."""
_CLASSIFIER = re.compile(r"(^|\.)(fc|classifier|heads?|last_linear|logits)(\.|$)")
_COUNTER = ".num_batches_tracked"
"""Of batch normalisations; older files lack it, and only cumulative averages need it."""


def foreign_start(path: Path, recipe: EstimatorRecipe, faces: Faces) -> Start:
    """The backbone's weights in a file, by timm's or torchvision's names.

    Args:
        path: a ``.pth``, ``.pt`` or ``.safetensors``, read as tensors alone.
        recipe: what is going to be trained; its heads are made anew.
        faces: on what.

    Raises:
        ConfigError: the weights are of another backbone, or are no numbers.
        ModelError: the file cannot be read, or holds code.
    """
    theirs, notes = read_state_dict(path, WRAPPERS)
    age = faces.table.age[faces.rows("train")]
    ages = recipe.data.ages or (round(float(age.min())), round(float(age.max())))
    ours = build_estimator(recipe, ages, 0).state_dict()
    prefix = "backbone."
    wanted = {n.removeprefix(prefix): v for n, v in ours.items() if n.startswith(prefix)}
    before = _prefix(theirs, wanted)
    found = {n.removeprefix(before): v for n, v in theirs.items() if n.startswith(before)}
    left = sorted(n for n in theirs if n.removeprefix(before) not in wanted)
    if wrong := _unfit(found, wanted):
        raise ConfigError(
            f"{path} does not fit the backbone {recipe.backbone.type!r}: {listed(wrong)} "
            f"(the backbone has {len(wanted)} tensors, the file {len(found)})",
            "train the recipe on the backbone that these weights are of",
        )
    taken = {prefix + n: found[n].to(v.dtype) for n, v in wanted.items() if n in found}
    told = [f"the backbone is taken ({len(taken)} tensors)", *notes]
    if before:
        told.append(f"{before!r} is taken off the names")
    if half := {str(found[n].dtype) for n, v in wanted.items() if n in found} - {
        str(v.dtype) for v in wanted.values()
    }:
        told.append(f"{', '.join(sorted(half))} is made single precision")
    if absent := len(wanted) - len(taken):
        told.append(f"{absent} counters of batches are not in it, and begin at 0")
    if left:
        told.append(f"left out: {listed(left)}")
    told += [f"head {name} is made anew" for name in recipe.heads]
    told.append("how its images were taken it does not say: they are as the recipe takes them")
    info = {"init_name": path.stem, "init_ages": ages}
    return Start(taken, info, None, {}, (f"starts from {path}: {'; '.join(told)}",))


def _prefix(theirs: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str:
    """The prefix before the names of the backbone, as ``module.`` of a parallel training."""
    seen: Counter[str] = Counter()
    for name in theirs:
        parts = name.split(".")
        for depth in range(len(parts)):
            if ".".join(parts[depth:]) in wanted:
                seen["".join(f"{part}." for part in parts[:depth])] += 1
    return min(seen, key=lambda prefix: (-seen[prefix], len(prefix)), default="")


def _unfit(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
    """The names in a file that are not as the backbone needs them."""
    wrong = []
    for name, ours in wanted.items():
        theirs = found.get(name)
        if theirs is None:
            wrong += [] if name.endswith(_COUNTER) else [f"{name} is missing"]
        elif theirs.shape != ours.shape:
            wrong.append(f"{name} is {tuple(theirs.shape)}, not {tuple(ours.shape)}")
        elif theirs.layout != ours.layout or theirs.is_meta:
            wrong.append(f"{name} is {'without values' if theirs.is_meta else 'sparse'}")
        elif theirs.is_floating_point() != ours.is_floating_point():
            wrong.append(f"{name} is of type {theirs.dtype}")
        elif not theirs.to(ours.dtype).isfinite().all():
            wrong.append(f"{name} holds values that are no numbers")
    parts = {name.partition(".")[0] for name in wanted}
    return wrong + [
        f"{name} is too many"
        for name in found
        if name not in wanted and name.partition(".")[0] in parts and not _CLASSIFIER.search(name)
    ]
