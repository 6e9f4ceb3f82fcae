"""A model on its way to the Hub, and what its repository holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from huggingface_hub import HfApi
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

from agekit.discovery import core_version
from agekit.errors import AgekitError, ModelError
from agekit.zoo.entry import ZooEntry
from agekit.zoo.hub.client import endpoint, retry
from agekit.zoo.hub.errors import explain
from agekit.zoo.hub.repository import FileSpec
from agekit.zoo.names import is_pinned

__all__ = ["Publication", "State", "listed"]

_ATTRIBUTES = ".gitattributes"
"""What the Hub puts into every repository."""
State = Literal["create", "change", "same", "not known", "left out", "refused", "published"]
"""What is to become of a model, and what became of it."""


@dataclass
class Publication:
    """One model of the zoo on its way.

    Attributes:
        name: in the index, and of the repository.
        repo: `org/name`.
        licence: of its weights.
        state: see `State`.
        files: path → bytes.
        benchmarks: the datasets whose test figures it tells the Hub.
        others: paths in the repository that are not the model's, and stay.
        problem: why it is refused or left out, and how to mend it.
        commit: that has all files; 40 hex digits.
        url: of the commit, where it was pushed now.
        entry: for the index, once its files were pulled back.
    """

    name: str
    repo: str
    licence: str
    state: State = "create"
    files: Mapping[str, int] = field(default_factory=dict)
    benchmarks: Sequence[str] = ()
    others: Sequence[str] = ()
    problem: str = ""
    commit: str | None = None
    url: str | None = None
    entry: ZooEntry | None = None

    def refuse(self, error: AgekitError) -> None:
        """Notes what is in its way."""
        self.state = "refused"
        self.problem = f"{error.message} ({error.hint})" if error.hint else error.message


def listed(repo: str, revision: str | None = None) -> tuple[str, bool, dict[str, FileSpec]] | None:
    """The commit of a repository, whether all can see it, its files; None where there is none."""
    api = HfApi(endpoint(), None, "agekit", core_version())
    try:
        info = retry(lambda: api.model_info(repo, revision=revision, files_metadata=True))
    except Exception as error:
        if isinstance(error, RepositoryNotFoundError) and not isinstance(error, GatedRepoError):
            return None
        raise explain(error, repo, endpoint()) from error
    if not is_pinned(info.sha):
        raise ModelError(f"{repo}: the Hub does not say which commit it lists", "try again later")
    specs = {
        file.rfilename: FileSpec(
            file.size or 0, file.lfs.sha256 if file.lfs else "", file.blob_id or ""
        )
        for file in info.siblings or ()
        if file.rfilename != _ATTRIBUTES
    }
    return str(info.sha), not info.private, specs
