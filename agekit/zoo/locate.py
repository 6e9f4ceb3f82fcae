"""From what a user calls a model to its folder."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from agekit._paths import expand_user, nearest_path
from agekit.errors import ModelError, nearest
from agekit.zoo.files import CONFIG, WEIGHTS, is_graph, model_folder
from agekit.zoo.hub.cache import hub_cache, snapshot
from agekit.zoo.hub.pull import pull
from agekit.zoo.hub.repository import recall
from agekit.zoo.index import IndexedModel, find_model, known_names
from agekit.zoo.names import HUB_PREFIX, is_pinned, parse_hub_name
from agekit.zoo.requires import missing, outdated

if TYPE_CHECKING:
    from agekit.zoo.hub.download import Progress

__all__ = [
    "FoundModel",
    "find",
    "folder_here",
    "folders_here",
    "is_model",
    "locate",
    "tell_licence",
]

_log = logging.getLogger(__name__)


class FoundModel(NamedTuple):
    """A model that was found, without fetching it.

    Args:
        name: what the user called it.
        indexed: what the index has; None of a model that was named by its folder.
        folder: where its files lie; None if they are not on this machine.
    """

    name: str
    indexed: IndexedModel | None
    folder: Path | None


def find(name: str) -> FoundModel:
    """Finds a model by its folder, its run folder, or its name in the zoo or on the Hub.

    Nothing is fetched: what a branch of the Hub was when it was last pulled, it is.

    Raises:
        ModelError: there is none, or its entry is damaged.
    """
    if folder := model_folder(expand_user(name)):
        return FoundModel(name, None, folder)
    if name.startswith(HUB_PREFIX):
        return FoundModel(name, None, _pulled(name))
    model = find_model(name)
    if model is None:
        raise _unknown(name)
    return FoundModel(name, model, folder_here(model))


def is_model(name: str | Path) -> bool:
    """True for the name of a model: a model or run folder, a name of the zoo, or one on the Hub.

    Nothing is fetched, so what is on the Hub, and whether it is damaged, is not known yet.
    """
    if model_folder(expand_user(name)) is not None:
        return True
    return isinstance(name, str) and (name.startswith(HUB_PREFIX) or name in known_names())


def locate(name: str | Path, *, progress: Progress | None = None) -> Path:
    """The folder of a model, fetched from the Hub where it must be.

    Args:
        name: a model folder, a run folder with a model, a name of the zoo, or
            ``hf-hub:org/repo[@revision]``; without a commit as its revision, that is warned of.
        progress: see `agekit.zoo.hub.pull.pull`.

    Raises:
        ModelError: there is none, its entry or a file is damaged, a distribution it needs is not
            installed, or the Hub cannot give it.
    """
    path = expand_user(name)
    if folder := model_folder(path):
        return folder
    if isinstance(name, str):
        if name.startswith(HUB_PREFIX):
            return _from_hub(name, progress)
        if model := find_model(name):
            return _from_index(model, progress)
    if (path / "run.json").exists():
        raise ModelError(
            f"the run {path} has no model yet: it is not finished",
            f"finish it with `agekit train --resume {path}`",
        )
    raise _unknown(str(name))


@cache
def tell_licence(name: str, licence: str) -> None:
    """Warns, once a process, of the terms under which a model of the zoo may be used."""
    if licence not in ("", "unknown"):
        _log.warning("licence of the weights of %s: %s", name, licence)


def folders_here(models: Iterable[IndexedModel]) -> dict[str, Path]:
    """The folders of the models whose weights and configuration are on this machine, by name.

    Neither their contents nor their sizes are looked at: `agekit.zoo.verify` does that.
    """
    try:
        cached = set(os.listdir(hub_cache()))
    except OSError:
        cached = set()
    found: dict[str, Path] = {}
    for model in models:
        folder, entry = model.folder, model.entry
        repo = entry.hub_repo
        if repo and entry.revision and f"models--{repo.replace('/', '--')}" in cached:
            folder = snapshot(repo, entry.revision)
        if folder and all((folder / name).is_file() for name in (WEIGHTS, CONFIG)):
            found[entry.name] = folder
    return found


def folder_here(model: IndexedModel) -> Path | None:
    """As `folders_here`, of one model; None if it is not on this machine."""
    return folders_here([model]).get(model.entry.name)


def _pulled(name: str) -> Path | None:
    """The folder in the cache of a model on the Hub; None if it is not there."""
    repo, commit = parse_hub_name(name)
    if known := recall(repo, commit):
        commit = known.commit
    return model_folder(snapshot(repo, commit)) if commit and is_pinned(commit) else None


def _unknown(name: str) -> ModelError:
    return ModelError(
        f"there is no model {name!r}: neither a model folder, nor a run folder, nor a name of the "
        f"zoo{nearest(name, known_names()) or nearest_path(expand_user(name))}",
        "see `agekit zoo list`, give the folder that `agekit train` printed, "
        f"or {HUB_PREFIX}ORG/REPO",
    )


def _from_index(model: IndexedModel, progress: Progress | None) -> Path:
    entry = model.entry
    # An ONNX file runs without the distributions of the model's parts.
    if not any(map(is_graph, entry.files)) and (lacking := missing(entry.requires)):
        raise ModelError(
            f"the model {entry.name!r} needs {', '.join(lacking)}, not installed here",
            f"`pip install {' '.join(lacking)}`",
        )
    for requirement in outdated(entry.requires):
        _log.warning(
            "the model %r was made with %s; an older one is installed", entry.name, requirement
        )
    tell_licence(entry.name, entry.licence)
    if entry.hub_repo is not None:
        return pull(entry.hub_repo, entry.revision, entry.files, progress=progress).folder
    if folder := folder_here(model):
        return folder
    raise ModelError(
        f"the model {entry.name!r} of {model.provider} is not where its entry says: {model.folder}",
        f"install {model.provider} again, or correct {model.path}",
    )


def _from_hub(name: str, progress: Progress | None) -> Path:
    repo, revision = parse_hub_name(name)
    folder = pull(repo, revision, None, progress=progress).folder
    if not is_pinned(revision):
        commit = folder.name if is_pinned(folder.name) else "COMMIT"
        _log.warning(
            "%s is not pinned to a commit, and what it gives can change; pin it with %s%s@%s",
            name, HUB_PREFIX, repo, commit,
        )  # fmt: skip
    return folder
