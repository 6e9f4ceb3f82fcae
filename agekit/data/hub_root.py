"""Datasets that lie on the Hugging Face Hub, fetched to the Hub client's cache."""

from __future__ import annotations

import os
import re
from functools import cache
from os import PathLike
from pathlib import Path

from agekit.data import notes
from agekit.discovery import core_version
from agekit.errors import DataError, one_line

__all__ = ["local_root"]

# A path of pathlib has lost one of the two slashes.
_FORM = re.compile(r"hf:/+datasets/([\w.-]+/[\w.-]+)(?:@([\w.-]+))?(?:/(.+))?")
_UNREAD = ["*.py", "*.pkl", "*.pickle", "*.pt", "*.pth", "*.bin", "*.safetensors"]
"""Programs and weights, which no reader of faces reads."""


def local_root(root: str | PathLike[str]) -> Path:
    """The place on this machine of a root.

    Of ``hf://datasets/ORG/NAME[@REVISION][/FOLDER]`` that is where its files lie in the client's
    cache; those that are not there are fetched. Any other root is the place itself.

    Raises:
        DataError: it is of another form, or cannot be fetched.
    """
    text = root if isinstance(root, str) else Path(root).as_posix()
    if not text.startswith("hf:"):
        return Path(root)
    form = _FORM.fullmatch(text.rstrip("/"))
    if form is None or ".." in text.split("/"):
        raise DataError(
            f"{text!r} is no dataset of the Hub",
            "the form is hf://datasets/ORG/NAME, or hf://datasets/ORG/NAME@REVISION/FOLDER",
        )
    return _fetched(*form.groups())


@cache
def _fetched(repo: str, revision: str | None, folder: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    name = f"hf://datasets/{repo}"
    try:
        place = snapshot_download(
            repo,
            repo_type="dataset",
            revision=revision,
            allow_patterns=[folder, f"{folder}/*"] if folder else None,
            ignore_patterns=_UNREAD,
            library_name="agekit",
            library_version=core_version(),
            endpoint=os.environ.get("HF_ENDPOINT"),
        )
    except GatedRepoError as error:
        raise DataError(
            f"{name} is given to those who ask for it", "ask on its page, then `hf auth login`"
        ) from error
    except RepositoryNotFoundError as error:
        raise DataError(
            f"the Hub has no dataset {repo}, or shows it to others only",
            "look at its name; of a private one, `hf auth login`",
        ) from error
    except RevisionNotFoundError as error:
        raise DataError(
            f"{name} has no revision {revision}", "name a branch, tag or commit of it"
        ) from error
    except LocalEntryNotFoundError as error:
        raise DataError(
            f"{name} is not in the cache, and the Hub cannot be reached",
            "try again with a network, and without HF_HUB_OFFLINE",
        ) from error
    except Exception as error:  # of the client, of what it sends requests by, of the disk
        raise DataError(f"{name} cannot be fetched: {one_line(error)}", "try again") from error
    commit = Path(place).name
    if revision != commit:
        notes.tell(f"{name} is at commit {commit}: {name}@{commit} names these files for good")
    return Path(place, *(folder or "").split("/"))
