"""One file from the Hub into the client's cache, checked."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, BinaryIO

from huggingface_hub import hf_hub_url

from agekit.atomic import written
from agekit.data.digests import hash_file
from agekit.errors import ModelError
from agekit.zoo.hub.cache import hub_cache, link_blob, snapshot
from agekit.zoo.hub.client import endpoint, opened, received, retry
from agekit.zoo.hub.errors import TRANSPORT, explain, seconds
from agekit.zoo.hub.repository import FileSpec

__all__ = ["Progress", "download"]

Progress = Callable[[str, int, int], None]
"""Is told of a file's name, how many bytes of it are here, and how many there are."""
_BREAKS = 20
"""The most times that a file goes on after its connection broke."""


def download(
    repo: str,
    commit: str,
    name: str,
    spec: FileSpec,
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> None:
    """Fetches a file of a commit into its place in the cache, and checks it.

    A connection that breaks in mid-file goes on where it broke. Contents that another commit left
    in the cache are taken if they are right. A file that is not what it must be is thrown away.

    The client's own `hf_hub_download` names files of the cache after what a Hub says of them, goes
    wherever it sends us, writes as much as it sends, and checks no hash. So the bytes are taken
    here, and named after the hash that they must have.

    Args:
        repo: `org/repo`.
        commit: 40 hex digits.
        name: of the file.
        spec: what it must be.
        force: fetch it even if it is there.
        progress: is told how far it is.

    Raises:
        ModelError: it cannot be had, or is not what it must be.
    """
    what, path = f"{name} of {repo}", snapshot(repo, commit) / name
    blob = path.parents[2] / "blobs" / (spec.sha256 or spec.git)
    try:
        _check_room(spec.size)
        if force or not spec.is_met(blob):
            url = hf_hub_url(repo, name, revision=commit, endpoint=endpoint())
            check = partial(_check, what, commit, spec.size)
            with written(blob) as aside:
                with open(aside, "wb") as file:
                    _receive(url, what, file, spec.size, check, partial(progress or _silent, name))
                if problem := spec.problem(aside, hash_file):
                    raise ModelError(
                        f"{what}: {problem}; it was thrown away",
                        "try again; if it happens again, what is there is not what was published",
                    )
        link_blob(blob, path)
    except Exception as error:
        raise explain(error, what, endpoint()) from error


def _receive(
    url: str,
    what: str,
    file: BinaryIO,
    size: int,
    check: Callable[[Any], None],
    progress: Callable[[int, int], None],
) -> None:
    """Writes what comes; where the connection breaks, goes on as long as more of it came."""

    def go_on() -> None:
        if file.tell() == size:
            return
        with opened(url, what, check, start=file.tell()) as response:
            if response.status_code != 206:
                file.seek(0)
                file.truncate()
            if response.headers.get("Content-Encoding") is None:
                left = seconds(response.headers.get("Content-Length"))
                _check_size(None if left is None else file.tell() + left, what, size)
            for data in received(response, what):
                if file.tell() + len(data) > size:
                    raise ModelError(f"{what}: more than {size:,} bytes come; refused", "try again")
                file.write(data)
                progress(file.tell(), size)

    for _ in range(_BREAKS):
        reached = file.tell()
        try:
            return retry(go_on)
        except TRANSPORT:
            if file.tell() <= reached:
                raise
    raise ModelError(f"{what}: the connection to {endpoint()} broke {_BREAKS} times", "try again")


def _check(what: str, commit: str, size: int, response: Any) -> None:
    """Refuses an answer that is of another commit, or whose file is larger or smaller."""
    reported = response.headers.get("X-Repo-Commit")
    if reported not in (None, commit):
        raise ModelError(
            f"{what}: {endpoint()} answers with commit {reported[:80]!r}; refused",
            "this is not the file that was asked for",
        )
    _check_size(seconds(response.headers.get("X-Linked-Size")), what, size)


def _check_size(announced: int | None, what: str, size: int) -> None:
    if announced not in (None, size):
        raise ModelError(
            f"{what}: {endpoint()} announces {announced:,} bytes, not {size:,}",
            "the file there is not the one that was published; refused",
        )


def _check_room(size: int) -> None:
    place = hub_cache()
    while not place.exists() and place != place.parent:
        place = place.parent
    with suppress(PermissionError):
        if shutil.disk_usage(place).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(hub_cache()))


def _silent(name: str, done: int, size: int) -> None:
    pass
