"""Which models' files are on this machine; standard library only."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from agekit.zoo.files import CONFIG, WEIGHTS
from agekit.zoo.hub.cache import hub_cache, snapshot
from agekit.zoo.index.listing import Listing

__all__ = ["folder_here", "folders_here"]


def folder_here(listing: Listing) -> Path | None:
    """The folder of a model's files; None if the weights or the configuration are not there.

    Neither their contents nor their sizes are looked at: `agekit.zoo.verify` does that.
    """
    return folders_here([listing]).get(listing.name)


def folders_here(listings: Iterable[Listing]) -> dict[str, Path]:
    """As `folder_here`, of many: by name, those that are not there left out."""
    try:
        cached = set(os.listdir(hub_cache()))
    except OSError:
        cached = set()
    found: dict[str, Path] = {}
    for listing in listings:
        folder = listing.folder
        repo, revision = listing.hub_repo, listing.revision
        if repo and revision and f"models--{repo.replace('/', '--')}" in cached:
            folder = snapshot(repo, revision)
        if folder and all((folder / name).is_file() for name in (WEIGHTS, CONFIG)):
            found[listing.name] = folder
    return found
