"""What a repository on the Hub holds at a commit, as the Hub says, and whether that is sane."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from agekit.errors import ModelError
from agekit.zoo.files import CONFIG, SMALL_FILE, WEIGHTS
from agekit.zoo.hub.cache import is_offline
from agekit.zoo.hub.memory import FILES, recall
from agekit.zoo.hub.model import HubModel, Wanted
from agekit.zoo.names import is_pinned

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoSibling

__all__ = ["MOST_GB_VARIABLE", "resolve"]

MOST_GB_VARIABLE = "AGEKIT_HUB_MOST_GB"
"""Names the most that is fetched of a repository outside the index, in 10^9 bytes."""
MOST_GB = 2.0
PICKLES = (".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth")

_log = logging.getLogger(__name__)


def resolve(repo: str, revision: str | None) -> HubModel:
    """What a repository holds, and at which commit.

    Of a commit that was pulled before, that is known. Else the Hub is asked; where it cannot be
    reached, what was pulled before under the same name is taken, with a warning.

    Args:
        repo: `org/repo`.
        revision: a commit, a branch or a tag; None is the main branch.

    Raises:
        ModelError: the Hub cannot be asked or refuses; there is no model in the repository, it is
            too large, or a path it lists leads out of it.
    """
    known = recall(repo, revision)
    if known is not None and (is_pinned(revision) or is_offline()):
        return known
    what = f"{repo}@{revision}" if revision else repo
    if is_offline():
        raise ModelError(
            f"{what} was not pulled before, and the network is off",
            "unset HF_HUB_OFFLINE to fetch it",
        )

    from agekit.zoo.hub.client import endpoint, hub_client, persistently
    from agekit.zoo.hub.errors import FAILURES, explain, is_away
    from agekit.zoo.hub.guard import Guard

    try:
        with hub_client(Guard(endpoint(), what)) as api:
            return persistently(lambda: _ask(api, repo, revision))
    except FAILURES as error:
        if known is None or not is_away(error):
            raise explain(error, what, endpoint()) from error
        _log.warning(
            "cannot reach %s; %s is what was pulled before, commit %s",
            endpoint(),
            what,
            known.commit,
        )
        return known


def _ask(api: HfApi, repo: str, revision: str | None) -> HubModel:
    info = api.model_info(repo, revision=revision, files_metadata=True, timeout=10)
    commit = info.sha
    if commit is None or not is_pinned(commit) or (is_pinned(revision) and commit != revision):
        raise ModelError(f"{repo}: the Hub does not say which commit it lists", "try again later")
    siblings = {file.rfilename: file for file in info.siblings or ()}
    for path in siblings:
        _check_path(repo, path)
    files = {name: _wanted(repo, siblings[name]) for name in FILES if name in siblings}
    for name in (CONFIG, WEIGHTS):
        if name not in files:
            raise _lacks(repo, name, siblings)
    _check_sizes(repo, files)
    return HubModel(commit, files)


def _check_path(repo: str, path: str) -> None:
    parts = re.split(r"[/\\]", path)
    if not path.isprintable() or ".." in parts or "" in parts or ":" in parts[0]:
        raise ModelError(
            f"{repo} lists a path that leads out of it, {path[:80]!r}; refused",
            "no honest repository does; fetch nothing from it",
        )


def _wanted(repo: str, file: RepoSibling) -> Wanted:
    sha256 = file.lfs.sha256 if file.lfs is not None else ""
    git = file.blob_id or ""
    hashes = re.fullmatch(r"([0-9a-f]{64})?", sha256) and re.fullmatch(r"([0-9a-f]{40})?", git)
    if file.size is None or file.size < 0 or not hashes or not (sha256 or git):
        raise ModelError(
            f"{repo}: the Hub does not say what {file.rfilename} must be", "try again later"
        )
    return Wanted(file.size, sha256, git)


def _lacks(repo: str, name: str, siblings: Mapping[str, object]) -> ModelError:
    pickles = sorted(path for path in siblings if path.endswith(PICKLES))
    if name == WEIGHTS and pickles:
        return ModelError(
            f"{repo} has no {WEIGHTS}, only pickles ({', '.join(pickles)[:80]}), which can run "
            "code when they are loaded; none was fetched",
            f"ask its authors for {WEIGHTS}",
        )
    return ModelError(
        f"{repo} is no model of agekit: it has no {name}",
        "`agekit zoo push` makes repositories with all that is needed",
    )


def _check_sizes(repo: str, files: Mapping[str, Wanted]) -> None:
    for name, wanted in files.items():
        if name != WEIGHTS and wanted.size > SMALL_FILE:
            raise ModelError(
                f"{repo}: {name} has {wanted.size:,} bytes, more than {SMALL_FILE:,}; refused",
                "this is no honest model of agekit",
            )
    text = os.environ.get(MOST_GB_VARIABLE) or str(MOST_GB)
    try:
        most = float(text)
    except ValueError:
        raise ModelError(f"{MOST_GB_VARIABLE}={text!r} is not a number", "say 2, or 0.5") from None
    total = sum(wanted.size for wanted in files.values()) / 1e9
    if total > most:
        raise ModelError(
            f"{repo} has {total:,.1f} GB, more than the {most:g} GB that are fetched of a "
            "repository outside the index",
            f"if you trust it, set {MOST_GB_VARIABLE}={total + 0.1:.1f}",
        )
