"""The cache of the Hub's client: where it is, and a file put into it or thrown out.

The layout is the client's (https://huggingface.co/docs/huggingface_hub/guides/manage-cache): what
files hold lies in ``blobs``, named as the Hub names it, and the files of a commit are links there.
Standard library only, as listings look here for what was pulled. The variables are read when they
are needed: the client reads them when it is imported, which in a process with timm is long before.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from agekit.atomic import aside_of

__all__ = ["discard", "hub_cache", "is_offline", "link_blob", "snapshot"]


def hub_cache() -> Path:
    """The client's cache: `$HF_HUB_CACHE`, else `$HF_HOME/hub`, else `~/.cache/huggingface/hub`."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if own := os.environ.get(variable):
            return _expanded(own)
    if home := os.environ.get("HF_HOME"):
        return _expanded(home) / "hub"
    shared = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return _expanded(shared) / "huggingface" / "hub"


def is_offline() -> bool:
    """True if the user has forbidden the client to use the network."""
    asked = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return asked.upper() in ("1", "ON", "TRUE", "YES")


def snapshot(repo: str, commit: str) -> Path:
    """The folder of a commit's files in the cache; it need not be there.

    Args:
        repo: `org/repo`.
        commit: 40 hex digits.
    """
    return hub_cache() / f"models--{repo.replace('/', '--')}" / "snapshots" / commit


def link_blob(blob: Path, path: Path) -> None:
    """Makes `path`, a file of a snapshot, a link to contents; where there are no links, the file.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = aside_of(path)
    try:
        os.symlink(os.path.relpath(blob, path.parent), aside)
    except OSError:
        os.replace(blob, path)
    else:
        os.replace(aside, path)


def discard(path: Path) -> None:
    """Removes a file of a snapshot, and the contents it is a link to, from the cache.

    Raises:
        OSError: it cannot be removed.
    """
    blobs = path.parent.parent.parent / "blobs"
    target = None
    with suppress(OSError):
        target = Path(os.path.normpath(path.parent / os.readlink(path)))
    path.unlink(missing_ok=True)
    if target is not None and target.parent == blobs:
        target.unlink(missing_ok=True)


def _expanded(path: str) -> Path:
    return Path(os.path.expandvars(os.path.expanduser(path)))
