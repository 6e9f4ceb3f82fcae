"""The registries: names → objects, each loaded alone and only when it is asked for.

Names come from entry points (`agekit.discovery`), so listing and finding import no plugin.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from agekit._loading import check_api, family_names, load, unknown, unusable
from agekit.discovery import (
    API_VERSION,
    CORE,
    PACKAGE,
    Entry,
    distributions,
    entries,
    module_paths,
    normalise,
)
from agekit.errors import ConfigError, UnknownNameError, one_line
from agekit.kinds import KINDS, Family
from agekit.scope import meant, within_distribution

__all__ = [
    "AUGMENTS",
    "BACKBONES",
    "COMMANDS",
    "DATASETS",
    "DETECTORS",
    "EVOLVERS",
    "GENERATORS",
    "HEADS",
    "HOOKS",
    "LOSSES",
    "OPTIMIZERS",
    "RECIPES",
    "REGISTRIES",
    "SCHEDULES",
    "TASKS",
    "RecipeRegistry",
    "Registry",
]


class Registry:
    """The parts of one kind.

    Args:
        kind: a key of `agekit.kinds.KINDS`.
        base: `module:Class` that every part must subclass, imported after the part's own module,
            in place of the kind's contract.
    """

    def __init__(self, kind: str, base: str | None = None) -> None:
        self.kind = kind
        self.row = KINDS[kind]
        self.base = base or self.row.contract
        self._loaded: dict[str, object] = {}
        self._mirror: Any = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.kind!r})"

    def entries(self) -> tuple[Entry, ...]:
        """Every entry, sorted; a name that two distributions give appears twice."""
        return entries(self.kind)

    def names(self) -> list[str]:
        """Every name, sorted, each once."""
        return sorted({entry.name for entry in self.entries()})

    def spellings(self) -> list[str]:
        """Every name, alone and with its distribution before it."""
        return self.names() + [f"{entry.distribution}:{entry.name}" for entry in self.entries()]

    def find(self, name: str) -> Entry:
        """Finds a part by its name, or by `distribution:name`, from metadata alone.

        Args:
            name: the registry name, or one of the kind's family: `timm/<model>`.

        Raises:
            UnknownNameError: no distribution gives the name.
            ConflictError: two give it, and `agekit.scope` does not say which is meant.
            PluginError: the distribution was written for another version of the interface.
        """
        family = self.row.family
        if family and name.startswith(family.prefix):
            return self._of_family(family, name.removeprefix(family.prefix))
        found = [entry for entry in self.entries() if entry.name == name]
        if not found and ":" in name:
            giver, _, bare = name.partition(":")
            found = [
                entry
                for entry in self.entries()
                if entry.name == bare and normalise(entry.distribution) == normalise(giver)
            ]
        if not found and family and name.lower() in family_names(family):
            same = [entry.name for entry in self.entries() if entry.name.lower() == name.lower()]
            if same:
                raise UnknownNameError(
                    f"{self.kind} {name!r} may be {same[0]!r} or {family.prefix + name.lower()!r}",
                    "name one of the two",
                )
            return self._of_family(family, name)
        if not found:
            raise unknown(self.kind, name)
        entry = meant(name, found)
        check_api(entry)
        return entry

    def _of_family(self, family: Family, name: str) -> Entry:
        """The entry of a library's name; its value is what has the part's signature."""
        known = family_names(family)
        if known and name.lower() not in known:
            raise unknown(self.kind, family.prefix + name)
        name = name.lower() if known else name
        version = next((d.version for d in distributions() if d.name == CORE), "unknown")
        value = known.get(name, family.value)
        return Entry(self.kind, family.prefix + name, value, CORE, version, API_VERSION)

    def pinned(self, name: str) -> str:
        """The name of the same part in any scope: with its distribution where several give it.

        Raises:
            AgekitError: see `find`.
        """
        entry = self.find(name)
        givers = {other.distribution for other in self.entries() if other.name == entry.name}
        return f"{entry.distribution}:{entry.name}" if len(givers) > 1 else entry.name

    def get(self, name: str) -> Any:
        """Loads a part, and nothing else, and checks its type.

        Args:
            name: as for `find`.

        Raises:
            PluginError: its module fails to import, lacks the object, or the object is not what
                this registry holds; and everything `find` raises.
        """
        entry = self.find(name)
        if (family := self.row.family) and entry.name.startswith(family.prefix):
            bridge = load(replace(entry, value=family.value))
            return partial(bridge, entry.name.removeprefix(family.prefix))
        part = load(entry, self.base, made=self.row.made)
        self._loaded[entry.name] = part
        if "mmengine.registry" in sys.modules and self.row.mmengine:
            self._register(entry.name)
        return part

    @property
    def mmengine(self) -> Any:
        """The `mmengine.Registry` that mirrors every part loaded so far and from now on.

        It hangs below mmengine's root registry for the kind as `agekit.<kind>`, so a config names
        a part `agekit.backbone.resnet18`: heads and losses share mmengine's `MODELS`, and may
        share names. Parts with a dot in their name are not mirrored, mmengine would split it.
        """
        if self._mirror is None:
            root = getattr(import_module("mmengine.registry"), self.row.mmengine)
            scope = _child(root, PACKAGE, f"agekit_{root.name}")
            self._mirror = _child(scope, self.kind, self.row.group.replace(".", "_"))
            for name in list(self._loaded):
                self._register(name)
        return self._mirror

    def _register(self, name: str) -> None:
        if "." not in name:
            self.mmengine.register_module(name=name, module=self._loaded[name], force=True)


class RecipeRegistry(Registry):
    """The recipes: YAML files inside plugins, read without importing the plugin.

    An entry's value `package.recipes:cen` is the file `package/recipes/cen.yaml`.
    """

    def __init__(self) -> None:
        super().__init__("recipe")

    def path(self, name: str) -> Path:
        """The file of a recipe.

        Raises:
            PluginError: its distribution has no such file; and everything `find` raises.
        """
        return self._file(self.find(name))

    def get(self, name: str) -> dict[str, Any]:
        """The parsed recipe.

        Raises:
            PluginError: the file is missing or is not a YAML mapping; and everything `find` raises.
        """
        from agekit._yaml import parse_yaml

        entry = self.find(name)
        path = self._file(entry)
        try:
            recipe = parse_yaml(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise unusable(entry, f"{path} cannot be read: {one_line(error)}") from error
        if not isinstance(recipe, dict):
            raise unusable(entry, f"{path} does not hold a YAML mapping")
        return recipe

    def chain(self, name: str) -> list[tuple[Entry, dict[str, Any]]]:
        """A recipe, the one that it extends, and so on, with where each comes from.

        Raises:
            ConfigError: one extends itself; and everything `get` raises.
        """
        out: list[tuple[Entry, dict[str, Any]]] = []
        with ExitStack() as scopes:
            while True:
                entry = self.find(name)
                if entry in (other for other, _ in out):
                    raise ConfigError(f"the recipe {name!r} extends itself")
                out.append((entry, self.get(name)))
                if "extends" not in out[-1][1]:
                    return out
                name = str(out[-1][1]["extends"])
                scopes.enter_context(within_distribution(entry.distribution))

    def _file(self, entry: Entry) -> Path:
        tried = [folder / f"{entry.attribute}.yaml" for folder in module_paths(entry.module)]
        for path in tried:
            if path.is_file():
                return path
        where = f"there is no {tried[0]}" if tried else f"no package has {entry.module!r}"
        raise unusable(entry, where)


RECIPES = RecipeRegistry()
REGISTRIES: dict[str, Registry] = {
    kind: RECIPES if kind == RECIPES.kind else Registry(kind) for kind in KINDS
}
"""Kind → its registry."""
BACKBONES = REGISTRIES["backbone"]
HEADS = REGISTRIES["head"]
LOSSES = REGISTRIES["loss"]
AUGMENTS = REGISTRIES["augment"]
DATASETS = REGISTRIES["dataset"]
DETECTORS = REGISTRIES["detector"]
EVOLVERS = REGISTRIES["evolver"]
GENERATORS = REGISTRIES["generator"]
OPTIMIZERS = REGISTRIES["optimizer"]
HOOKS = REGISTRIES["hook"]
SCHEDULES = REGISTRIES["schedule"]
TASKS = REGISTRIES["task"]
COMMANDS = REGISTRIES["command"]


def _child(parent: Any, scope: str, name: str) -> Any:
    """The child registry of an mmengine registry for a scope, made where there is none."""
    child = parent.children.get(scope)
    return type(parent)(name, parent=parent, scope=scope) if child is None else child
