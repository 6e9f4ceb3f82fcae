"""From a recipe's name and the user's wishes to one checked recipe, or to all mistakes at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from agekit._mistakes import list_mistakes
from agekit._paths import nearest_path
from agekit._yaml import read_yaml
from agekit.data.several import members
from agekit.errors import AgekitError, ConfigError, UnknownNameError, nearest
from agekit.kinds import TIMM_PREFIX
from agekit.recipe.merge import assigned, merge, override, plain
from agekit.recipe.parts import check_parts, registered_recipe
from agekit.recipe.schema import DEFAULT_KIND, Recipe
from agekit.recipe_names import resolve_recipe_name
from agekit.registry import DATASETS, RECIPES, TASKS
from agekit.task import Task

__all__ = ["Resolved", "resolve"]

_TRAIN: dict[str, Any] = {"optimizer": {}, "schedule": {}}
"""What an override may reach into though a recipe leaves it to its defaults."""
ADOPTED = ("size", "load_size", "mean", "std", "crop_pct", "ages")
"""The keys of ``data`` that a training takes from the model it starts from; and its rate."""


@dataclass(frozen=True)
class Resolved:
    """A recipe ready to run.

    Attributes:
        name: what the user called it, such as ``cen-resnet18``.
        recipe: the checked recipe, preset and overrides applied.
        said: the keys of ``data`` that were set for this network: by overrides, or by a recipe
            that names its network itself.
    """

    name: str
    recipe: Recipe
    said: frozenset[str] = field(default=frozenset(), compare=False)

    def with_changes(self, changes: Mapping[str, Any]) -> Resolved:
        """The same with other values, laid on top mapping by mapping.

        Raises:
            ConfigError: they are not valid.
        """
        if not changes:
            return self
        mistakes: list[str] = []
        recipe = _validate(merge(self.to_dict(), changes), self.recipe.kind, mistakes)
        if recipe is None:
            raise ConfigError(mistakes, "set these keys by --set KEY=VALUE")
        return Resolved(self.name, recipe, self.said)

    def was(self, written: Mapping[str, Any], *, started: bool = False) -> bool:
        """True if a recipe that was written down, maybe by an older agekit, is this one.

        Args:
            written: the recipe as plain data.
            started: it began from a model, of which it may have taken what `ADOPTED` names; so
                it may from pretrained weights of its network.
        """
        recipe = _validate(written, self.recipe.kind, [])
        if recipe is None or not (started or self.recipe.pretrained):
            return recipe == self.recipe
        data = json.loads(recipe.data.model_dump_json(include=set(ADOPTED)))
        rate = {"optimizer": {"lr": recipe.train.optimizer.lr}} if started else {}
        begun = {} if not started or recipe.pretrained else self.recipe.without_weights
        return recipe == self.with_changes({"data": data, "train": rate, **begun}).recipe

    def to_dict(self) -> dict[str, Any]:
        """The whole recipe as plain data."""
        data: dict[str, Any] = json.loads(self.recipe.model_dump_json())
        return data

    def to_yaml(self) -> str:
        """The whole recipe as YAML that `resolve` reads back to the same."""
        return f"# {self.name}\n" + yaml.safe_dump(self.to_dict(), sort_keys=False, width=100)


def resolve(
    name: str,
    *,
    dataset: str | None = None,
    preset: str | None = None,
    epochs: int | None = None,
    generations: int | None = None,
    overrides: Iterable[str] = (),
) -> Resolved:
    """Finds, merges and checks a recipe without importing torch or any plugin.

    Args:
        name: ``cen-resnet18``, ``reg-timm/mobilenetv3_small_100``, or the path of a YAML file.
        dataset: a dataset's name to check along with the rest.
        preset: one of the recipe's presets.
        epochs: in place of the recipe's, for each generation.
        generations: in place of the evolver's.
        overrides: ``a.b=value`` assignments, applied last.

    Raises:
        ConfigError: with every mistake found, each with the nearest valid names.
    """
    mistakes: list[str] = []
    data = _load(name, mistakes)
    if dataset is not None:
        with _collected(mistakes):
            for one in members(dataset):
                DATASETS.find(one)
    asked = [] if epochs is None else [f"train.epochs={epochs}"]
    asked += [] if generations is None else [f"evolver.generations={generations}"]
    recipe = None if data is None else _check(name, data, preset, [*asked, *overrides], mistakes)
    if recipe is None:
        raise ConfigError(
            mistakes,
            "see `agekit list recipes`, `agekit list datasets` and `agekit recipe show NAME`",
        )
    return recipe


def _check(
    name: str,
    data: dict[str, Any],
    preset: str | None,
    overrides: Sequence[str],
    mistakes: list[str],
) -> Resolved | None:
    """The recipe with its preset and overrides applied; None where there are mistakes."""
    kind = _kind(name, data, mistakes)
    task = _task(kind)
    said = _said(name, data, preset)
    sections = {"train": _TRAIN, **task.recipe.sections}
    whole, wrong = override(_with_preset(name, merge(sections, data), preset, mistakes), overrides)
    mistakes += wrong
    part = task.recipe.open_part
    if isinstance(whole.get(part), str):
        whole[part] = {"type": whole[part]}
    elif part not in whole:
        choose = _how_to_choose(name, part, task.recipe.example)
        mistakes.append(f"the recipe {name!r} leaves its {part} open; {choose}")
    recipe = _validate(whole, kind, mistakes)
    mistakes += check_parts(whole, task)
    if recipe is None or mistakes:
        return None
    return Resolved(name, recipe, frozenset(said | assigned(overrides, "data")))


def _said(name: str, data: Mapping[str, Any], preset: str | None) -> set[str]:
    """The keys of ``data`` that a recipe says of its own network, not of one that was chosen."""
    if not _is_file(name) and _split(name)[1] is not None:
        return set()
    written = _with_preset(name, dict(data), preset, []).get("data")
    return set(written) if isinstance(written, dict) else set()


def _load(name: str, mistakes: list[str]) -> dict[str, Any] | None:
    data: dict[str, Any] | None = None
    with _collected(mistakes):
        data = _read(Path(name)) if _is_file(name) else _find(name)
        try:
            data = plain(data)
        except ValueError as error:
            raise ConfigError(f"the recipe {name} does not hold plain data: {error}") from None
    return None if mistakes else data


def _find(name: str) -> dict[str, Any]:
    """The recipe of a plugin, on the part that its name chooses."""
    recipe, part = _split(name)
    data = registered_recipe(recipe)
    if part is not None:
        kind = str(data.get("kind", DEFAULT_KIND))
        known = kind if kind in TASKS.names() else DEFAULT_KIND
        _choose(data, _task(known).recipe.open_part, part)
    return data


def _read(path: Path) -> dict[str, Any]:
    """The recipe in a file, on top of the one it extends."""
    try:
        data = read_yaml(path, f"cannot read the recipe {path}")
    except ConfigError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise ConfigError(f"there is no file {path}{nearest_path(path)}") from None
        raise
    if not isinstance(data, dict):
        raise ConfigError(f"the recipe {path} is not a mapping")
    base = data.pop("extends", None)
    return merge(registered_recipe(str(base)), data) if base else data


def _choose(data: dict[str, Any], key: str, part: str) -> None:
    """Puts a part in place of the recipe's own, and out of presets what they say of another."""
    own = data.get(key) or {}
    data[key] = {"type": part}
    for preset in (data.get("presets") or {}).values():
        if isinstance(preset.get(key), dict) and {**own, **preset[key]}.get("type") != part:
            del preset[key]


