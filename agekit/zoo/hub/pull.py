"""Models fetched from the Hub: the named files only, each checked."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from agekit.data.home import only_one
from agekit.errors import ModelError
from agekit.zoo.entry import ENDINGS, FILE_NAME, FileRecord
from agekit.zoo.files import CONFIG, WEIGHTS, copy_files, tensor_types, wrap_os_error
from agekit.zoo.hub.cache import discard, is_offline, snapshot
from agekit.zoo.hub.repository import FileSpec, HubModel, remember, repository_files
from agekit.zoo.names import is_pinned, parse_hub_name

if TYPE_CHECKING:
    from agekit.zoo.hub.download import Progress

__all__ = ["Pulled", "PulledFile", "plan_pull", "pull"]

_log = logging.getLogger(__name__)


class PulledFile(NamedTuple):
    """A file of a model on the Hub.

    Args:
        name: plain file name.
        size: bytes.
        cached: whether it was here before, and right.
    """

    name: str
    size: int
    cached: bool


class Pulled(NamedTuple):
    """The outcome of a pull, or of its plan.

    Args:
        repo: `org/repo`.
        commit: 40 hex digits.
        folder: where the files are.
        files: all of them, those that were here before too.
    """

    repo: str
    commit: str
    folder: Path
    files: tuple[PulledFile, ...]


def pull(
    repo: str,
    revision: str | None,
    files: Mapping[str, FileRecord] | None,
    *,
    local_dir: Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Pulled:
    """Fetches files of a model from the Hub into the client's cache, those that are not there.

    Every file is checked against its size and SHA-256 when it comes and whenever it was touched
    since. A file in the cache that is not right is thrown away and fetched again.

    Args:
        repo: `org/repo`.
        revision: a commit of 40 hex digits; without `files` also a branch, a tag, or None for the
            main branch.
        files: name → what it must be, from the index; None takes what the Hub says of the files of
            a model, checks its configuration before its weights are fetched, and has a limit.
        local_dir: where to put plain copies.
        force: fetch what is there too, and replace other files in `local_dir`.
        progress: is told how far each file is.

    Returns:
        What came. Its folder is `local_dir`, or the one in the cache, whose name is the commit;
        other files may lie beside those that were asked for.

    Raises:
        ModelError: a file cannot be had, is not what it must be, or cannot be kept.
    """
    model = _model(repo, revision, files)
    found = _plan(repo, model)
    names = sorted(model.files, key=lambda name: (name == WEIGHTS, name != CONFIG))
    if force or not all(file.cached for file in found.files):
        with only_one(found.folder):
            for name in names:
                _fetch(found, name, model.files[name], force, progress)
                if files is None and name == CONFIG:
                    _check_config(found.folder)
    if files is None:
        _check_weights(found.folder / WEIGHTS)
        remember(repo, revision, model, found.folder)
    if local_dir is None:
        return found
    copy_files(found.folder, names, local_dir, force)
    return found._replace(folder=local_dir)


def plan_pull(repo: str, revision: str | None, files: Mapping[str, FileRecord] | None) -> Pulled:
    """The files that `pull` would bring into the cache; brings none.

    Raises:
        ModelError: see `pull`.
    """
    return _plan(repo, _model(repo, revision, files))


def _plan(repo: str, model: HubModel) -> Pulled:
    folder = snapshot(repo, model.commit)
    files = (
        PulledFile(name, spec.size, spec.is_met(folder / name))
        for name, spec in model.files.items()
    )
    return Pulled(repo, model.commit, folder, tuple(files))


def _model(repo: str, revision: str | None, files: Mapping[str, FileRecord] | None) -> HubModel:
    parse_hub_name(repo if revision is None else f"{repo}@{revision}")
    if files is None:
        return repository_files(repo, revision)
    if revision is None or not is_pinned(revision):
        raise ModelError(f"{repo}: an index names a commit of 40 hex digits, not {revision!r}")
    for name in files:
        if not re.fullmatch(FILE_NAME, name) or not name.endswith(ENDINGS):
            raise ModelError(
                f"{repo}: {name[:80]!r} is no file of a model; refused",
                f"files have plain names ending in {', '.join(ENDINGS)}; pickles are never loaded",
            )
    return HubModel(revision, {name: FileSpec(r.size, r.sha256) for name, r in files.items()})


def _fetch(to: Pulled, name: str, spec: FileSpec, force: bool, progress: Progress | None) -> None:
    path = to.folder / name
    if not force and spec.is_met(path):
        return
    if path.is_file() and not spec.is_met(path):
        _log.warning("%s is damaged; it is fetched again", path)
        with wrap_os_error(path):
            discard(path)
    if is_offline():
        raise ModelError(
            f"{name} of {to.repo} is not in the cache, and the network is off",
            "unset HF_HUB_OFFLINE to fetch it",
        )

    from agekit.zoo.hub.download import download

    download(to.repo, to.commit, name, spec, force=force, progress=progress)


def _check_config(folder: Path) -> None:
    from agekit.zoo.folder import read_config

    read_config(folder)


def _check_weights(path: Path) -> None:
    try:
        tensor_types(path)
    except ModelError:
        with wrap_os_error(path):
            discard(path)
        raise
