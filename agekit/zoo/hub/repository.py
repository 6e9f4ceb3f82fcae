"""Listings of repositories outside the index, as the Hub gives them or as they were kept."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from agekit.atomic import write_text
from agekit.data.digests import remembered_hash
from agekit.data.home import cache_home
from agekit.errors import ModelError
from agekit.zoo.files import CARD, CONFIG, METRICS, SMALL_FILE, WEIGHTS, is_graph
from agekit.zoo.hub.cache import is_offline
from agekit.zoo.names import is_pinned

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

__all__ = ["FileSpec", "HubModel", "recall", "remember", "repository_files"]

MOST_GB_VARIABLE = "AGEKIT_HUB_MOST_GB"
"""Names the most that is fetched of a repository outside the index, in 10^9 bytes."""
MOST_GB = 2.0
MOST_LISTING = 10_000_000
"""The most bytes of a repository's listing."""
FILES = (CONFIG, CARD, METRICS, WEIGHTS)
"""The files that are fetched of a repository outside the index, and those for ONNX Runtime."""
SMALL = (CONFIG, CARD, METRICS)
PICKLES = (".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth")

_log = logging.getLogger(__name__)


class FileSpec(NamedTuple):
    """The size and the hash that a file must have.

    Args:
        size: bytes.
        sha256: 64 hex digits, or empty where `git` is known.
        git: the name git has for its contents, 40 hex digits.
    """

    size: int
    sha256: str = ""
    git: str = ""

    def problem(self, path: Path, digest: Callable[[Path], str] = remembered_hash) -> str | None:
        """The fault of the file at `path`, or None.

        Args:
            path: the file.
            digest: gives the SHA-256 of a file.

        Raises:
            OSError: it cannot be read.
        """
        size = os.stat(path).st_size
        if size != self.size:
            return f"it has {size:,} bytes, not {self.size:,}"
        if self.sha256:
            found = digest(path)
            return None if found == self.sha256 else f"its SHA-256 is {found}, not {self.sha256}"
        found = hashlib.sha1(f"blob {size}\0".encode() + path.read_bytes()).hexdigest()
        return None if found == self.git else f"its hash in git is {found}, not {self.git}"

    def is_met(self, path: Path) -> bool:
        """True if the file is there, and right."""
        try:
            return self.problem(path) is None
        except OSError:
            return False


@dataclass(frozen=True)
class HubModel:
    """A model at a commit.

    Args:
        commit: 40 hex digits.
        files: name → what it must be.
    """

    commit: str
    files: Mapping[str, FileSpec]


def repository_files(repo: str, revision: str | None) -> HubModel:
    """The files of a repository, and the commit they are of.

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

    from agekit.zoo.hub.client import endpoint, retry
    from agekit.zoo.hub.errors import explain, is_unreachable

    try:
        return retry(lambda: _ask(repo, revision, what))
    except Exception as error:
        if known is None or not is_unreachable(error):
            raise explain(error, what, endpoint()) from error
        _log.warning(
            "cannot reach %s; %s is what was pulled before, commit %s",
            endpoint(),
            what,
            known.commit,
        )
        return known


def remember(repo: str, revision: str | None, model: HubModel, folder: Path) -> None:
    """Keeps what a repository holds, once its files are here and right.

    Args:
        repo: `org/repo`.
        revision: as it was asked for.
        model: what it holds.
        folder: where the files are.
    """
    with suppress(OSError):
        files = {
            name: {"size": spec.size, "sha256": remembered_hash(folder / name)}
            for name, spec in model.files.items()
        }
        text = json.dumps({"commit": model.commit, "files": files}, indent=1)
        for asked in {revision, model.commit}:
            write_text(_memory(repo, asked), text)


def recall(repo: str, revision: str | None) -> HubModel | None:
    """The listing that was kept of a repository, or None."""
    try:
        known = json.loads(_memory(repo, revision).read_bytes())
        records = known["files"]
        files = {
            name: FileSpec(int(records[name]["size"]), str(records[name]["sha256"]))
            for name in records
            if name in FILES or is_graph(name)
        }
        commit = str(known["commit"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return HubModel(commit, files) if is_pinned(commit) and WEIGHTS in files else None


def _memory(repo: str, revision: str | None) -> Path:
    name = f"{repo.replace('/', '--')}@{quote(revision or 'main', safe='')}.json"
    return cache_home() / "hub" / name


def _ask(repo: str, revision: str | None, what: str) -> HubModel:
    from huggingface_hub import ModelInfo

    from agekit.zoo.hub.client import endpoint, opened, received

    at = f"/revision/{quote(revision, safe='')}" if revision else ""
    text = b""
    with opened(f"{endpoint()}/api/models/{repo}{at}?blobs=true", what) as response:
        for data in received(response, what):
            text += data
            if len(text) > MOST_LISTING:
                raise ModelError(
                    f"{what}: its listing has more than {MOST_LISTING:,} bytes",
                    "no model of agekit has so many files",
                )
    info = ModelInfo(**json.loads(text))  # type: ignore[no-untyped-call]
    commit = info.sha
    if commit is None or not is_pinned(commit) or (is_pinned(revision) and commit != revision):
        raise ModelError(f"{repo}: the Hub does not say which commit it lists", "try again later")
    siblings = {file.rfilename: file for file in info.siblings or ()}
    for path in siblings:
        _check_path(repo, path)
    wanted = [*FILES, *filter(is_graph, siblings)]
    files = {name: _spec(repo, siblings[name]) for name in wanted if name in siblings}
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


def _spec(repo: str, file: RepoSibling) -> FileSpec:
    sha256 = file.lfs.sha256 if file.lfs is not None else ""
    git = file.blob_id or ""
    hashes = re.fullmatch(r"([0-9a-f]{64})?", sha256) and re.fullmatch(r"([0-9a-f]{40})?", git)
    if file.size is None or file.size < 0 or not hashes or not (sha256 or git):
        raise ModelError(
            f"{repo}: the Hub does not say what {file.rfilename} must be", "try again later"
        )
    return FileSpec(file.size, sha256, git)


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


def _check_sizes(repo: str, files: Mapping[str, FileSpec]) -> None:
    for name, spec in files.items():
        if name in SMALL and spec.size > SMALL_FILE:
            raise ModelError(
                f"{repo}: {name} has {spec.size:,} bytes, more than {SMALL_FILE:,}; refused",
                "this is no honest model of agekit",
            )
    text = os.environ.get(MOST_GB_VARIABLE) or str(MOST_GB)
    try:
        most = float(text)
    except ValueError:
        raise ModelError(f"{MOST_GB_VARIABLE}={text!r} is not a number", "say 2, or 0.5") from None
    total = sum(spec.size for spec in files.values()) / 1e9
    if total > most:
        raise ModelError(
            f"{repo} has {total:,.1f} GB, more than the {most:g} GB that are fetched of a "
            "repository outside the index",
            f"if you trust it, set {MOST_GB_VARIABLE}={total + 0.1:.1f}",
        )
