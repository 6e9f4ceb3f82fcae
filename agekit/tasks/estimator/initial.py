"""Starting from another model's weights (``--init``), as the paper does after pre-training."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from agekit._paths import expand_user
from agekit.data.split import Faces
from agekit.errors import ConfigError
from agekit.recipe import PartConfig
from agekit.registry import BACKBONES, HEADS, Registry
from agekit.scope import within
from agekit.tasks.estimator.build import build_estimator, estimator_config
from agekit.tasks.estimator.config import EstimatorConfig
from agekit.tasks.estimator.foreign import foreign_start
from agekit.tasks.estimator.recipe import EstimatorRecipe
from agekit.training.task import Start
from agekit.zoo.config import ImageConfig
from agekit.zoo.files import WEIGHTS
from agekit.zoo.folder import check_requires, read_weights
from agekit.zoo.locate import locate

__all__ = ["adopt", "adopt_images", "estimator_start", "initial_weights"]


def estimator_start(
    model: str | Path, recipe: EstimatorRecipe, faces: Faces, fixed: Collection[str]
) -> Start:
    """The start a recipe takes from an estimator: backbone, heads that fit, images, label ages.

    The label ages are the model's where they cover those of the training faces, and a head is
    taken where its label ages stay. What the user set stays as it is set.

    Args:
        model: a model folder, a run folder or a name of the zoo; or a file, see `foreign_start`.
        recipe: what is going to be trained.
        faces: on what.
        fixed: the keys of ``data`` that the user has set.

    Raises:
        ConfigError: the model has another backbone.
        ModelError: what its parts come from is not installed.
    """
    if (file := expand_user(model)).is_file():
        return foreign_start(file, recipe, faces)
    folder = locate(model)
    config = estimator_config(folder)
    check_requires(config, folder)
    if not _is_one(BACKBONES, recipe.backbone, config.backbone, config):
        raise ConfigError(
            f"{model} has the backbone {config.backbone.type!r}, and the recipe has "
            f"{recipe.backbone.type!r}",
            f"train the recipe on {config.backbone.type!r}, or start from another model",
        )
    theirs = read_weights(folder / WEIGHTS, config.weights_sha256)
    adopted, notes = adopt_images(config.image, recipe.data, fixed)
    age = faces.table.age[faces.rows("train")]
    labels = round(float(age.min())), round(float(age.max()))
    ages = recipe.data.ages
    if ages is None:
        ages = labels
        if config.ages[0] <= labels[0] and labels[1] <= config.ages[1]:
            ages = adopted["ages"] = config.ages
    ours = build_estimator(recipe, ages, 0).state_dict()
    backbone = {name: value for name, value in theirs.items() if not name.startswith("heads.")}
    wanted = {name: value for name, value in ours.items() if not name.startswith("heads.")}
    if odd := _unlike(backbone, wanted):
        raise ConfigError(
            f"the backbone of {model} is not that of the recipe: {odd}",
            "give recipe.backbone the arguments of the model's, or start from another model",
        )
    taken, told = dict(backbone), [f"the backbone is taken ({len(backbone)} tensors)"]
    for name, head in recipe.heads.items():
        own = {key: value for key, value in theirs.items() if key.startswith(f"heads.{name}.")}
        new = {key: value for key, value in ours.items() if key.startswith(f"heads.{name}.")}
        if why := _unfit(config, name, head, ages, labels) or _unlike(own, new):
            told.append(f"head {name} is made anew: {why}")
        else:
            taken |= own
            told.append(f"head {name} is taken ({len(own)} tensors)")
    told += [f"its head {name} is left out" for name in config.heads if name not in recipe.heads]
    first, last = ages
    told.append(f"label ages {first}-{last}" + (", its own" if ages == config.ages else ""))
    for key, value in (("rule", config.rule), ("mirror", config.mirror)):
        if (here := getattr(recipe.estimate, key)) != value:
            notes.append(f"estimate.{key} is {here}, the recipe's; that of {config.name}: {value}")
    notes.insert(0, f"starts from {model}: {'; '.join(told)}")
    info = {"init_name": config.name, "init_ages": config.ages}
    return Start(taken, info, config.face, adopted, tuple(notes))


def adopt_images(
    theirs: ImageConfig, ours: Any, fixed: Collection[str]
) -> tuple[dict[str, Any], list[str]]:
    """The way a model takes images, where a recipe says otherwise and the user nothing.

    Args:
        theirs: the model's.
        ours: the ``data`` of the recipe.
        fixed: the keys of it that the user has set.

    Returns:
        What ``data`` is to have, and a line of each kind to tell.
    """
    return adopt(theirs.model_dump(), ours, fixed, "the model takes")


def adopt(
    theirs: Mapping[str, Any], ours: Any, fixed: Collection[str], taken: str
) -> tuple[dict[str, Any], list[str]]:
    """As `adopt_images`, of any keys of ``data``.

    Args:
        theirs: the keys, and what they are.
        ours: see `adopt_images`.
        fixed: see `adopt_images`.
        taken: whose they are, such as "the model takes".
    """
    other = {
        key: value
        for key, value in theirs.items()
        if hasattr(ours, key) and getattr(ours, key) != value
    }
    adopted = {key: value for key, value in other.items() if key not in fixed}
    notes = []
    if adopted:
        shown = _shown((key, value, getattr(ours, key)) for key, value in adopted.items())
        notes.append(f"images as {taken} them: {shown}; --set data.KEY=VALUE overrides")
    if kept := [key for key in other if key in fixed]:
        shown = _shown((key, getattr(ours, key), other[key]) for key in kept)
        notes.append(f"images not as {taken} them, as set: {shown}")
    return adopted, notes


def initial_weights(
    weights: dict[str, Tensor], theirs: tuple[int, int], ours: tuple[int, int]
) -> dict[str, Tensor]:
    """The weights that a run keeps to start from.

    Args:
        weights: those that `estimator_start` took.
        theirs: the label ages they were trained for; with others, an older agekit's heads among
            them do not fit.
        ours: the label ages now.
    """
    if theirs == ours:
        return weights
    return {name: value for name, value in weights.items() if not name.startswith("heads.")}


def _unfit(
    config: EstimatorConfig,
    name: str,
    head: PartConfig,
    ages: tuple[int, int],
    labels: tuple[int, int],
) -> str:
    """Why a model's head cannot be taken; empty where it can, but for its shapes."""
    if name not in config.heads:
        return "the model has none"
    its = config.heads[name]
    if not _is_one(HEADS, head, its, config) or head.arguments != its.arguments:
        return f"the model's is {its.model_dump()}"
    if config.ages == ages:
        return ""
    theirs, ours = (f"{low}-{high}" for low, high in (config.ages, ages))
    if ages == labels:
        return f"its label ages {theirs} do not cover those of the data, {ours}"
    return f"its label ages are {theirs}, those set are {ours}"


def _is_one(registry: Registry, ours: PartConfig, its: PartConfig, config: EstimatorConfig) -> bool:
    """True if the names of two parts, a recipe's and a model's, mean one."""
    with within(config.requires):
        meant = registry.find(its.type)
    return registry.find(ours.type) == meant


def _unlike(theirs: Mapping[str, Tensor], ours: Mapping[str, Tensor]) -> str:
    """The first of two sets of weights that differs in name or shape; empty where none does."""
    for name in [*theirs, *ours]:
        shapes = [tuple(w[name].shape) if name in w else None for w in (theirs, ours)]
        if shapes[0] != shapes[1]:
            return f"{name} has the shape {shapes[0]}, here {shapes[1]}"
    return ""


def _shown(keys: Iterable[tuple[str, Any, Any]]) -> str:
    """``size 64, not 224``: keys, what they are and what they are not."""
    return ", ".join(f"{key} {_plain(here)}, not {_plain(there)}" for key, here, there in keys)


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_plain, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