def _split(name: str) -> tuple[str, str | None]:
    """As `resolve_recipe_name`; of a known recipe on an unknown backbone, both names too."""
    try:
        return resolve_recipe_name(name)
    except UnknownNameError:
        known = RECIPES.spellings()
        recipe = max((r for r in known if name.startswith(f"{r}-")), key=len, default="")
        backbone = name[len(recipe) + 1 :]
        if not recipe or backbone in ("", TIMM_PREFIX):
            raise
        return recipe, backbone


def _kind(name: str, data: Mapping[str, Any], mistakes: list[str]) -> str:
    kind, known = str(data.get("kind", DEFAULT_KIND)), TASKS.names()
    if kind in known:
        return kind
    mistakes.append(
        f"kind: {name} is of no known kind {kind!r}{nearest(kind, known)}; "
        f"installed are {', '.join(known)}"
    )
    return DEFAULT_KIND


def _task(kind: str) -> Task:
    task: Task = TASKS.get(kind)
    return task


def _how_to_choose(name: str, part: str, example: str) -> str:
    if _is_file(name):
        return f"add one to it, such as {part}: {{type: {example}}}"
    return f"name one, such as {name}-{example}"


def _is_file(name: str) -> bool:
    return name.endswith((".yaml", ".yml"))


def _with_preset(
    name: str, data: dict[str, Any], preset: str | None, mistakes: list[str]
) -> dict[str, Any]:
    """The recipe with its preset laid on top and its presets taken out."""
    presets = data.pop("presets", None) or {}
    if not isinstance(presets, dict) or not all(isinstance(p, dict) for p in presets.values()):
        mistakes.append("presets: must be a mapping of names to mappings")
    elif preset in presets:
        return merge(data, presets[preset])
    elif preset is not None:
        known = f" (it has: {', '.join(presets) or 'none'})"
        close = nearest(preset, presets)
        mistakes.append(f"the recipe {name!r} has no preset {preset!r}{close}{known}")
    return data


@contextmanager
def _collected(mistakes: list[str]) -> Iterator[None]:
    """Takes the mistakes of an error in place of the error."""
    try:
        yield
    except ConfigError as error:
        mistakes += error.mistakes
    except AgekitError as error:
        mistakes.append(str(error))


def _validate(data: Mapping[str, Any], kind: str, mistakes: list[str]) -> Recipe | None:
    schema: type[Recipe] = _task(kind).recipe
    try:
        return schema.model_validate_json(json.dumps(data))
    except ValidationError as error:
        open_part = f"{schema.open_part}: is missing"
        mistakes += [line for line in list_mistakes(error, schema) if line != open_part]
        return None
