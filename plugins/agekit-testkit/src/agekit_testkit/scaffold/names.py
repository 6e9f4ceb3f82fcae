"""Names of a new plugin and of everything in it, checked to be free."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec

from agekit.discovery import PACKAGE, distributions, entries, normalise
from agekit.errors import ConfigError
from agekit.kinds import KINDS, TIMM_PREFIX

__all__ = ["Names", "name_plugin", "shadowed"]

_PREFIX = f"{PACKAGE}-"
_LONGEST = 30
_VALID = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True)
class Names:
    """The names of a plugin with one part.

    Attributes:
        kind: of the part.
        distribution: ``agekit-my-huber``.
        package: ``agekit_my_huber``.
        part: the registry name, ``my-huber``.
        module: ``my_huber``, for files named after the part.
        cls: ``MyHuberLoss``.
        group: the part's entry-point group.
    """

    kind: str
    distribution: str
    package: str
    part: str
    module: str
    cls: str
    group: str


def name_plugin(name: str, kind: str) -> Names:
    """Checks a name and makes the others from it.

    Args:
        name: with or without ``agekit-`` before it; in any spelling that PEP 503 takes for one.
        kind: a key of `agekit.kinds.KINDS`.

    Raises:
        ConfigError: it is no name, is taken by an installed distribution, package or part, or
            means a recipe on a backbone already.
    """
    if not _VALID.fullmatch(name):
        raise ConfigError(
            f"{name!r} is no name of a package",
            "take letters, digits and '-', such as agekit-huber",
        )
    distribution = normalise(name)
    if not distribution.startswith(_PREFIX):
        distribution = _PREFIX + distribution
    part = distribution.removeprefix(_PREFIX)
    if not part[0].isalpha() or len(part) > _LONGEST or name.lower() == PACKAGE:
        raise ConfigError(
            f"{part!r} cannot be the name of a part",
            f"begin with a letter, and take at most {_LONGEST} characters",
        )
    module = part.replace("-", "_")
    names = Names(
        kind=kind,
        distribution=distribution,
        package=distribution.replace("-", "_"),
        part=part,
        module=module,
        cls=_class(part, kind),
        group=KINDS[kind].group,
    )
    _check_free(names)
    return names


def _class(part: str, kind: str) -> str:
    """``my-huber`` and ``my-huber-loss`` of the kind ``loss``: ``MyHuberLoss``."""
    stem = part.removesuffix(f"-{kind}")
    return "".join(word.capitalize() for word in [*stem.split("-"), kind])


def _check_free(names: Names) -> None:
    other = "choose another name"
    for found in distributions():
        if normalise(found.name) == names.distribution:
            raise ConfigError(
                f"the plugin {found.name} {found.version} is installed already", other
            )
        for kind in {names.kind, "recipe"}:
            if names.part in found.parts[kind]:
                raise ConfigError(
                    f"{found.name} {found.version} gives a {kind} {names.part!r} already", other
                )
    if pair := shadowed(names.part):
        raise ConfigError(
            f"{names.part!r} means the recipe {pair[0]!r} on {pair[1]!r} already, "
            "and a recipe of that name would take its place",
            other,
        )
    try:
        metadata.distribution(names.distribution)
    except metadata.PackageNotFoundError:
        if find_spec(names.package) is None:
            return
    raise ConfigError(f"a package {names.package} is installed already", other)


def shadowed(name: str) -> tuple[str, str] | None:
    """The recipe and the backbone, or generator, that a name means were no recipe called so.

    `agekit.recipe_names.resolve_recipe_name` takes the recipe of just that name first, so that one
    called ``cen-resnet18`` would be trained in place of ``cen`` on ``resnet18``.
    """
    parts = {entry.name for kind in ("backbone", "generator") for entry in entries(kind)}
    recipes = {entry.name for entry in entries("recipe")}
    for recipe in sorted(recipes, key=len, reverse=True):
        part = name.removeprefix(f"{recipe}-")
        if part != name and (part in parts or part.startswith(TIMM_PREFIX)):
            return recipe, part
    return None
