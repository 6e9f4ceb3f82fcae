"""From a recipe's name and the user's wishes to one checked recipe, or to all mistakes at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from agekit.errors import AgekitError, ConfigError, nearest
from agekit.recipe.check import check_parts
from agekit.recipe.merge import merge, override
from agekit.recipe.schema import Recipe
from agekit.registry import DATASETS, RECIPES, resolve_recipe_name

__all__ = ["Resolved", "resolve"]


@dataclass(frozen=True)
class Resolved:
    """A recipe ready to run.

    Attributes:
        name: what the user called it, such as ``cen-resnet18``.
        recipe: the checked recipe, preset and overrides applied.
    """

    name: str
    recipe: Recipe

    def to_yaml(self) -> str:
        """The whole recipe as YAML that `resolve` reads back to the same."""
        data = json.loads(self.recipe.model_dump_json(exclude_none=True))
        return f"# {self.name}\n" + yaml.safe_dump(data, sort_keys=False, width=100)


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
        _collect(mistakes, lambda: DATASETS.find(dataset))
    if data is not None:
        presets = data.pop("presets", None) or {}
        if preset in presets:
            data = merge(data, presets[preset])
        elif preset is not None:
            known = ", ".join(presets) or "none"
            mistakes.append(
                f"the recipe {name!r} has no preset {preset!r}{nearest(preset, presets)} (it has: {known})"
            )
        asked = list(overrides)
        if generations is not None:
            asked.insert(0, f"evolver.generations={generations}")
        if epochs is not None:
            asked.insert(0, f"train.epochs={epochs}")
        data, wrong = override(data, asked)
        mistakes += wrong
        recipe = _validate(data, mistakes)
        mistakes += check_parts(data)
        if recipe is not None and not mistakes:
            return Resolved(name, recipe)
    raise ConfigError(mistakes, "see `agekit list` and `agekit recipe show NAME`")


def _load(name: str, mistakes: list[str]) -> dict[str, Any] | None:
    if name.endswith((".yaml", ".yml")):
        return _load_file(Path(name), mistakes)
    found: list[dict[str, Any]] = []

    def look() -> None:
        recipe, backbone = resolve_recipe_name(name)
        data = dict(RECIPES.get(recipe))
        if backbone is not None:
            data["backbone"] = {"type": backbone}
        elif "backbone" not in data:
            raise ConfigError(
                f"the recipe {name!r} leaves its backbone open; name one, such as {name}-resnet18"
            )
        found.append(data)

    _collect(mistakes, look)
    return found[0] if found else None


def _load_file(path: Path, mistakes: list[str]) -> dict[str, Any] | None:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        mistakes.append(f"cannot read the recipe {path}: {error}")
        return None
    if not isinstance(data, dict):
        mistakes.append(f"the recipe {path} is not a mapping")
        return None
    if isinstance(data.get("backbone"), str):
        data["backbone"] = {"type": data["backbone"]}
    return data


def _collect(mistakes: list[str], action: Any) -> None:
    try:
        action()
    except ConfigError as error:
        mistakes += error.mistakes
    except AgekitError as error:
        mistakes.append(str(error))


def _validate(data: Mapping[str, Any], mistakes: list[str]) -> Recipe | None:
    try:
        return Recipe.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        for item in error.errors():
            path = [str(part) for part in item["loc"]]
            where = ".".join(path)
            if item["type"] == "extra_forbidden":
                close = nearest(path[-1], _keys(path[:-1]))
                mistakes.append(f"{where}: there is no such key{close}")
            elif item["type"] == "missing":
                mistakes.append(f"{where}: is missing")
            else:
                text = item["msg"].removeprefix("Value error, ")
                mistakes.append(f"{where}: {text} (got {item['input']!r})")
        return None


def _keys(path: list[str]) -> list[str]:
    """The keys a recipe may have at a path."""
    model: Any = Recipe
    for key in path:
        fields = model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else {}
        if key not in fields:
            return []
        annotation = fields[key].annotation
        options = getattr(annotation, "__args__", (annotation,))
        model = next((o for o in options if isinstance(o, type) and issubclass(o, BaseModel)), None)
    return list(model.model_fields) if model is not None else []
