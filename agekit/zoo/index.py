"""The zoo's index: every model that can be had by its name, and who provides it.

Entries come from the folders of ``$AGEKIT_ZOO``, from the package, and from plugins, whose entry
points of the group `GROUP` name folders of JSONs as ``package.folder``. Nothing is imported or
fetched, and nothing but the standard library used, as listings read hundreds of entries. The first
to provide a name keeps it; that others are hidden is told.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from agekit._paths import expand_user, shipped_folder
from agekit.discovery import CORE, DISABLE_VARIABLE, module_paths, normalise
from agekit.errors import ModelError
from agekit.zoo.entry import BUNDLED, LOCAL, ZooEntry, read_entry
from agekit.zoo.files import CARD, CONFIG, METRICS, WEIGHTS, is_graph, model_folder, small_text
from agekit.zoo.names import ENTRY_NAME
from agekit.zoo.records import is_number

__all__ = [
    "GROUP",
    "VARIABLE",
    "Index",
    "IndexedModel",
    "Place",
    "default_model",
    "find_model",
    "known_names",
    "places",
    "read_index",
    "shipped",
]

GROUP = "agekit.zoo"
VARIABLE = "AGEKIT_ZOO"
_SUFFIX = ".json"
_NETWORKS = ("backbone", "generator")
"""The keys of a configuration that name the part that does most of the work."""
_UNHASHED = "0" * 64


class Place(NamedTuple):
    """A folder with entries.

    Args:
        folder: where.
        provider: ``agekit-core``, a plugin's distribution, or, of a user's own folder, its path.
        own: whether it is a user's own: model folders in it count, and sources may be ``local:``.
    """

    folder: Path
    provider: str
    own: bool = False


class IndexedModel(NamedTuple):
    """One model of the index.

    Args:
        entry: what is known of it; of a model without a JSON the files' hashes are zeros, see
            `agekit.zoo.add.entry_of`.
        provider: see `Place`.
        path: its JSON; of a model without one, its model folder.
    """

    entry: ZooEntry
    provider: str
    path: Path

    @property
    def folder(self) -> Path | None:
        """The folder of its files, which need not be there; None for a model on the Hub."""
        source = self.entry.source
        if source.startswith(BUNDLED):
            return self.path.parent / source.removeprefix(BUNDLED)
        if source.startswith(LOCAL):
            return self.path.parent / expand_user(source.removeprefix(LOCAL))
        return None


class Index(NamedTuple):
    """The models that were found.

    Args:
        models: by name, sorted.
        warnings: one line for each entry that is damaged or hidden, and each folder not there.
    """

    models: dict[str, IndexedModel]
    warnings: list[str]


def shipped() -> Path:
    """The folder of the package's own entries: in an installed package, or in a checkout."""
    return shipped_folder("_zoo", "zoo")


def places() -> list[Place]:
    """The folders of entries, in the order in which they keep a name."""
    named = os.environ.get(VARIABLE, "").split(os.pathsep)
    own = [Place(expand_user(name).absolute(), name, True) for name in named if name]
    return [*own, Place(shipped(), CORE), *_contributed()]


def read_index() -> Index:
    """Reads every entry."""
    models: dict[str, IndexedModel] = {}
    warnings: list[str] = []
    for place in places():
        if not os.access(place.folder, os.R_OK | os.X_OK):
            warnings.append(f"{place.folder} of {place.provider} is not there or cannot be read")
        for name, path in _candidates(place):
            try:
                model = _read(path, name, place)
            except ValueError as error:
                warnings.append(f"{path}: {error}")
                continue
            first = models.setdefault(name, model)
            if first is not model:
                warnings.append(f"{path}: hidden by the model {name!r} of {first.provider}")
    return Index(dict(sorted(models.items())), warnings)


def find_model(name: str) -> IndexedModel | None:
    """One model of the index; reads no other.

    Raises:
        ModelError: its entry is damaged.
    """
    for place in places():
        for candidate, path in _candidates(place):
            if candidate == name:
                try:
                    return _read(path, name, place)
                except ValueError as error:
                    raise ModelError(
                        f"the zoo's entry {path} cannot be used: {error}", "correct or remove it"
                    ) from error
    return None


def known_names() -> list[str]:
    """Every name that is taken, sorted; nothing is read but the folders."""
    return sorted({name for place in places() for name, _ in _candidates(place)})


