"""One file from the Hub into the client's cache, checked."""

from __future__ import annotations

import errno
import inspect
import os
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Self

from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_download, hf_hub_url

from agekit.errors import ModelError
from agekit.zoo.hub.cache import discard, hub_cache, snapshot
from agekit.zoo.hub.client import endpoint, hub_client, persistently
from agekit.zoo.hub.errors import FAILURES, explain
from agekit.zoo.hub.guard import Guard, Unanswered
from agekit.zoo.hub.model import Progress, Wanted

__all__ = ["download"]


def download(
    repo: str,
    commit: str,
    name: str,
    wanted: Wanted,
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> None:
    """Fetches a file of a commit into its place in the cache, and checks it.

    A connection that breaks in mid-file goes on where it broke. A file that is not what it must be
    is thrown away, and fetched if the client had only linked what another commit left in the cache.

    Args:
        repo: `org/repo`.
        commit: 40 hex digits.
        name: of the file.
        wanted: what it must be.
        force: fetch it even if it is there.
        progress: is told how far it is.

    Raises:
        ModelError: it cannot be had, or is not what it must be.
    """
    what, path = f"{name} of {repo}", snapshot(repo, commit) / name
    began, linked = time.time_ns(), False
    try:
        _check_room(wanted.size)
        with hub_client(Guard(endpoint(), what, commit, wanted.size)) as api:
            options: dict[str, Any] = {}
            if "tqdm_class" in inspect.signature(hf_hub_download).parameters:
                options["tqdm_class"] = _bar(what, name, wanted.size, progress)
            persistently(lambda: _fetch(api, repo, commit, name, force, options))
        if progress is not None:
            progress(name, wanted.size, wanted.size)
        problem = wanted.problem(path)
        if problem is not None:
            linked = path.stat().st_mtime_ns < began
            discard(path)
    except FAILURES as error:
        raise explain(error, what, endpoint()) from error
    if problem is not None and linked and not force:
        download(repo, commit, name, wanted, force=True, progress=progress)
        return
    if problem is not None:
        raise ModelError(
            f"{what}: {problem}; it was thrown away",
            "try again; if it happens again, what is there is not what was published",
        )


def _fetch(
    api: HfApi, repo: str, commit: str, name: str, force: bool, options: Mapping[str, Any]
) -> None:
    call = partial(
        hf_hub_download,
        repo,
        name,
        revision=commit,
        cache_dir=hub_cache(),
        endpoint=api.endpoint,
        library_name=api.library_name,
        library_version=api.library_version,
        force_download=force,
        **options,
    )
    try:
        call()
    except Unanswered:
        url = hf_hub_url(repo, name, revision=commit, endpoint=api.endpoint)
        get_hf_file_metadata(url, timeout=3)
        call()


def _check_room(size: int) -> None:
    place = hub_cache()
    while not place.exists() and place != place.parent:
        place = place.parent
    with suppress(PermissionError):
        if shutil.disk_usage(place).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(hub_cache()))


def _bar(what: str, name: str, size: int, progress: Progress | None) -> type:
    """What the client tells of its progress; stops it when more comes than there should be."""

    class Bar:
        def __init__(self, *_: Any, initial: int = 0, **__: Any) -> None:
            self.done = initial

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def update(self, n: float | None = 1) -> None:
            self.done += int(n or 0)
            if self.done > size:
                raise ModelError(f"{what}: more than {size:,} bytes come; refused", "try again")
            if progress is not None:
                progress(name, self.done, size)

    return Bar
