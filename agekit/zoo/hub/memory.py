"""What was learnt of repositories outside the index, for when there is no network."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from agekit.atomic import write_text
from agekit.data.home import cache_home
from agekit.zoo.files import CARD, CONFIG, METRICS, WEIGHTS
from agekit.zoo.hub.digest import remembered_sha256
from agekit.zoo.hub.model import HubModel, Wanted
from agekit.zoo.names import is_pinned

__all__ = ["FILES", "recall", "remember"]

FILES = (CONFIG, CARD, METRICS, WEIGHTS)
"""What is fetched of a repository outside the index, in this order."""


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
            name: {"size": wanted.size, "sha256": remembered_sha256(folder / name)}
            for name, wanted in model.files.items()
        }
        text = json.dumps({"commit": model.commit, "files": files}, indent=1)
        for asked in {revision, model.commit}:
            write_text(_memory(repo, asked), text)


def recall(repo: str, revision: str | None) -> HubModel | None:
    """What was kept of a repository, or None."""
    try:
        known = json.loads(_memory(repo, revision).read_bytes())
        records = known["files"]
        files = {
            name: Wanted(int(records[name]["size"]), str(records[name]["sha256"]))
            for name in FILES
            if name in records
        }
        commit = str(known["commit"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return HubModel(commit, files) if is_pinned(commit) and WEIGHTS in files else None


def _memory(repo: str, revision: str | None) -> Path:
    name = f"{repo.replace('/', '--')}@{quote(revision or 'main', safe='')}.json"
    return cache_home() / "hub" / name