def default_model(task: str) -> str:
    """The name of the model of a task that is used where none was named.

    A user's own comes before the package's.

    Raises:
        ModelError: no entry says that it is one.
    """
    order = [place.provider for place in places()]
    models = read_index().models.values()
    found = [model for model in models if model.entry.default and model.entry.task == task]
    if not found:
        raise ModelError(
            f"the zoo has no default {task}",
            "name a model with --model (see `agekit zoo list`), or `pip install agekit-models`",
        )
    return min(found, key=lambda model: order.index(model.provider)).entry.name


def _read(path: Path, name: str, place: Place) -> IndexedModel:
    """Reads a JSON of the index, or a model folder.

    Raises:
        ValueError: it is damaged; says what is wrong with it.
    """
    if not re.fullmatch(ENTRY_NAME, name):
        raise ValueError(f"a model cannot be called {name!r}: letters, digits, '.', '_', '-'")
    try:
        entry = read_entry(_describe(path, name) if path.is_dir() else _load(path))
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror or error}") from error
    if entry.name != name:
        raise ValueError(f"it is called {name}.json and names the model {entry.name!r}")
    if not place.own and entry.source.startswith(LOCAL):
        raise ValueError(f"only the folders of ${VARIABLE} may hold a {LOCAL} source")
    return IndexedModel(entry, place.provider, path)


def _load(path: Path) -> Any:
    return json.loads(small_text(path))


def _describe(folder: Path, name: str) -> dict[str, Any]:
    """The keys of an entry for a model folder, but for the hashes of its files."""
    config = _load(folder / CONFIG)
    if not isinstance(config, dict):
        raise ValueError(f"{CONFIG} is not a JSON object")
    scores = _load(folder / METRICS) if (folder / METRICS).is_file() else {}
    splits = [scores[split] for split in ("test", "val", "train") if split in scores]
    trained = config.get("trained") or {}
    network: Any = next((config[key] for key in _NETWORKS if key in config), {})
    graphs = sorted(filter(is_graph, os.listdir(folder)))
    files = [folder / file for file in (WEIGHTS, *graphs, CONFIG, CARD, METRICS)]
    if not all(isinstance(one, dict) for one in (scores, *splits[:1], trained, network)):
        raise ValueError(f"{CONFIG} or {METRICS} is not a model's")
    return {
        "name": name,
        "task": config.get("task"),
        "description": config.get("name"),
        "requires": config.get("requires", {}),
        "source": f"{LOCAL}{folder}",
        "files": {
            file.name: {"sha256": _UNHASHED, "size": file.stat().st_size}
            for file in files
            if file.is_file()
        },
        "parameters": config.get("parameters"),
        "backbone": network.get("type", ""),
        "metrics": {
            key: value for key, value in (splits[0] if splits else {}).items() if is_number(value)
        },
        "licence": "",
        "data": {"protocol": trained.get("protocol") or "", "dataset": ""},
    }


def _candidates(place: Place) -> list[tuple[str, Path]]:
    """Name and path of each JSON in a folder, and of each model without one; sorted."""
    entries: dict[str, Path] = {}
    models: dict[str, Path] = {}
    with suppress(OSError):
        if place.own and (place.folder / CONFIG).is_file():
            return [(place.folder.name, place.folder)]
        for name in os.listdir(place.folder):
            path = place.folder / name
            if name.endswith(_SUFFIX) and not name.startswith("."):
                entries[name.removesuffix(_SUFFIX)] = path
            elif place.own and not name.startswith(".") and (model := model_folder(path)):
                models[name] = model
    return sorted((models | entries).items())


def _contributed() -> list[Place]:
    """The folders that plugins give, by distribution; those turned off are left out."""
    listed = os.environ.get(DISABLE_VARIABLE, "")
    off = {normalise(name.strip()) for name in listed.split(",") if name.strip()}
    found: dict[str, list[Place]] = {}
    for distribution in metadata.distributions():
        try:
            text = distribution.read_text("entry_points.txt") or ""
            points = distribution.entry_points if f"[{GROUP}]" in text else ()
            name = distribution.name if points else ""
        except (KeyError, OSError, TypeError, ValueError):
            continue
        if points and not off & {"all", normalise(name)}:
            values = [point.value for point in points if point.group == GROUP]
            found.setdefault(normalise(name), [_folder(value, name) for value in values])
    return [place for key in sorted(found) for place in found[key]]


def _folder(package: str, provider: str) -> Place:
    """The path of the folder `package.folder` of a plugin."""
    there = [path for path in module_paths(package) if path.is_dir()]
    return Place(there[0] if there else Path(package.replace(".", os.sep)), provider)
