"""Names of models: in the index, and on the Hub."""

from __future__ import annotations

import re
from typing import NamedTuple

from agekit.errors import ModelError

__all__ = [
    "ENTRY_NAME",
    "HUB_PREFIX",
    "TASK_NAME",
    "HubName",
    "is_pinned",
    "parse_hub_name",
    "plain_name",
]

HUB_PREFIX = "hf-hub:"
TASK_NAME = r"[a-z][a-z0-9-]{0,49}"
ENTRY_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_REPO = re.compile(r"(?!.*(\.\.|--))\w[\w.-]{0,94}(?<![.-])/\w[\w.-]{0,94}(?<![.-])", re.ASCII)
_REVISION = re.compile(r"(?!.*\.\.)\w[\w./-]{0,199}", re.ASCII)


class HubName(NamedTuple):
    """A repository on the Hub.

    Args:
        repo: ``org/repo``.
        revision: a commit, a tag or a branch; None is the repository's main branch.
    """

    repo: str
    revision: str | None


def is_pinned(revision: str | None) -> bool:
    """True for a commit, which never changes: 40 hex digits."""
    return revision is not None and re.fullmatch("[0-9a-f]{40}", revision) is not None


def parse_hub_name(name: str) -> HubName:
    """Takes ``hf-hub:org/repo`` or ``hf-hub:org/repo@revision`` apart.

    Raises:
        ModelError: it is of another form.
    """
    repo, at, revision = name.removeprefix(HUB_PREFIX).partition("@")
    if not _REPO.fullmatch(repo) or (at and not _REVISION.fullmatch(revision)):
        raise ModelError(
            f"{name!r} does not name a model on the Hub",
            f"the form is {HUB_PREFIX}ORG/REPO, or better {HUB_PREFIX}ORG/REPO@COMMIT",
        )
    return HubName(repo, revision or None)


def plain_name(text: str) -> str:
    """A text as the name of a model or a file: what neither may hold becomes a dash."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")
